"""Global settings: the default float type, epsilon and what counts as a dtype (keras.config)."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepcore.checks import unknown

DTYPES = ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
_ALIASES = {"int": "int32", "float": None, "double": "float64", "half": "float16"}
_FLOATS = ("float16", "bfloat16", "float32", "float64")

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"


def backend() -> str:
    """The name of the engine (keras.config.backend): always `"deepcore"`."""
    return "deepcore"


def floatx() -> str:
    """The dtype that floats get when none is given (keras.config.floatx)."""
    return _floatx


def set_floatx(value: str) -> None:
    """Sets the default float dtype: one of float16, bfloat16, float32, float64.

    Raises:
        ValueError: `value` is not one of these.
    """
    global _floatx
    if value not in _FLOATS:
        raise ValueError(unknown("floatx", value, _FLOATS))
    _floatx = value


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite (keras.config.epsilon)."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Sets the fuzz factor returned by `epsilon()`."""
    global _epsilon
    _epsilon = float(value)


def image_data_format() -> str:
    """`"channels_last"` or `"channels_first"` (keras.config.image_data_format)."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets the default layout of images.

    Raises:
        ValueError: `data_format` is neither of the two layouts.
    """
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Checks a layout; None means the default one.

    Raises:
        ValueError: `data_format` is neither of the two layouts.
    """
    if data_format is None:
        return _image_data_format
    name = str(data_format).lower()
    if name not in ("channels_first", "channels_last"):
        raise ValueError(
            "data_format must be 'channels_first' or 'channels_last'. "
            f"Received: data_format={data_format!r}."
        )
    return name


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype given as a name, a Python or NumPy type, or None (the default float).

    Example:
        >>> standardize_dtype(None), standardize_dtype(np.int64), standardize_dtype(bool)
        ('float32', 'int64', 'bool')

    Raises:
        ValueError: no tensor can hold this dtype.
    """
    if dtype is None or dtype is float:
        return _floatx
    if dtype is bool:
        return "bool"
    if dtype is int:
        return "int32"
    if isinstance(dtype, str):
        name = dtype
    else:
        name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
        if isinstance(dtype, type) and issubclass(dtype, np.generic):
            name = np.dtype(dtype).name
    if name in DTYPES:
        return name
    name = name.removeprefix("torch.").removeprefix("tf.")
    name = _ALIASES.get(name, name) or _floatx
    if name not in DTYPES:
        raise ValueError(unknown("dtype", str(dtype), DTYPES))
    return name


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is a floating one (keras.backend.is_float_dtype)."""
    return standardize_dtype(dtype) in _FLOATS


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is an integer one; bool is not (keras.backend.is_int_dtype)."""
    return standardize_dtype(dtype) in ("uint8", "int32", "int64")
