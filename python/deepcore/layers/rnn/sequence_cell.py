"""SequenceCell: a cell that can also take a whole sequence, faster than step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepcore import ops, tree
from deepcore.layers.rnn.dropout_cell import DropoutCell
from deepcore.layers.rnn.sweep import Sweep, Swept, run


class SequenceCell(DropoutCell):
    """A cell of two halves: what inputs give, and what states make of it.

    The first half needs no states: along a sequence it is done at once for all steps. Subclasses
    have `project`, `advance`, and perhaps `fused`.
    """

    state_size: int | list[int]
    _axis = -1  # of the features

    def project(self, inputs: Any, masks: Any) -> Any:
        """The gates' share of the inputs.

        Args:
            inputs: of a step.
            masks: None, a mask of the inputs, or a list of one for each gate.
        """
        raise NotImplementedError(f"{type(self).__name__} must write project.")

    def project_all(self, sequences: Any, masks: Any) -> Any:
        """`project` for all steps of (N, T, ...)."""
        raise NotImplementedError(f"{type(self).__name__} must write project_all.")

    def advance(self, projected: Any, states: list[Any], masks: Any) -> tuple[Any, list[Any]]:
        """(output, states after), where the output is the first state.

        Args:
            projected: what `project` gave.
            states: before the step.
            masks: like those of `project`, of the states.
        """
        raise NotImplementedError(f"{type(self).__name__} must write advance.")

    def fused(self, sequences: Any, states: list[Any], sweep: Sweep) -> Swept | None:
        """The whole sequence by one op; None where the options of the cell are not its."""
        return None

    def drops(self, training: bool) -> tuple[bool, bool]:
        """Whether parts of the inputs and of the states are dropped."""
        # At a rate of 1 Keras's cells with gates drop nothing.
        return training and 0 < self.dropout < 1, training and 0 < self.recurrent_dropout < 1

    def sequence(self, sequences: Any, states: list[Any], sweep: Sweep) -> Swept:
        """Goes through a sequence (N, T, ...) from the states given."""
        of_inputs, of_states = self.drops(sweep.training)
        masks = self.get_dropout_mask(sequences[:, 0]) if of_inputs else None
        if not of_states:
            x = sequences
            if masks is not None and not isinstance(masks, list):
                x, masks = ops.multiply(x, ops.expand_dims(masks, 1)), None
            swept = self.fused(x, states, sweep) if masks is None else None
            if swept is not None:
                return swept
        recurrent = self.get_recurrent_dropout_mask(states[0]) if of_states else None
        return run(
            lambda x, held: self.advance(x, held, recurrent),
            self.project_all(sequences, masks),
            states,
            sweep,
        )

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, Any]:
        single = not isinstance(states, list | tuple)
        held = [states] if single else list(states)
        self._check_states(held)
        of_inputs, of_states = self.drops(training)
        projected = self.project(inputs, self.get_dropout_mask(inputs) if of_inputs else None)
        masks = self.get_recurrent_dropout_mask(held[0]) if of_states else None
        output, after = self.advance(projected, held, masks)
        return output, after[0] if single else after

    call._by_sequence = True  # type: ignore[attr-defined]

    def _check_states(self, held: list[Any]) -> None:
        sizes = tree.flatten(self.state_size)
        shapes = [tuple(ops.shape(state)) for state in held]
        fit = (len(s) > 1 and s[self._axis] == n for s, n in zip(shapes, sizes, strict=False))
        if len(shapes) != len(sizes) or not all(fit):
            raise ValueError(
                f"{type(self).__name__}: states must hold {len(sizes)} tensor(s) of {sizes[0]} "
                f"features. Received: {len(shapes)} of shapes {shapes}."
            )

    def forget_masks(self) -> None:
        """The next sequence gets masks of its own."""
        self.reset_dropout_mask()
        self.reset_recurrent_dropout_mask()


def by_sequence(cell: Any) -> Callable[[Any, Any, Sweep], Swept] | None:
    """How to give a cell a whole sequence; None where its steps are a user's."""
    whole = getattr(getattr(type(cell), "call", None), "_by_sequence", False)
    if not whole or cell.activity_regularizer is not None:
        return None
    return cell.sequence  # type: ignore[no-any-return]
