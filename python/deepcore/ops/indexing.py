"""Reading and writing by position (keras.ops)."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import _core, config
from deepcore._core import take

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "diag",
    "diagonal",
    "get_item",
    "multi_hot",
    "nonzero",
    "one_hot",
    "scatter",
    "select",
    "slice",
    "slice_update",
    "take",
    "take_along_axis",
    "top_k",
    "trace",
    "tril",
    "triu",
]


def get_item(x: TensorLike, key: Any) -> Tensor:
    """x[key] (keras.ops.get_item)."""
    return _core.as_tensor(x)[key]


def slice(inputs: TensorLike, start_indices: Sequence[int], shape: Sequence[int]) -> Tensor:
    """The block of that shape at that position; -1 takes the rest (keras.ops.slice)."""
    x = _core.as_tensor(inputs)
    starts, sizes = _ints(start_indices), _ints(shape)
    key = [
        builtins.slice(b, None if n == -1 else b + n) for b, n in zip(starts, sizes, strict=True)
    ]
    return x[tuple(key)]


def slice_update(inputs: TensorLike, start_indices: Sequence[int], updates: TensorLike) -> Tensor:
    """`inputs` with a block replaced (keras.ops.slice_update)."""
    x, updates = _core.as_tensor(inputs), _core.as_tensor(updates)
    starts = _ints(start_indices)
    widths = [(b, full - b - n) for b, n, full in zip(starts, updates.shape, x.shape, strict=True)]
    block = _core.pad(_core.cast(updates, x.dtype), widths)
    inside = _core.pad(_core.full(updates.shape, True, "bool"), widths)
    return _core.where(inside, block, x)


def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Tensor:
    """x[..., indices[..., i, ...], ...] along one axis (keras.ops.take_along_axis)."""
    x, indices = _core.as_tensor(x), _core.as_tensor(indices)
    if axis is None:
        return _core.take(_core.reshape(x, (-1,)), _core.reshape(indices, (-1,)), 0)
    rank = len(x.shape)
    axis %= rank
    if len(indices.shape) != rank:
        raise ValueError(
            "take_along_axis: x and indices must have as many axes. Received: "
            f"x.shape={tuple(x.shape)}, indices.shape={tuple(indices.shape)}."
        )
    frame = [
        math.prod(np.broadcast_shapes((a,), (b,))) if i != axis else 0
        for i, (a, b) in enumerate(zip(x.shape, indices.shape, strict=True))
    ]
    x = _core.broadcast_to(x, [x.shape[axis] if i == axis else n for i, n in enumerate(frame)])
    shape = [indices.shape[axis] if i == axis else n for i, n in enumerate(frame)]
    indices = _core.broadcast_to(indices, shape)
    length = x.shape[axis]
    indices = _core.where(_core.less(indices, 0), _core.add(indices, length), indices)
    # The position in the flattened x: that of the row, plus the index times the axis's stride.
    strides = [math.prod(x.shape[i + 1 :]) for i in range(rank)]
    rows = np.zeros(shape, "int64")
    for i in range(rank):
        if i != axis:
            steps = np.arange(shape[i]) * strides[i]
            rows += steps.reshape([-1 if j == i else 1 for j in range(rank)])
    wide = "int64" if math.prod(x.shape) > 2**31 - 1 else "int32"
    flat = _core.add(_core.multiply(_core.cast(indices, wide), strides[axis]), rows.astype(wide))
    return _core.take(_core.reshape(x, (-1,)), flat, 0)


def one_hot(
    x: TensorLike, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """1 at the position of each label on a new axis, zeros elsewhere (keras.ops.one_hot).

    A label outside [0, num_classes) gives zeros.

    Raises:
        ValueError: `sparse` is set.
    """
    if sparse:
        raise ValueError("one_hot: sparse tensors are not supported.")
    return _core.one_hot(x, num_classes, axis, config.standardize_dtype(dtype))


def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """1 at the positions of all labels of a sample (keras.ops.multi_hot)."""
    classes = kwargs.pop("num_tokens", num_classes)
    x = _core.as_tensor(inputs)
    hot = one_hot(x, classes, axis, dtype, sparse)
    reduced = 1 if len(x.shape) > 1 else 0
    return _core.max(hot, reduced)


def nonzero(x: TensorLike) -> tuple[Tensor, ...]:
    """The positions of the elements that are not zero, an int32 vector for each axis.

    Raises:
        NotImplementedError: in a traced function, where the number of results is not known.
    """
    x = _core.as_tensor(x)
    if x.is_symbolic:
        raise NotImplementedError("nonzero cannot be traced: its shape depends on the values.")
    return tuple(_core.as_tensor(i.astype("int32")) for i in np.nonzero(x.numpy()))


def scatter(indices: TensorLike, values: TensorLike, shape: Sequence[int]) -> Tensor:
    """Zeros of `shape` with values added in at positions (keras.ops.scatter).

    Args:
        indices: (n, len(shape)) integers.
        values: (n,).
        shape: of the result. The cost is n times its size.
    """
    indices, values = _core.as_tensor(indices), _core.as_tensor(values)
    dims = _ints(shape)
    strides = [math.prod(dims[i + 1 :]) for i in range(len(dims))]
    flat = _core.sum(_core.multiply(indices, _core.as_tensor(strides, indices.dtype)), -1)
    hot = _core.one_hot(flat, math.prod(dims), -1, "float32")
    added = _core.where(_core.equal(hot, 1), _core.expand_dims(values, -1), 0)
    return _core.reshape(_core.cast(_core.sum(added, 0), values.dtype), dims)


def select(
    condlist: Sequence[TensorLike], choicelist: Sequence[TensorLike], default: TensorLike = 0
) -> Tensor:
    """The choice of the first condition that holds (keras.ops.select)."""
    result = default
    for condition, choice in list(zip(condlist, choicelist, strict=True))[::-1]:
        result = _core.where(condition, choice, result)
    return _core.as_tensor(result)


def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest of the last axis, in order, and where they are (keras.ops.top_k).

    Each costs one pass over x, which suits small k.

    Raises:
        ValueError: the last axis is shorter than k.
    """
    x = _core.as_tensor(x)
    if not x.shape or x.shape[-1] < k:
        raise ValueError(f"top_k: the last axis of {tuple(x.shape)} is shorter than k={k}.")
    number = _core.arange(0, x.shape[-1], 1, "int32")
    free = _core.full(x.shape, True, "bool")
    values, places = [], []
    low = float("-inf") if config.is_float_dtype(x.dtype) else np.iinfo(x.dtype).min
    for _ in range(k):
        best = _core.max(_core.where(free, x, low), -1, True)
        hit = _core.logical_and(free, _core.equal(x, best))
        place = _core.argmax(_core.cast(hit, "int32"), -1, True)
        values.append(best)
        places.append(place)
        free = _core.logical_and(free, _core.not_equal(number, place))
    return _core.concatenate(values, -1), _core.concatenate(places, -1)


def tril(x: TensorLike, k: int = 0) -> Tensor:
    """Zeros above diagonal k."""
    x = _core.as_tensor(x)
    return _core.where(np.tri(x.shape[-2], x.shape[-1], k, dtype=bool), x, 0)


def triu(x: TensorLike, k: int = 0) -> Tensor:
    """Zeros below diagonal k."""
    x = _core.as_tensor(x)
    return _core.where(np.tri(x.shape[-2], x.shape[-1], k - 1, dtype=bool), 0, x)


def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of two axes, as the last axis (keras.ops.diagonal)."""
    x = _core.as_tensor(x)
    rank = len(x.shape)
    axis1, axis2 = axis1 % rank, axis2 % rank
    rest = [a for a in range(rank) if a not in (axis1, axis2)]
    rows, columns = x.shape[axis1], x.shape[axis2]
    count = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    first = max(offset, 0) - min(offset, 0) * columns
    places = first + np.arange(count) * (columns + 1)
    flat = _core.reshape(
        _core.transpose(x, [*rest, axis1, axis2]), [*(x.shape[a] for a in rest), rows * columns]
    )
    return _core.take(flat, places.astype("int32"), len(rest))


def diag(x: TensorLike, k: int = 0) -> Tensor:
    """A matrix with this diagonal, or the diagonal of a matrix (keras.ops.diag)."""
    x = _core.as_tensor(x)
    if len(x.shape) == 2:
        return diagonal(x, k)
    n = x.shape[0]
    wide = n + abs(k)
    rows = _core.pad(x, [(max(-k, 0), max(k, 0))])
    on = _core.as_tensor(np.eye(wide, k=k, dtype=bool))
    return _core.where(on, _core.reshape(rows, (wide, 1)), 0)


def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the diagonal."""
    return _core.sum(diagonal(x, offset, axis1, axis2), -1)


def _ints(values: Any) -> list[int]:
    return [int(v) for v in (values.tolist() if hasattr(values, "tolist") else values)]
