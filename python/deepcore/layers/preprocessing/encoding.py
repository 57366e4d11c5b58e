"""Category numbers as one-hot, multi-hot and count rows: of arrays, and of tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import ops
from deepcore.symbolic import Shape

Array = npt.NDArray[Any]
OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count")


def encode(ids: Array, mode: str, depth: int, dtype: str, weights: Array | None = None) -> Array:
    """Category numbers as Keras encodes them; those outside [0, depth) count nowhere.

    Args:
        ids: of any shape; `multi_hot` and `count` put the second axis (of a vector: the only one)
            together.
        mode: `one_hot`, `multi_hot` or `count`.
        depth: the size of the output's last axis.
        dtype: of the output.
        weights: of the categories, for `count`.
    """
    if ids.ndim == 0:
        ids = ids[None]
    if mode == "one_hot":
        if ids.ndim > 1 and ids.shape[-1] == 1:
            ids = ids[..., 0]
        rows = tally(ids.reshape(-1), np.arange(ids.size), ids.size, "multi_hot", depth, dtype)
        return rows.reshape(*ids.shape, depth)
    axis = 1 if ids.ndim > 1 else 0
    ids = np.moveaxis(ids, axis, -1)
    count = int(np.prod(ids.shape[:-1]))
    row = np.repeat(np.arange(count), ids.shape[-1])
    rows = tally(ids.reshape(-1), row, count, mode, depth, dtype, weights)
    return rows.reshape(*ids.shape[:-1], depth)


def encode_tensor(ids: Any, mode: str, depth: int, dtype: str, weights: Any = None) -> Any:
    """As `encode`, of a tensor, with ops.

    Args:
        ids: integers.
        mode: `one_hot`, `multi_hot` or `count`.
        depth: the size of the output's last axis.
        dtype: of the output.
        weights: of the ids, for `count`.
    """
    if not ids.shape:
        ids = ops.expand_dims(ids, 0)
    if mode == "one_hot":
        if len(ids.shape) > 1 and ids.shape[-1] == 1:
            ids = ops.squeeze(ids, -1)
        return ops.one_hot(ids, depth, dtype=dtype)
    rows = ops.one_hot(ids, depth, dtype=dtype)
    axis = 1 if len(ids.shape) > 1 else 0
    if mode == "multi_hot":
        return ops.max(rows, axis=axis) if ids.shape[axis] else ops.sum(rows, axis=axis)
    if weights is not None:
        rows = rows * ops.expand_dims(ops.cast(weights, dtype), -1)
    return ops.sum(rows, axis=axis)


def encoded_shape(shape: Shape, mode: str, depth: int | None) -> Shape:
    """The shape of encoded categories of a shape; see `encode`."""
    if mode == "one_hot":
        single = len(shape) > 1 and shape[-1] == 1
        return (*((shape[:-1] if single else shape) or (1,)), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)


def tally(
    ids: Array,
    row: Array,
    rows: int,
    mode: str,
    depth: int,
    dtype: str,
    weights: Array | None = None,
) -> Array:
    """A row of `depth` numbers for each sample: which categories it has, or how often.

    Args:
        ids: categories, flat; those outside [0, depth) count nowhere.
        row: the sample that each belongs to.
        rows: the number of samples.
        mode: `multi_hot` or `count`.
        depth: the number of categories.
        dtype: of the output.
        weights: of the categories, for `count`.
    """
    out = np.zeros(rows * depth, dtype)  # mostly zeros, which nobody touches
    known = (ids >= 0) & (ids < depth)
    places = row[known] * depth + ids[known]
    if mode == "count":
        places, counts = np.unique(places, return_counts=True)
        out[places] = counts if weights is None else counts * weights[places % depth]
    else:
        out[places] = 1
    return out.reshape(rows, depth)


def padded(ids: Array, lengths: Array, length: int) -> Array:
    """Rows that come one after the other, cut to `length` or filled up with zeros."""
    if len(lengths) and int(lengths.max()) > length:
        place = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        ids = ids[place < length]
        lengths = np.minimum(lengths, length)
    out = np.zeros((len(lengths), length), ids.dtype)
    out[np.arange(length) < lengths[:, None]] = ids
    return out
