"""Assets of a `.keras` file: what layers keep as files, such as vocabularies (keras.saving)."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = "assets"
# What all assets of one file may take, unpacked; and how much larger one may be than it is stored.
MAX_BYTES = 4 << 30
MAX_RATIO = 100


def collect(model: Any) -> dict[str, bytes]:
    """The files that layers write by `save_assets(folder)`, by their names in the archive."""
    from deepcore.saving.walk import walk

    found: dict[str, bytes] = {}
    for place, owner in walk(model):
        if not hasattr(owner, "save_assets"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            owner.save_assets(folder)
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    name = PurePosixPath(ROOT, place, path.relative_to(folder).as_posix())
                    found[str(name)] = path.read_bytes()
    return found


def restore(model: Any, archive: zipfile.ZipFile, where: Path) -> None:
    """Gives layers their files back, by `load_assets(folder)`, each from a folder of its own.

    Raises:
        ValueError: the archive's files are damaged, too large, or lead out of their folder.
    """
    from deepcore.saving.walk import walk

    names = [name for name in archive.namelist() if name.startswith(f"{ROOT}/")]
    files = [name for name in names if not name.endswith("/")]
    _check(archive, files, where)
    owners = {place: owner for place, owner in walk(model) if hasattr(owner, "load_assets")}
    for place, owner in owners.items():
        own = [name for name in files if _owner(name, owners) == place]
        if not own:
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name in own:
                target = Path(folder, *PurePosixPath(name).relative_to(f"{ROOT}/{place}").parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    target.write_bytes(archive.read(name))
                except Exception as error:  # whichever of zip and its codecs finds the damage
                    raise ValueError(f"{where}: its {name} is damaged ({error}).") from error
            try:
                owner.load_assets(folder)
            except ValueError as error:
                error.add_note(f"(while loading {where})")
                raise


def _owner(name: str, owners: dict[str, Any]) -> str | None:
    """The place of the object that a file belongs to: the longest that leads to it."""
    parts = name.split("/")[1:-1]
    for count in range(len(parts), -1, -1):
        if (place := "/".join(parts[:count])) in owners:
            return place
    return None


def _check(archive: zipfile.ZipFile, files: list[str], where: Path) -> None:
    total = 0
    for name in files:
        if ".." in name.split("/") or "\\" in name or ":" in name or "\0" in name or "//" in name:
            raise ValueError(f"{where}: the name {name!r} leads out of its folder; refused.")
        info = archive.getinfo(name)
        total += info.file_size
        if info.file_size > MAX_RATIO * max(info.compress_size, 1 << 20) or total > MAX_BYTES:
            raise ValueError(f"{where}: its {name} unpacks to {info.file_size} bytes; refused.")
