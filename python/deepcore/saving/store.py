"""One object's variables in an HDF5 weights file, written and read with care."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt


class WriteStore:
    """What `save_own_variables` writes into: `path/vars/0`, `path/vars/1`, ..."""

    def __init__(self, file: h5py.File, path: str, name: str | None) -> None:
        self._file = file
        self._path = f"{path}/vars" if path else "vars"
        if name is not None:
            file.require_group(self._path).attrs["name"] = name

    def __setitem__(self, key: str, value: Any) -> None:
        self._file.require_group(self._path)[key] = np.asarray(value)


class ReadStore:
    """What `load_own_variables` reads from; empty when the file has nothing at `path`.

    A weights file is data from anywhere: links to other files are refused, and arrays are read
    only when they are asked for, by something that knows their shape.
    """

    def __init__(self, file: h5py.File, path: str) -> None:
        self._group = _group(file, f"{path}/vars" if path else "vars")

    def keys(self) -> list[str]:
        """The numbers of the variables, as text."""
        return [] if self._group is None else list(self._group.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of a variable, without reading it."""
        return tuple(self._dataset(key).shape)

    def __getitem__(self, key: str) -> npt.NDArray[Any]:
        data = self._dataset(key)
        array = np.asarray(data[()])
        if _is_bfloat16(data):
            return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return array

    def _dataset(self, key: str) -> h5py.Dataset:
        if self._group is None or key not in self._group:
            raise ValueError(f"The weights file has no variable {key} at {self._where()}.")
        item = _hard(self._group, key)
        if not isinstance(item, h5py.Dataset) or not (
            item.dtype.kind in "biuf" or _is_bfloat16(item)
        ):
            raise ValueError(
                f"{self._where()}/{key} of the weights file is not an array of numbers."
            )
        if item.external is not None or item.is_virtual:
            raise ValueError(f"{self._where()}/{key} of the weights file points to another file.")
        if item.nbytes > 1000 * max(item.id.get_storage_size(), 1 << 20):
            raise ValueError(f"{self._where()}/{key} unpacks to {item.nbytes} bytes; refused.")
        return item

    def _where(self) -> str:
        return str(self._group.name) if self._group is not None else "this place"


def _is_bfloat16(data: h5py.Dataset) -> bool:
    """Keras keeps the bits of bfloat16 as they are, as two bytes of no type."""
    return bool(data.dtype == np.dtype("V2") and data.attrs.get("dtype") == "bfloat16")


def _hard(group: h5py.Group, key: str) -> Any:
    if not isinstance(group.get(key, getlink=True), h5py.HardLink):
        raise ValueError(
            f"{group.name}/{key} of the weights file is a link; links are not followed."
        )
    return group[key]


def _group(file: h5py.File, path: str) -> h5py.Group | None:
    group: Any = file
    for part in path.split("/"):
        if part not in group:
            return None
        group = _hard(group, part)
        if not isinstance(group, h5py.Group):
            raise ValueError(f"{path} of the weights file is not a group.")
    return group
