"""Conversion and shapes (keras.ops)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepcore import _core, config
from deepcore._core import stop_gradient

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "dtype",
    "is_tensor",
    "saturate_cast",
    "shape",
    "stop_gradient",
]


def convert_to_tensor(
    x: TensorLike, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """A tensor from an array, a number, nested lists or a variable (keras.ops.convert_to_tensor).

    Raises:
        ValueError: a sparse or ragged tensor is asked for.
    """
    if sparse or ragged:
        raise ValueError("convert_to_tensor: sparse and ragged tensors are not supported.")
    name = None if dtype is None else config.standardize_dtype(dtype)
    if not isinstance(x, _core.Tensor | _core.Variable):
        return _core.as_tensor(x, name)
    tensor = x.value if isinstance(x, _core.Variable) else x
    return tensor if name is None or name == tensor.dtype else _core.cast(tensor, name)


def convert_to_numpy(x: TensorLike) -> npt.NDArray[Any]:
    """A NumPy array with the same values (keras.ops.convert_to_numpy)."""
    if isinstance(x, _core.Variable | _core.Tensor):
        return x.numpy()
    return np.asarray(x)


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor; variables and arrays are not (keras.ops.is_tensor)."""
    return isinstance(x, _core.Tensor)


def shape(x: TensorLike) -> tuple[int, ...]:
    """The sizes of the axes (keras.ops.shape)."""
    found = getattr(x, "shape", None)
    return tuple(_core.as_tensor(x).shape if found is None else found)


def dtype(x: TensorLike) -> str:
    """The name of the dtype (keras.ops.dtype)."""
    found = getattr(x, "dtype", None)
    return _core.as_tensor(x).dtype if found is None else config.standardize_dtype(found)


def cast(x: TensorLike, dtype: Any) -> Tensor:
    """x in another dtype; floats go to integers towards zero (keras.ops.cast)."""
    return _core.cast(x, config.standardize_dtype(dtype))


def saturate_cast(x: TensorLike, dtype: Any) -> Tensor:
    """x in another dtype, what does not fit at its nearest end (keras.ops.saturate_cast)."""
    name = config.standardize_dtype(dtype)
    x = _core.as_tensor(x)
    if name == "bool" or config.is_float_dtype(name) or x.dtype == "bool":
        return _core.cast(x, name)
    limits = np.iinfo(name)
    return _core.cast(_core.clip(x, limits.min, limits.max), name)
