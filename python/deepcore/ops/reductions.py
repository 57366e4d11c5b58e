"""Reductions over axes under Keras's names (keras.ops). `axis` is an integer, several, or None."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from deepcore import _core, config
from deepcore._core import all, any, argmax, argmin, logsumexp, mean, std, sum, var

if TYPE_CHECKING:
    from deepcore._core import Axis, Tensor, TensorLike

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "moments",
    "nanmax",
    "nanmean",
    "nanmin",
    "nansum",
    "norm",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]


def max(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The largest element, and at least `initial` (keras.ops.max)."""
    largest = _core.max(x, axis, keepdims)
    return largest if initial is None else _core.maximum(largest, initial)


def min(x: TensorLike, axis: Axis = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    """The smallest element, and at most `initial` (keras.ops.min)."""
    smallest = _core.min(x, axis, keepdims)
    return smallest if initial is None else _core.minimum(smallest, initial)


def amax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element."""
    return _core.max(x, axis, keepdims)


def amin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element."""
    return _core.min(x, axis, keepdims)


def prod(x: TensorLike, axis: Axis = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    """The product of the elements (keras.ops.prod)."""
    if dtype is not None:
        x = _core.cast(x, config.standardize_dtype(dtype))
    return _core.prod(x, axis, keepdims)


def ptp(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element less the smallest."""
    return _core.subtract(_core.max(x, axis, keepdims), _core.min(x, axis, keepdims))


def average(x: TensorLike, axis: Axis = None, weights: TensorLike | None = None) -> Tensor:
    """The mean weighted by `weights`, of x's shape or that of one axis (keras.ops.average)."""
    if weights is None:
        return _core.mean(x, axis)
    x, weights = _core.as_tensor(x), _core.as_tensor(weights)
    if tuple(weights.shape) != tuple(x.shape):
        if not isinstance(axis, int) or len(weights.shape) != 1:
            raise ValueError(
                "average: weights must have the shape of x, or that of one axis. Received: "
                f"x.shape={tuple(x.shape)}, weights.shape={tuple(weights.shape)}, axis={axis}."
            )
        shape = [1] * len(x.shape)
        shape[axis] = weights.shape[0]
        weights = _core.broadcast_to(_core.reshape(weights, shape), x.shape)
    total = _core.sum(_core.multiply(x, weights), axis)
    return _core.true_divide(total, _core.sum(weights, axis))


def count_nonzero(x: TensorLike, axis: Axis = None) -> Tensor:
    """How many elements are not zero, int32."""
    return _core.sum(_core.cast(_core.not_equal(x, 0), "int32"), axis)


def moments(
    x: TensorLike, axes: Axis, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """The mean and the variance (keras.ops.moments). There is one replica to synchronize."""
    x = _core.as_tensor(x)
    rank = len(x.shape)
    if rank >= 2 and axes is not None and config.is_float_dtype(x.dtype):
        reduced = sorted(axis % rank for axis in ((axes,) if isinstance(axes, int) else axes))
        if reduced == list(range(rank - 1)):  # the columns: one trip to memory
            mean, variance = _core.moments(x)
            if not keepdims:
                return mean, variance
            shape = (1,) * (rank - 1) + (x.shape[-1],)
            return _core.reshape(mean, shape), _core.reshape(variance, shape)
    return _core.mean(x, axes, keepdims), _core.var(x, axes, keepdims)


def norm(x: TensorLike, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Vector norms, and the matrix norms that need no decomposition (keras.ops.norm).

    Args:
        x: any shape.
        ord: None, a number, inf, -inf; for matrices "fro", 1, -1, inf, -inf.
        axis: one axis for vectors, two for matrices, None for all (or by rank when `ord` is set).
        keepdims: keep the reduced axes with size 1.

    Raises:
        ValueError: an order that does not exist for that many axes.
        NotImplementedError: matrix norms that need singular values.
    """
    x = _core.as_tensor(x)
    if not config.is_float_dtype(x.dtype):
        x = _core.cast(x, config.floatx())
    if axis is None and ord is None:
        return _root_sum(x, None, keepdims)
    axes = (
        tuple(range(len(x.shape)))
        if axis is None
        else (axis,)
        if isinstance(axis, int)
        else tuple(axis)
    )
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes[0], keepdims)
    if len(axes) != 2:
        raise ValueError(f"norm: axis must name one or two axes. Received: {axis=}.")
    return _matrix_norm(x, ord, axes, keepdims)


def cumsum(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Sums of all elements so far along an axis, or of the flattened tensor (keras.ops.cumsum)."""
    return _scan(_core.add, 0, x, axis, dtype)


def cumprod(x: TensorLike, axis: int | None = None, dtype: Any = None) -> Tensor:
    """Products of all elements so far (keras.ops.cumprod)."""
    return _scan(_core.multiply, 1, x, axis, dtype)


def nansum(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The sum without NaNs."""
    return _core.sum(_core.where(_core.isnan(x), 0, x), axis, keepdims)


def nanmean(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The mean without NaNs; NaN where there is nothing else."""
    total = nansum(x, axis, keepdims)
    count = _core.sum(_core.cast(_core.logical_not(_core.isnan(x)), total.dtype), axis, keepdims)
    return _core.true_divide(total, count)


def nanmax(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest number, NaN where there is none."""
    return _without_nan(_core.max, float("-inf"), x, axis, keepdims)


def nanmin(x: TensorLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest number, NaN where there is none."""
    return _without_nan(_core.min, float("inf"), x, axis, keepdims)


def _without_nan(reduce: Any, fill: float, x: Any, axis: Axis, keepdims: bool) -> Tensor:
    hole = _core.isnan(x)
    found = reduce(_core.where(hole, fill, x), axis, keepdims)
    return _core.where(_core.all(hole, axis, keepdims), float("nan"), found)


def _root_sum(x: Tensor, axis: Axis, keepdims: bool) -> Tensor:
    return _core.sqrt(_core.sum(_core.square(x), axis, keepdims))


def _vector_norm(x: Tensor, ord: Any, axis: int, keepdims: bool) -> Tensor:
    size = _core.abs(x)
    if ord == float("inf"):
        return _core.max(size, axis, keepdims)
    if ord == float("-inf"):
        return _core.min(size, axis, keepdims)
    if ord == 2:
        return _root_sum(x, axis, keepdims)
    if ord == 1:
        return _core.sum(size, axis, keepdims)
    if ord == 0:
        return _core.sum(_core.cast(_core.not_equal(x, 0), x.dtype), axis, keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices; x has shape {tuple(x.shape)}.")
    return _core.power(_core.sum(_core.power(size, ord), axis, keepdims), 1.0 / ord)


def _matrix_norm(x: Tensor, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    if ord in (None, "fro"):
        return _root_sum(x, axes, keepdims)
    row, column = (a % len(x.shape) for a in axes)
    kind = ord if isinstance(ord, str) else builtins.abs(ord)
    if kind == 1:
        along, across = row, column
    elif kind == float("inf"):
        along, across = column, row
    else:
        raise NotImplementedError(
            f"norm: ord={ord!r} needs singular values. Known for matrices: 'fro', 1, -1, inf, -inf."
        )
    sums = _core.sum(_core.abs(x), along, True)
    found = (_core.max if ord > 0 else _core.min)(sums, across, True)
    return found if keepdims else _core.squeeze(found, axes)


def _scan(combine: Any, neutral: int, values: Any, axis: int | None, dtype: Any) -> Tensor:
    """Hillis and Steele's scan: log2(n) shifted combinations, so that traces stay short."""
    x = _core.as_tensor(values)
    if dtype is not None:
        x = _core.cast(x, config.standardize_dtype(dtype))
    elif x.dtype in ("bool", "uint8"):
        x = _core.cast(x, "int32")
    if axis is None:
        x, axis = _core.reshape(x, (-1,)), 0
    axis %= len(x.shape)
    length, shift = x.shape[axis], 1
    while shift < length:
        before = [(0, 0)] * len(x.shape)
        before[axis] = (shift, 0)
        kept = _core.split(x, [length - shift], axis)[0]
        x = combine(x, _core.pad(kept, before, "constant", neutral))
        shift *= 2
    return x
