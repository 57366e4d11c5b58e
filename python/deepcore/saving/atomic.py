"""Files that are either the old ones or the new ones, whole, whatever happens in between."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends well.

    It is written beside, flushed to the disk and renamed. After an error or a kill, what was at
    `path` is still there; after an error nothing is left beside it.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    try:
        with _beside(target) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileNotFoundError):  # a new file has the rights that files get here
                os.fchmod(file.fileno(), target.stat().st_mode & 0o777)
            os.replace(file.name, target)
    except OSError as error:
        raise OSError(
            error.errno,
            f"Cannot save to {path}: {error.strerror or error}. What was there is unchanged.",
        ) from error
    with suppress(OSError):  # some file systems cannot
        _sync_folder(target.parent)


@contextmanager
def _beside(target: Path) -> Iterator[IO[bytes]]:
    """A new file in the folder of `target`; gone after an error."""
    name = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    with open(name, "x+b") as file:
        try:
            yield file
        except BaseException:
            with suppress(OSError):
                name.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_target(path: Path, overwrite: bool) -> None:
    """Refuses a target that must not, or cannot, be replaced.

    Raises:
        FileExistsError: it exists and `overwrite` is false.
        FileNotFoundError: its folder does not exist.
        IsADirectoryError: it is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(f"Cannot save to {path}: it is a folder.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; pass overwrite=True to replace it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Cannot save to {path}: there is no folder {path.parent}.")
