"""What goes along with sequences: states and masks, checked and put in order."""

from __future__ import annotations

from typing import Any

from deepcore import ops, tree
from deepcore.symbolic import is_shape


def arranged(where: str, given: Any, expected: Any) -> list[Any]:
    """Initial states as the list that the cell expects.

    Args:
        where: names the layer in errors.
        given: a tensor, or tensors in lists.
        expected: what the cell would begin with.

    Raises:
        ValueError: their number or a shape differs.
    """
    given = list(given) if tree.is_nested(given) else [given]
    flat, wanted = tree.flatten(given), tree.flatten(expected)
    if len(flat) != len(wanted):
        raise ValueError(
            f"{where}: initial_state must hold {len(wanted)} tensor(s) of shapes "
            f"{[tuple(t.shape) for t in wanted]}. Received: {len(flat)} of shapes "
            f"{[tuple(getattr(t, 'shape', ())) for t in flat]}."
        )
    for place, (state, like) in enumerate(zip(flat, wanted, strict=True)):
        if tuple(ops.shape(state)) != tuple(like.shape):
            raise ValueError(
                f"{where}: initial_state {place} must have shape {tuple(like.shape)}. "
                f"Received: shape {tuple(ops.shape(state))}."
            )
    return list(tree.pack_sequence_as(expected, flat))


def check_shapes(where: str, given: Any, expected: Any) -> None:
    """Raises a ValueError for shapes of initial states that can't be the expected ones.

    Args:
        where: names the layer in errors.
        given: a shape, or shapes in lists; None stands for any size.
        expected: shapes in lists.
    """
    flat, wanted = _shapes(given), _shapes(expected)
    if len(flat) != len(wanted) or not all(map(_may_be, flat, wanted)):
        raise ValueError(
            f"{where}: initial_state must hold {len(wanted)} tensor(s) of shapes {wanted}. "
            f"Received: {len(flat)} of shapes {flat}."
        )


def _shapes(structure: Any) -> list[Any]:
    if is_shape(structure):
        return [tuple(structure)]
    return [shape for item in structure for shape in _shapes(item)]


def _may_be(shape: Any, other: Any) -> bool:
    pairs = zip(shape, other, strict=False)
    return len(shape) == len(other) and all(None in pair or pair[0] == pair[1] for pair in pairs)


def check_batch(where: str, states: Any, batch: int) -> None:
    """Raises a ValueError for a batch of another size than the states that are kept."""
    expected = tree.flatten(states)[0].shape[0]
    if batch != expected:
        raise ValueError(
            f"{where}: with stateful=True every batch must have the size of the states that are "
            f"kept. Expected: {expected} samples. Received: {batch}."
        )


def time_mask(where: str, mask: Any, shape: Any) -> Any:
    """A mask as (N, T) of truth values; None stays.

    Raises:
        ValueError: it has another shape.
    """
    if tree.is_nested(mask):
        first = next(iter(tree.flatten(mask)), None)
        if first is None or hasattr(first, "shape"):  # else a list of truth values
            mask = first
    if mask is None:
        return None
    mask = ops.cast(mask, "bool")
    expected = tuple(shape[:2])
    if tuple(mask.shape) == (*expected, 1):
        mask = ops.squeeze(mask, -1)
    if tuple(mask.shape) != expected:
        raise ValueError(
            f"{where}: the mask must have shape {expected}, one truth value for each step. "
            f"Received: shape {tuple(mask.shape)}."
        )
    return mask


def zeroed(x: Any, mask: Any) -> Any:
    """x where the mask of its first axes is true, else zeros."""
    mask = ops.reshape(mask, (*mask.shape, *(1,) * (len(x.shape) - len(mask.shape))))
    return ops.where(mask, x, ops.zeros_like(x))
