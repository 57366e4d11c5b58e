"""Limits of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import ops

if TYPE_CHECKING:
    from deepcore.ops import Tensor


def clip(
    grads: list[Any],
    clipnorm: float | None,
    clipvalue: float | None,
    global_clipnorm: float | None,
) -> list[Any]:
    """Gradients within whichever limit is set."""
    if clipnorm:
        return [_clip_by_norm(g, clipnorm) for g in grads]
    if clipvalue:
        return [ops.clip(g, -clipvalue, clipvalue) for g in grads]
    if global_clipnorm:
        norm = global_norm(grads)
        # Infinite norms must not turn infinite gradients into plausible ones.
        scale = ops.where(
            ops.isfinite(norm),
            ops.divide(global_clipnorm, ops.maximum(norm, global_clipnorm)),
            float("nan"),
        )
        return [ops.multiply(g, ops.cast(scale, g.dtype)) for g in grads]
    return grads


def global_norm(grads: Sequence[Any]) -> Tensor:
    """The norm of all gradients as one vector."""
    total = ops.sum(ops.square(grads[0]))
    for grad in grads[1:]:
        total = ops.add(total, ops.sum(ops.square(grad)))
    return ops.sqrt(total)


def _clip_by_norm(grad: Any, limit: float) -> Tensor:
    norm = ops.sqrt(ops.sum(ops.square(grad)))
    return ops.divide(ops.multiply(grad, limit), ops.maximum(norm, limit))


def check_clipping(what: str, clipnorm: Any, clipvalue: Any, global_clipnorm: Any) -> None:
    given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"{what}: only one of {', '.join(given)} can be set. Received: {given}.")
    for name, value in given.items():
        if value <= 0:
            raise ValueError(f"{what}: {name} must be above 0. Received: {name}={value!r}.")
