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


def all_of(*masks: Any) -> Any:
    """What all masks that are not None let through; None when there is none."""
    found = None
    for mask in masks:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            found = mask if found is None else ops.logical_and(found, mask)
    return found
