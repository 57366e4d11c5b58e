"""Tensors made from nothing (keras.ops)."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import _core, config

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "arange",
    "array",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "zeros",
    "zeros_like",
]


def array(x: TensorLike, dtype: Any = None) -> Tensor:
    """A tensor from anything that makes one (keras.ops.array)."""
    return _core.as_tensor(x, None if dtype is None else config.standardize_dtype(dtype))


def zeros(shape: Sequence[int] | int, dtype: Any = None) -> Tensor:
    """Zeros of the default float dtype unless given (keras.ops.zeros)."""
    return _core.full(_dims(shape), 0, config.standardize_dtype(dtype))


def ones(shape: Sequence[int] | int, dtype: Any = None) -> Tensor:
    """Ones (keras.ops.ones)."""
    return _core.full(_dims(shape), 1, config.standardize_dtype(dtype))


def empty(shape: Sequence[int] | int, dtype: Any = None) -> Tensor:
    """Zeros: there is no uninitialised memory here (keras.ops.empty)."""
    return zeros(shape, dtype)


def full(shape: Sequence[int] | int, fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """One value everywhere; `fill_value` may broadcast (keras.ops.full)."""
    value = _core.cast(_core.as_tensor(fill_value), config.standardize_dtype(dtype))
    return _core.broadcast_to(value, _dims(shape))


def zeros_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Zeros of x's shape, and dtype unless given."""
    return full_like(x, 0, dtype)


def ones_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Ones of x's shape, and dtype unless given."""
    return full_like(x, 1, dtype)


def empty_like(x: TensorLike, dtype: Any = None) -> Tensor:
    """Zeros of x's shape, and dtype unless given."""
    return full_like(x, 0, dtype)


def full_like(x: TensorLike, fill_value: TensorLike, dtype: Any = None) -> Tensor:
    """One value in x's shape, and dtype unless given."""
    x = x if isinstance(x, _core.Variable | _core.Tensor) else _core.as_tensor(x)
    return full(tuple(x.shape), fill_value, x.dtype if dtype is None else dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop; from 0 when only one is given (keras.ops.arange).

    The dtype is int32 when all are integers, else the default float.
    """
    numbers = [_number(v) for v in (start, stop, step) if v is not None]
    if dtype is None:
        kinds = [getattr(v, "dtype", None) for v in (start, stop, step) if v is not None]
        if any(isinstance(n, float) for n in numbers):
            dtype = config.floatx()
        else:
            dtype = "int64" if any(str(k) == "int64" for k in kinds) else "int32"
    first = 0 if stop is None else _number(start)
    last = _number(start if stop is None else stop)
    return _core.arange(
        first, last, 1 if step is None else _number(step), config.standardize_dtype(dtype)
    )


def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` numbers evenly spaced from start to stop (keras.ops.linspace).

    Returns:
        The numbers along a new `axis`; with `retstep` also the step.
    """
    start, stop = _core.as_tensor(start), _core.as_tensor(stop)
    inner = config.floatx() if dtype is None else config.standardize_dtype(dtype)
    wide = inner if config.is_float_dtype(inner) else config.floatx()
    start, stop = _core.cast(start, wide), _core.cast(stop, wide)
    parts = num - 1 if endpoint else num
    span = _core.subtract(stop, start)
    step = _core.true_divide(span, parts) if parts > 0 else _core.multiply(span, float("nan"))
    ramp = _core.as_tensor(np.arange(num) / max(parts, 1), wide)
    ramp = _core.reshape(ramp, (num, *[1] * len(span.shape)))
    # Weighing both ends gives stop exactly at the last position.
    points = _core.add(_core.multiply(start, _core.subtract(1.0, ramp)), _core.multiply(stop, ramp))
    if axis != 0:
        order = list(range(1, len(points.shape)))
        order.insert(axis % len(points.shape), 0)
        points = _core.transpose(points, order)
    points = _core.cast(points, inner)
    return (points, step) if retstep else points


def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Tensor:
    """base**x for x evenly spaced (keras.ops.logspace)."""
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    return _core.cast(_core.power(float(base), exponents), config.standardize_dtype(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones at and below diagonal `k` of an (N, M) matrix (keras.ops.tri)."""
    return _core.as_tensor(np.tri(N, M, k), config.standardize_dtype(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    """Ones on diagonal `k` of an (N, M) matrix (keras.ops.eye)."""
    return _core.as_tensor(np.eye(N, M, k), config.standardize_dtype(dtype))


def identity(n: int, dtype: Any = None) -> Tensor:
    """The (n, n) identity matrix (keras.ops.identity)."""
    return eye(n, dtype=dtype)


def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Tensor]:
    """Coordinate matrices from coordinate vectors (keras.ops.meshgrid).

    Raises:
        ValueError: `indexing` is neither "xy" nor "ij".
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij'. Received: {indexing=}.")
    vectors = [_core.reshape(_core.as_tensor(v), (-1,)) for v in x]
    order = list(range(len(vectors)))
    if indexing == "xy" and len(order) > 1:
        order[:2] = [1, 0]
    shape = [0] * len(vectors)
    for vector, place in zip(vectors, order, strict=True):
        shape[place] = vector.shape[0]
    grids = []
    for vector, place in zip(vectors, order, strict=True):
        column = [1] * len(vectors)
        column[place] = vector.shape[0]
        grids.append(_core.broadcast_to(_core.reshape(vector, column), shape))
    return grids


def _dims(shape: Any) -> tuple[int, ...]:
    try:
        return (operator.index(shape),)
    except (TypeError, ValueError):  # a tensor of several
        return tuple(operator.index(d) for d in shape)


def _number(value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    item: int | float = value.item() if hasattr(value, "item") else float(value)
    return item
