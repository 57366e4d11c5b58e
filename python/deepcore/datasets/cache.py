"""Files that are downloaded once: found in Keras's cache, checked, and put there in one piece."""

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path


def cache_folder() -> Path:
    """The folder that Keras keeps its data sets in."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def get_file(name: str, origin: str, sha256: str) -> Path:
    """The path of a cached file, downloaded first when it is missing.

    Args:
        name: its name in the cache folder, or the path of an existing file.
        origin: the address it comes from.
        sha256: what the download's hash must be, in hex.

    Raises:
        OSError: when it cannot be downloaded, or arrives damaged.
    """
    if os.path.isfile(name):
        return Path(name)
    path = cache_folder() / name
    if path.is_file():
        return path
    advice = f"download {origin} on a machine that can and put it at {path}, or pass its path"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(origin, path, sha256)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise OSError(
            f"{path.name} is not at {path} and cannot be fetched ({reason}): {advice}"
        ) from error
    return path


def _download(origin: str, path: Path, sha256: str) -> None:
    from tqdm.auto import tqdm

    digest = hashlib.sha256()
    with urllib.request.urlopen(origin, timeout=30) as response:
        total = int(response.headers.get("Content-Length") or 0) or None
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with (
                os.fdopen(handle, "wb") as file,
                tqdm(total=total, unit="B", unit_scale=True, desc=path.name) as bar,
            ):
                while block := response.read(1 << 16):
                    file.write(block)
                    digest.update(block)
                    bar.update(len(block))
                file.flush()
                os.fsync(file.fileno())
            if digest.hexdigest() != sha256:
                found = digest.hexdigest()
                raise OSError(
                    f"{origin} arrived damaged (SHA-256 {found}, not {sha256}): try again"
                )
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
