"""The loop over time: a step applied along a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from deepcore import ops, tree

# (inputs of a step, states before) -> (output, states after)
Step = Callable[[Any, Any], tuple[Any, Any]]


class Sweep(NamedTuple):
    """How a sequence is gone through.

    Attributes:
        mask: (N, T) of truth values; where it is false, a step keeps states and output.
        reverse: from the last step to the first.
        training: whether cells drop anything.
        every: whether the outputs of all steps are wanted.
        unroll: whether to write the steps out one by one.
    """

    mask: Any = None
    reverse: bool = False
    training: bool = False
    every: bool = True
    unroll: bool = False


class Swept(NamedTuple):
    """What came of it: outputs (N, T, ...) in the inputs' order, or None; the last one; states."""

    outputs: Any
    last: Any
    states: Any


def run(step: Step, sequences: Any, states: Any, sweep: Sweep, before: Any = None) -> Swept:
    """Goes through a sequence step by step.

    Args:
        step: what is done at each.
        sequences: (N, T, ...).
        states: before the first step.
        sweep: see `Sweep`.
        before: the output that masked steps give before the first step that counts; None where
            an output is the first of the states, as in all cells of this package.
    """
    masked = sweep.mask is not None
    # The output goes along where nothing else tells the last one.
    carried = before is not None and (masked or not sweep.every)

    def one(carry: list[Any], at: list[Any]) -> tuple[list[Any], Any]:
        held = carry[:-1] if carried else carry
        output, after = step(at[0], tree.pack_sequence_as(states, held))
        moved = [ops.cast(a, b.dtype) for a, b in zip(tree.flatten(after), held, strict=True)]
        if masked:
            moved = [_kept(at[1], a, b) for a, b in zip(moved, held, strict=True)]
            output = _kept(at[1], output, carry[-1]) if carried else moved[0]
        if carried:
            output = ops.cast(output, carry[-1].dtype)
            moved.append(output)
        return moved, output if sweep.every else None

    first = [*tree.flatten(states), before] if carried else tree.flatten(states)
    xs = [_by_time(sequences), _by_time(sweep.mask)] if masked else [_by_time(sequences)]
    carry, ys = ops.scan(one, first, xs, reverse=sweep.reverse, unroll=sweep.unroll)
    after = tree.pack_sequence_as(states, carry[:-1] if carried else carry)
    outputs = _by_time(ys) if sweep.every else None
    if carried:
        return Swept(outputs, carry[-1], after)
    if before is None:
        return Swept(outputs, carry[0], after)
    return Swept(outputs, ys[0 if sweep.reverse else -1], after)


def _kept(mask: Any, new: Any, old: Any) -> Any:
    """`new` in the rows where the mask (N,) is true, `old` in the others."""
    return ops.where(ops.reshape(mask, (-1, *(1,) * (len(new.shape) - 1))), new, old)


def _by_time(x: Any) -> Any:
    """Batch and time change places."""
    return ops.transpose(x, (1, 0, *range(2, len(x.shape))))
