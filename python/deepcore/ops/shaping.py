"""Moving elements without changing them (keras.ops)."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import _core
from deepcore._core import (
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    reshape,
    split,
    squeeze,
    tile,
    transpose,
)

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "append",
    "array_split",
    "broadcast_to",
    "concatenate",
    "copy",
    "dsplit",
    "dstack",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hsplit",
    "hstack",
    "moveaxis",
    "ndim",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "size",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "unstack",
    "vsplit",
    "vstack",
]


def ndim(x: TensorLike) -> int:
    """The number of axes."""
    found = getattr(x, "shape", None)
    return len(_core.as_tensor(x).shape if found is None else found)


def size(x: TensorLike) -> int:
    """The number of elements."""
    return math.prod(_core.as_tensor(x).shape)


def copy(x: TensorLike) -> Tensor:
    """The tensor itself: tensors never change (keras.ops.copy)."""
    return _core.as_tensor(x)


def ravel(x: TensorLike) -> Tensor:
    """All elements on one axis."""
    return _core.reshape(x, (-1,))


def stack(x: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors of one shape along a new axis (keras.ops.stack)."""
    return _core.stack(x, axis)


def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The slices along an axis, without it (keras.ops.unstack)."""
    x = _core.as_tensor(x)
    count = x.shape[axis]
    if num is not None and num != count:
        raise ValueError(f"unstack: axis {axis} has {count} slices. Received: {num=}.")
    if count == 0:
        return []
    return [_core.squeeze(part, axis) for part in _core.split(x, count, axis)]


def hstack(xs: Sequence[TensorLike]) -> Tensor:
    """Side by side: along axis 1, or 0 for vectors."""
    parts = [_at_least(x, 1) for x in xs]
    return _core.concatenate(parts, 0 if len(parts[0].shape) == 1 else 1)


def vstack(xs: Sequence[TensorLike]) -> Tensor:
    """One above the other; vectors become rows."""
    return _core.concatenate([_at_least(x, 2) for x in xs], 0)


def dstack(xs: Sequence[TensorLike]) -> Tensor:
    """Along axis 2."""
    parts = []
    for x in xs:
        x = _at_least(x, 2)
        parts.append(_core.expand_dims(x, 2) if len(x.shape) == 2 else x)
    return _core.concatenate(parts, 2)


def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Tensor:
    """x2 after x1, both flattened when `axis` is None."""
    if axis is None:
        return _core.concatenate([ravel(x1), ravel(x2)], 0)
    return _core.concatenate([x1, x2], axis)


def array_split(x: TensorLike, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Like `split`, but the parts need not be equal (keras.ops.array_split)."""
    x = _core.as_tensor(x)
    if not isinstance(indices_or_sections, int):
        return _core.split(x, indices_or_sections, axis)
    parts, extra = divmod(x.shape[axis], indices_or_sections)
    ends = [(i + 1) * parts + builtins.min(i + 1, extra) for i in range(indices_or_sections - 1)]
    return _core.split(x, ends, axis)


def hsplit(x: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """Splits axis 1, or 0 for vectors."""
    x = _core.as_tensor(x)
    return _core.split(x, indices_or_sections, 0 if len(x.shape) == 1 else 1)


def vsplit(x: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """Splits axis 0."""
    return _core.split(x, indices_or_sections, 0)


def dsplit(x: TensorLike, indices_or_sections: Any) -> list[Tensor]:
    """Splits axis 2."""
    return _core.split(x, indices_or_sections, 2)


def moveaxis(x: TensorLike, source: Any, destination: Any) -> Tensor:
    """Axes put into other places, the rest in order (keras.ops.moveaxis)."""
    x = _core.as_tensor(x)
    rank = len(x.shape)
    sources = [a % rank for a in ([source] if isinstance(source, int) else source)]
    places = [a % rank for a in ([destination] if isinstance(destination, int) else destination)]
    if len(sources) != len(places):
        raise ValueError(
            "moveaxis: source and destination must name as many axes. "
            f"Received: {source=}, {destination=}."
        )
    order = [a for a in range(rank) if a not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return _core.transpose(x, order)


def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    x = _core.as_tensor(x)
    order = list(range(len(x.shape)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return _core.transpose(x, order)


def fliplr(x: TensorLike) -> Tensor:
    """Left to right: axis 1 reversed."""
    return _core.flip(x, 1)


def flipud(x: TensorLike) -> Tensor:
    """Upside down: axis 0 reversed."""
    return _core.flip(x, 0)


def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """Rotated by k quarter turns from the first axis to the second (keras.ops.rot90)."""
    x, (first, second) = _core.as_tensor(array), axes
    k %= 4
    if k == 0:
        return x
    if k == 2:
        return _core.flip(x, list(axes))
    if k == 1:
        return swapaxes(_core.flip(x, second), first, second)
    return _core.flip(swapaxes(x, first, second), second)


def repeat(x: TensorLike, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Each slice so many times, one after another (keras.ops.repeat)."""
    x = ravel(x) if axis is None else _core.as_tensor(x)
    axis = 0 if axis is None else axis % len(x.shape)
    length = x.shape[axis]
    counts = [repeats] if isinstance(repeats, int) else [int(r) for r in repeats]
    if len(counts) == 1:
        counts = counts * length
    if len(counts) != length:
        raise ValueError(
            f"repeat: axis {axis} has {length} slices, repeats has {len(counts)} entries."
        )
    return _core.take(x, [i for i, n in enumerate(counts) for _ in range(n)] or _NONE, axis)


def roll(x: TensorLike, shift: Any, axis: Any = None) -> Tensor:
    """Shifted along axes, what leaves at the end enters at the start (keras.ops.roll)."""
    x = _core.as_tensor(x)
    if axis is None:
        return _core.reshape(roll(ravel(x), shift, 0), x.shape)
    axes = [axis] if isinstance(axis, int) else list(axis)
    shifts = [shift] * len(axes) if isinstance(shift, int) else list(shift)
    for one, by in zip(axes, shifts, strict=True):
        length = x.shape[one]
        cut = -by % length if length else 0
        if cut:
            x = _core.concatenate(_core.split(x, [cut], one)[::-1], one)
    return x


def pad(
    x: TensorLike, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Tensor:
    """Widens the axes (keras.ops.pad).

    Args:
        x: any shape.
        pad_width: an integer, (before, after), or such a pair for each axis.
        mode: "constant", "reflect" or "symmetric".
        constant_values: what to fill in with "constant"; 0 when None.

    Raises:
        ValueError: `constant_values` with another mode.
    """
    if mode != "constant" and constant_values is not None:
        raise ValueError(f"pad: constant_values is for mode='constant'. Received: {mode=}.")
    return _core.pad(x, pad_width, mode, constant_values)  # type: ignore[arg-type]


_NONE = np.zeros(0, np.int32)


def _at_least(x: TensorLike, rank: int) -> Tensor:
    x = _core.as_tensor(x)
    missing = rank - len(x.shape)
    return _core.reshape(x, (*[1] * missing, *x.shape)) if missing > 0 else x
