"""Files that are downloaded once: found in Keras's cache, checked, and put there in one piece."""

import hashlib
import http.client
import os
import secrets
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import IO

_TIMEOUT_S = 30
_BLOCK = 1 << 16


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
    if os.path.dirname(name):  # somebody's own file, which a download would not replace
        raise FileNotFoundError(
            f"There is no file {name}. A name without folders is looked up in {cache_folder()}, "
            "and downloaded there."
        )
    path = cache_folder() / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(origin, path, sha256)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise OSError(
            f"{path.name} is not at {path} and cannot be fetched ({reason}): download {origin} on "
            f"a machine that can and put it at {path}, or pass its path."
        ) from error
    return path


def _download(origin: str, path: Path, sha256: str) -> None:
    """Fetches `origin` to `path`: it is there whole and right, or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with (
            urllib.request.urlopen(origin, timeout=_TIMEOUT_S) as response,
            open(part, "xb") as file,
        ):
            found = _copy(response, file, path.name)
            file.flush()
            os.fsync(file.fileno())
        if found != sha256:
            raise OSError(f"it arrived damaged: its SHA-256 is {found}, not {sha256}")
        os.replace(part, path)
    except BaseException as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the server's answer
        with suppress(FileNotFoundError):
            part.unlink()
        raise


def _copy(response: http.client.HTTPResponse, file: IO[bytes], name: str) -> str:
    """Copies with a progress bar; gives the SHA-256 of what came."""
    from tqdm.auto import tqdm

    digest = hashlib.sha256()
    total = int(response.headers.get("Content-Length") or 0) or None
    with tqdm(total=total, unit="B", unit_scale=True, desc=f"Downloading {name}") as bar:
        while block := response.read(_BLOCK):
            file.write(block)
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()
