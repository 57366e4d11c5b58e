"""Where a data set of texts lies: files that people have, or the small samples in the package."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

# Names the folder that holds the folders of the data sets.
VARIABLE = "DEEPCORE_DATA"
SAMPLES = Path(__file__).parent / "samples"
# No file of these data sets is a tenth as large: what unpacks to more is no such file.
MAX_BYTES = 1 << 30


def folder_of(name: str, path: Any) -> Path:
    """The folder of a data set.

    Args:
        name: of the data set's folder.
        path: the folder; when None that of the name in `$DEEPCORE_DATA`, else the sample's.

    Raises:
        FileNotFoundError: `path` is no folder.
    """
    if path is not None:
        folder = Path(os.fspath(path))
        if not folder.is_dir():
            raise FileNotFoundError(f"{name}: there is no folder {folder}.")
        return folder
    home = os.environ.get(VARIABLE)
    if home and Path(home, name).is_dir():
        return Path(home, name)
    return SAMPLES / name


def read_lines(folder: Path, name: str) -> list[str]:
    """The lines of a text file, which may be compressed as `name.gz`.

    Bytes that are not UTF-8, as some old files have, become replacement characters.

    Raises:
        FileNotFoundError: there is neither.
        ValueError: it is damaged.
    """
    path = folder / name
    packed = folder / f"{name}.gz"
    try:
        if path.is_file():
            with open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        elif packed.is_file():
            path = packed
            with gzip.open(packed) as file:
                data = file.read(MAX_BYTES + 1)
        else:
            raise FileNotFoundError(f"There is no file {path} or {packed.name}.")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error}).") from error
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} holds more than {MAX_BYTES >> 20} MiB; refused.")
    lines = data.decode("utf-8", "replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.rstrip("\r") for line in lines]
