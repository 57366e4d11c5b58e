"""Masks of attention scores: True where a query may see a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import ops

if TYPE_CHECKING:
    from deepcore import Tensor


def causal_mask(queries: int, keys: int) -> Tensor:
    """(1, T, S): query t sees keys 0 to t."""
    rows = ops.reshape(ops.arange(queries, dtype="int32"), (1, queries, 1))
    return ops.greater_equal(rows, ops.reshape(ops.arange(keys, dtype="int32"), (1, 1, keys)))


def sliding_window_mask(queries: int, keys: int, window: int) -> Tensor:
    """(1, T, S): query t sees keys t - window + 1 to t + window - 1."""
    rows = ops.reshape(ops.arange(queries, dtype="int32"), (1, queries, 1))
    apart = ops.subtract(rows, ops.reshape(ops.arange(keys, dtype="int32"), (1, 1, keys)))
    return ops.less(ops.abs(apart), window)


def check(where: str, argument: str, mask: Any, expected: tuple[int, ...]) -> None:
    """Raises a ValueError for a mask that cannot be spread to a shape; None is none."""
    if mask is None:
        return
    given = tuple(ops.shape(mask))
    pairs = zip(given, expected[len(expected) - len(given) :], strict=False)
    if not given or len(given) > len(expected) or any(m not in (1, n) for m, n in pairs):
        raise ValueError(
            f"{where}: {argument} must have the shape {expected}, or 1 in place of a size. "
            f"Received: shape {given}."
        )


def all_of(*masks: Any) -> Any:
    """What all masks that are not None let through; None when there is none."""
    found = None
    for mask in masks:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            found = mask if found is None else ops.logical_and(found, mask)
    return found
