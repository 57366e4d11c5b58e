"""Masks where several inputs become one output, by Keras's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepcore import masks, ops


def one_each(inputs: Any, mask: Any) -> list[Any] | None:
    """The masks of a list of inputs; None where no masks are given.

    Raises:
        ValueError: not a list of as many.
    """
    if mask is None:
        return None
    for name, value in (("inputs", inputs), ("mask", mask)):
        if not isinstance(value, list | tuple):
            raise ValueError(f"`{name}` should be a list. Received: {name}={value!r}.")
    if len(mask) != len(inputs):
        raise ValueError(
            "The lists `inputs` and `mask` should have the same length. Received: "
            f"{len(inputs)} inputs and {len(mask)} masks."
        )
    return list(mask)


def either(given: list[Any] | None) -> Any:
    """A step counts where it does in any input; None unless all have masks."""
    if given is None or any(m is None for m in given):
        return None
    found = given[0]
    for m in given[1:]:
        found = ops.logical_or(found, m)
    return found


def joined(inputs: Any, given: list[Any] | None, axis: int) -> Any:
    """Of inputs one after the other: where any feature counts; all of them without a mask do."""
    if given is None or all(m is None for m in given):
        return None
    spread = []
    for x, m in zip(inputs, given, strict=True):
        if m is None:
            spread.append(ops.ones_like(x, dtype="bool"))
        elif len(m.shape) < len(x.shape):
            none = ops.zeros_like(x, dtype="bool")
            spread.append(ops.logical_or(ops.expand_dims(m, axis=-1), none))
        else:
            spread.append(m)
    return ops.any(ops.concatenate(spread, axis=axis), axis=-1, keepdims=False)


def product(inputs: list[Any]) -> Any:
    """The product of what counts; where all have masks, 0 where nothing does."""
    spread = [_spread(x) for x in inputs]
    found: Any = None
    counts: Any = None
    for x, m in zip(inputs, spread, strict=True):
        factor = x if m is None else ops.where(m, x, 1)
        found = factor if found is None else ops.multiply(found, factor)
    if any(m is None for m in spread):
        return found
    for m in spread:
        counts = m if counts is None else ops.logical_or(counts, m)
    return _with_mask(ops.where(counts, found, 0), counts)


def extreme(function: Callable[[Any, Any], Any], inputs: list[Any]) -> Any:
    """`maximum` or `minimum`, in which a hidden step takes the value of the other input."""
    found, counts = inputs[0], _spread(inputs[0])
    for x in inputs[1:]:
        m = _spread(x)
        if m is not None:
            x = ops.where(m, x, found)
        if counts is not None:
            found = ops.where(counts, found, x)
        counts = None if m is None or counts is None else ops.logical_or(counts, m)
        found = function(found, x)
    return found if counts is None else _with_mask(found, counts)


def _spread(x: Any) -> Any:
    """The mask of a tensor in its own shape; None where it has none."""
    mask = masks.get(x)
    return None if mask is None else ops.broadcast_to(ops.expand_dims(mask, -1), x.shape)


def _with_mask(x: Any, counts: Any) -> Any:
    masks.attach(x, ops.any(counts, axis=-1))
    return x
