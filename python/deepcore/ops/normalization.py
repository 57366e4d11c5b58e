"""Normalization along axes of each sample (keras.ops)."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from deepcore import _core, config

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["layer_normalization", "rms_normalization"]


def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: Any = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta (keras.ops.layer_normalization).

    Computed in float32 at least (Ba, Kiros & Hinton 2016).

    Args:
        x: any shape but ().
        gamma: of the sizes of the axes; 1 when None.
        beta: of the sizes of the axes; 0 when None.
        axis: the axis or axes that mean and variance are taken over.
        epsilon: `config.epsilon()` when None.
        **kwargs: `rms_scaling=True` leaves the mean and beta out but divides by the variance's
            root, as Keras does; deprecated there.

    Example:
        >>> layer_normalization(np.arange(5, dtype="float32")).numpy().round(3)
        array([-1.414, -0.707,  0.   ,  0.707,  1.414], dtype=float32)
    """
    if kwargs.pop("rms_scaling", False):
        warnings.warn(
            "rms_scaling=True divides by the standard deviation, not by the root mean square; "
            "see `rms_normalization`.",
            stacklevel=2,
        )
        return _by_deviation(x, gamma, axis, epsilon)
    return _normalized(x, gamma, beta, axis, epsilon, True)


def rms_normalization(
    x: TensorLike, scale: TensorLike | None = None, axis: Any = -1, epsilon: float | None = None
) -> Tensor:
    """x over its root mean square along axes, times scale (keras.ops.rms_normalization).

    Computed in float32 at least (Zhang & Sennrich 2019).

    Args:
        x: any shape.
        scale: of the sizes of the axes; 1 when None.
        axis: the axis or axes that the mean is taken over.
        epsilon: added to the mean square; `config.epsilon()` when None.

    Example:
        >>> rms_normalization(np.array([3.0, 4.0], "float32")).numpy().round(3)
        array([0.849, 1.131], dtype=float32)
    """
    x = _core.as_tensor(x)
    if not x.shape:
        x = _core.reshape(x, (1,))
    return _normalized(x, scale, None, axis, epsilon, False)


def _normalized(
    x: TensorLike,
    gamma: TensorLike | None,
    beta: TensorLike | None,
    axis: Any,
    epsilon: float | None,
    centred: bool,
) -> Tensor:
    """By rows: the axes are brought to the end, unless they are there, and laid together."""
    x = _core.as_tensor(x)
    shape = tuple(x.shape)
    axes = _axes(axis, len(shape))
    others = [a for a in range(len(shape)) if a not in axes]
    order = [*others, *axes]
    width = math.prod(shape[a] for a in axes)
    floor = config.epsilon() if epsilon is None else epsilon
    gamma, beta = (None if p is None else _row(p, width, shape) for p in (gamma, beta))
    if len(axes) == 1 and order == sorted(order):
        return _core.row_norm(x, gamma, beta, centred, floor)
    turned = _core.transpose(x, order)
    rows = _core.reshape(turned, (math.prod(shape[a] for a in others), width))
    y = _core.reshape(_core.row_norm(rows, gamma, beta, centred, floor), turned.shape)
    return _core.transpose(y, [order.index(a) for a in range(len(shape))])


def _by_deviation(x: TensorLike, gamma: TensorLike | None, axis: Any, epsilon: Any) -> Tensor:
    x = _core.as_tensor(x)
    kind = x.dtype
    x = _core.cast(x, "float64" if kind == "float64" else "float32")
    axes = _axes(axis, len(x.shape))
    floor = config.epsilon() if epsilon is None else epsilon
    y = _core.multiply(x, _core.rsqrt(_core.add(_core.var(x, axes, True), floor)))
    if gamma is not None:
        sizes = [d if a in axes else 1 for a, d in enumerate(x.shape)]
        y = _core.multiply(y, _core.reshape(gamma, sizes))
    return _core.cast(y, kind) if config.is_float_dtype(kind) else y


def _row(p: TensorLike, width: int, shape: tuple[int, ...]) -> Tensor:
    p = _core.as_tensor(p)
    if math.prod(p.shape) != width:
        raise ValueError(
            "layer_normalization: gamma and beta must have as many elements as the normalized "
            f"axes, {width}. Received: shape {tuple(p.shape)}, for x of shape {shape}."
        )
    return _core.reshape(p, (width,))


def _axes(axis: Any, rank: int) -> list[int]:
    axes = [axis] if isinstance(axis, int) else list(axis)
    for a in axes:
        if not -rank <= a < rank:
            raise ValueError(
                f"layer_normalization: axis {a} is out of bounds for {rank} axes. "
                f"Received: {axis=}."
            )
    return sorted({a % rank for a in axes})
