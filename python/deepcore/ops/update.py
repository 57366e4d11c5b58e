"""One step of an optimizer for one variable, fused: what the optimizers are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepcore import _core

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["adam_update", "lazy_adam_update", "sgd_update"]


def sgd_update(
    p: TensorLike,
    g: TensorLike,
    lr: TensorLike,
    velocity: TensorLike | None,
    momentum: float,
    nesterov: bool,
) -> list[Tensor]:
    """p - lr g without momentum; else v' = momentum v - lr g and p + v' (keras.optimizers.SGD).

    Returns:
        [p'] or [p', v'].
    """
    return _core.sgd_update(p, g, lr, velocity, momentum, nesterov)


def adam_update(
    p: TensorLike,
    g: TensorLike,
    alpha: TensorLike,
    m: TensorLike,
    v: TensorLike,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> list[Tensor]:
    """Moves the moments m and v, and p by -alpha m' / (sqrt(v') + epsilon) (Kingma & Ba 2015).

    Returns:
        [p', m', v'].
    """
    return _core.adam_update(p, g, alpha, m, v, beta1, beta2, epsilon)


def lazy_adam_update(
    p: TensorLike,
    g: TensorLike,
    alpha: TensorLike,
    m: TensorLike,
    v: TensorLike,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> list[Tensor]:
    """The same, but rows (of the first axis) whose gradient is 0 all along stay as they are.

    Returns:
        [p', m', v'].
    """
    return _core.lazy_adam_update(p, g, alpha, m, v, beta1, beta2, epsilon)
