"""Products of tensors (keras.ops)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import _core
from deepcore._core import matmul

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["cross", "dot", "inner", "kron", "matmul", "outer", "tensordot", "vdot"]


def dot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sums over x1's last axis and x2's last but one (keras.ops.dot)."""
    one, two = _core.as_tensor(x1), _core.as_tensor(x2)
    if not one.shape or not two.shape:
        return _core.multiply(one, two)
    if len(one.shape) <= 2 and len(two.shape) <= 2:
        return _core.matmul(one, two)
    axis = -1 if len(two.shape) == 1 else -2
    return _core.tensordot(one, two, ([len(one.shape) - 1], [len(two.shape) + axis]))


def inner(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Sums over the last axes (keras.ops.inner)."""
    one, two = _core.as_tensor(x1), _core.as_tensor(x2)
    if not one.shape or not two.shape:
        return _core.multiply(one, two)
    return _core.tensordot(one, two, ([len(one.shape) - 1], [len(two.shape) - 1]))


def outer(x1: TensorLike, x2: TensorLike) -> Tensor:
    """All products of two flattened tensors (keras.ops.outer)."""
    return _core.multiply(_core.reshape(x1, (-1, 1)), _core.reshape(x2, (1, -1)))


def vdot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The dot product of two flattened tensors."""
    return _core.matmul(_core.reshape(x1, (-1,)), _core.reshape(x2, (-1,)))


def tensordot(x1: TensorLike, x2: TensorLike, axes: Any = 2) -> Tensor:
    """Sums over pairs of axes (keras.ops.tensordot)."""
    return _core.tensordot(x1, x2, axes)


def kron(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The Kronecker product (keras.ops.kron)."""
    one, two = _core.as_tensor(x1), _core.as_tensor(x2)
    rank = max(len(one.shape), len(two.shape))
    a = (*[1] * (rank - len(one.shape)), *one.shape)
    b = (*[1] * (rank - len(two.shape)), *two.shape)
    left = _core.reshape(one, [n for d in a for n in (d, 1)])
    right = _core.reshape(two, [n for d in b for n in (1, d)])
    return _core.reshape(_core.multiply(left, right), [m * n for m, n in zip(a, b, strict=True)])


def cross(
    x1: TensorLike,
    x2: TensorLike,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: int | None = None,
) -> Tensor:
    """The cross product of vectors of three (keras.ops.cross).

    Raises:
        ValueError: the vectors are not of three elements.
    """
    from deepcore.ops.shaping import moveaxis

    if axis is not None:
        axisa = axisb = axisc = axis
    one, two = moveaxis(x1, axisa, -1), moveaxis(x2, axisb, -1)
    if one.shape[-1] != 3 or two.shape[-1] != 3:
        raise ValueError(
            "cross: the vectors must have 3 elements. "
            f"Received: {one.shape[-1]} and {two.shape[-1]}."
        )
    parts = []
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        parts.append(
            _core.subtract(
                _core.multiply(one[..., j], two[..., k]), _core.multiply(one[..., k], two[..., j])
            )
        )
    return moveaxis(_core.stack(parts, -1), -1, axisc)
