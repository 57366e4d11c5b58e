"""What people pass as data, as NumPy arrays that share its memory wherever that is possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deepcore import config, tree

Array = npt.NDArray[Any]
# Kinds of arrays that hold strings, or may.
TEXT = ("U", "S", "O", "T")


class Columns(NamedTuple):
    """The arrays of a data set, and where each belongs in (x, y, sample_weight).

    Attributes:
        arrays: without the Nones; all have as many rows.
        structure: (x, y, sample_weight) with each array replaced by its index; None stays.
    """

    arrays: list[Array]
    structure: tuple[Any, Any, Any]

    @property
    def rows(self) -> int:
        """The number of samples."""
        return len(self.arrays[0])

    def pack(self, leaves: Sequence[Any]) -> tuple[Any, Any, Any]:
        """(x, y, sample_weight) with `leaves` in the places of the arrays."""

        def place(index: int | None) -> Any:
            return None if index is None else leaves[index]

        x, y, weight = self.structure
        return (
            tree.map_structure(place, x),
            tree.map_structure(place, y),
            tree.map_structure(place, weight),
        )

    def types(self, dtypes: dict[int, str]) -> tuple[tuple[tuple[int, ...], str], ...]:
        """The shape of a row and the dtype that a step takes, for each array.

        Args:
            dtypes: by array; those that are not named take the nearest to their own.
        """
        return tuple(
            (array.shape[1:], dtypes.get(i) or step_dtype(array.dtype))
            for i, array in enumerate(self.arrays)
        )


def columns(where: str, x: Any, y: Any = None, sample_weight: Any = None) -> Columns:
    """Checks and converts x, y and sample weights; `where` names the method in errors.

    Raises:
        ValueError: no data, strings or objects but in x, or different numbers of rows.
    """
    arrays: list[Array] = []
    structure = (
        _enter(arrays, where, "x", x),
        _enter(arrays, where, "y", y),
        _enter(arrays, where, "sample_weight", sample_weight),
    )
    if not arrays or structure[0] is None:
        raise ValueError(f"{where}: x is missing.")
    found = Columns(arrays, structure)
    _check_rows(where, found)
    return found


def _enter(arrays: list[Array], where: str, name: str, value: Any) -> Any:
    """Appends the arrays in a value; gives the value with an index for each.

    Not a closure that calls itself: such a cycle would hold the data set until it is collected.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        return {key: _enter(arrays, where, name, item) for key, item in value.items()}
    if _is_structure(value):
        return type(value)([_enter(arrays, where, name, item) for item in value])
    arrays.append(as_array(where, name, value))
    return len(arrays) - 1


def as_array(where: str, name: str, value: Any) -> Array:
    """One array; NumPy arrays, memory maps and views of them pass through without a copy.

    Raises:
        ValueError: it is not numeric, or has no batch axis.
    """
    if isinstance(value, list | tuple) and len(value) == 1 and _has_rows(value[0]):
        value = value[0]  # Keras's way to name the only input
    if hasattr(value, "to_numpy"):
        array = _from_frame(value)
    elif isinstance(value, np.ndarray):
        array = value
    elif isinstance(value, str | bytes) or not (
        hasattr(value, "__array__") or isinstance(value, list | tuple)
    ):
        hint = " Sparse matrices: pass x.toarray()." if hasattr(value, "toarray") else ""
        raise ValueError(
            f"{where}: {name} must be an array, a list of numbers, a pandas frame or an "
            f"iterable of batches. Received: {name} of type {type(value).__name__}.{hint}"
        )
    else:
        # Of objects: an array of `<U` would take the longest string's room for each.
        try:
            array = np.array(value, dtype=object) if _begins_with_text(value) else np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{where}: {name} does not make an array: {error}") from None
    if array.dtype.kind in TEXT and name == "x" and array.ndim:
        return array  # for a model that begins with strings; others refuse it later
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        kind = {"O": "Python objects", "U": "strings", "S": "strings"}.get(array.dtype.kind)
        raise ValueError(
            f"{where}: {name} must hold numbers. Received: "
            f"{kind or 'values'} (dtype {array.dtype}, shape {array.shape}). "
            "Convert it, for example with x.astype('float32'), or map strings to numbers first."
        )
    if array.ndim == 0:
        raise ValueError(f"{where}: {name} must have a batch axis. Received: the number {array}.")
    if array.dtype.name == "bfloat16":
        array = array.astype("float32")
    if array.dtype.itemsize > 8:  # long double
        array = array.astype("float64")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array


def step_dtype(dtype: np.dtype[Any]) -> str:
    """The dtype that a step takes for data of a NumPy dtype: floats are the default float."""
    if dtype.kind == "f" or dtype.name == "bfloat16":
        return config.floatx()
    if dtype.kind == "b":
        return "bool"
    if dtype.kind == "u" and dtype.itemsize == 1:
        return "uint8"
    return "int32" if dtype.itemsize < 4 or dtype == np.int32 else "int64"


def class_weights(where: str, y: Any, class_weight: dict[int, float]) -> Array:
    """Sample weights, float32 (N,), from the weight of each sample's class.

    Args:
        where: names the method in errors.
        y: labels (N,) or (N, 1), or one-hot rows (N, classes).
        class_weight: weights by class; 1 for classes that are not named.
    """
    if y is None or isinstance(y, dict | tuple) or _is_structure(y):
        raise ValueError(f"{where}: class_weight needs one array of targets y.")
    labels = as_array(where, "y", y)
    if labels.ndim > 2:
        raise ValueError(
            f"{where}: class_weight needs labels (N,) or one-hot rows (N, classes). "
            f"Received: y of shape {labels.shape}."
        )
    if labels.ndim == 2:
        labels = labels.argmax(-1) if labels.shape[1] != 1 else labels[:, 0]
    weights = np.ones(len(labels), "float32")
    rounded = np.round(labels) if labels.dtype.kind == "f" else labels
    for label, weight in class_weight.items():
        try:
            weights[rounded == int(label)] = float(weight)
        except (TypeError, ValueError):
            raise ValueError(
                f"{where}: class_weight must map classes (integers) to weights (numbers). "
                f"Received: {class_weight=}."
            ) from None
    return weights


def split(where: str, data: tuple[Any, Any, Any], fraction: Any) -> tuple[Any, Any]:
    """The first and the last part of (x, y, sample_weight), as views.

    Raises:
        ValueError: a part would be empty, or the data cannot be split.
    """
    if isinstance(fraction, str) or not 0 < fraction < 1:
        raise ValueError(
            f"{where}: validation_split must be between 0 and 1. "
            f"Received: validation_split={fraction!r}."
        )
    found = columns(where, *data)
    at = math.floor(found.rows * (1 - fraction))
    if at in (0, found.rows):
        raise ValueError(
            f"{where}: {found.rows} samples cannot be split by validation_split={fraction}: "
            "one part would be empty."
        )
    return (
        found.pack([array[:at] for array in found.arrays]),
        found.pack([array[at:] for array in found.arrays]),
    )


def _is_structure(value: Any) -> bool:
    """Whether a value is a list or tuple of arrays, and not numbers or the only array in a list."""
    if not isinstance(value, list | tuple) or (isinstance(value, list) and len(value) == 1):
        return False
    return any(_has_rows(item) for item in value) or (bool(value) and _leads_to_rows(value[0]))


def _leads_to_rows(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and _leads_to_rows(value[0])
    return isinstance(value, dict) or _has_rows(value)


def _begins_with_text(value: Any) -> bool:
    while isinstance(value, list | tuple) and len(value):
        value = value[0]
    return isinstance(value, str | bytes)


def _has_rows(value: Any) -> bool:
    """Whether a value is an array, and not a number or a list."""
    return len(getattr(value, "shape", ())) > 0


def _from_frame(frame: Any) -> Array:
    array: Array = np.asarray(frame.to_numpy())
    if array.dtype.kind == "O":  # columns of several kinds, or pandas's own nullable numbers
        dtypes = [frame.dtype] if not hasattr(frame, "dtypes") or array.ndim == 1 else frame.dtypes
        if all(getattr(d, "kind", "O") in "biuf" for d in dtypes):
            array = frame.to_numpy(dtype=config.floatx(), na_value=np.nan)
    return array


def _check_rows(where: str, found: Columns) -> None:
    sizes = {len(array) for array in found.arrays}
    if len(sizes) > 1:
        lines = ["Data cardinality is ambiguous. All arrays must contain as many samples:"]
        for name, part in zip(("x", "y", "sample_weight"), found.structure, strict=True):
            held = [len(found.arrays[i]) for i in tree.flatten(part) if i is not None]
            if held:
                lines.append(f"{name!r} sizes: {', '.join(map(str, held))}")
        raise ValueError(f"{where}: " + "\n".join(lines))
    if 0 in sizes:
        raise ValueError(
            f"{where}: x is empty. Received: x of shape {found.arrays[0].shape}, no samples."
        )
