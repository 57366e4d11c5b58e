"""RNN: a cell applied along sequences (keras.layers.RNN)."""

from __future__ import annotations

from typing import Any

from deepcore import ops, tree
from deepcore.layers.layer import Layer
from deepcore.layers.rnn import states as kept
from deepcore.layers.rnn.sequence_cell import by_sequence
from deepcore.layers.rnn.stacked_rnn_cells import (
    StackedRNNCells,
    check_cell,
    draw_masks,
    forget_masks,
    initial_state,
    output_size,
    step_of,
)
from deepcore.layers.rnn.sweep import Sweep, Swept, run
from deepcore.serialization import (
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)
from deepcore.symbolic import Shape
from deepcore.variable import Variable


@builtin("keras.layers")
class RNN(Layer):
    """Gives a cell one step after the other, with the states that it made of the step before.

    sequences: (N, T, ...), output: (N, ...) of the last step or (N, T, ...) of all; with
    `return_state` a tuple of that and the last states. A step whose mask is false keeps the states
    and repeats the output before it.

    Cells of this package, alone or stacked, go through a sequence as a whole where their options
    allow it, with the same result.

    Args:
        cell: a layer or another object with `call(inputs, states)` that gives (output, states
            after), with `state_size` (an integer or a list of them) and perhaps `output_size` and
            `get_initial_state(batch_size)`; or a list of such cells, which are stacked.
        return_sequences: whether to give the outputs of all steps.
        return_state: whether to give the last states, too.
        go_backwards: whether to go from the last step to the first; all outputs then come in that
            order.
        stateful: whether each batch begins with the states that the batch before left.
        unroll: whether to write out the steps of a cell that is not of this package, or that has
            other activations: faster for few steps. The result is the same.
        zero_output_for_mask: whether masked steps give zeros instead.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a cell without `call` or `state_size`; states or masks that do not fit.

    Example:
        >>> RNN([LSTMCell(8), GRUCell(4)], return_sequences=True)(np.ones((2, 5, 3))).shape
        (2, 5, 4)
    """

    # Not weights: they are neither saved nor counted.
    _untracked = frozenset({"states"})

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell, dtype=self.dtype_policy)
        check_cell(type(self).__name__, cell)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.states: list[Any] | None = None
        sizes = cell.state_size
        if not isinstance(sizes, int | list | tuple):
            raise ValueError(
                f"{type(self).__name__}: the cell's state_size must be an integer or a list of "
                f"integers, one for each state. Received: {sizes!r}."
            )
        self.single_state = isinstance(sizes, int)
        self.state_size = [sizes] if isinstance(sizes, int) else list(sizes)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Builds the cell for one step, and makes the states that are kept between batches."""
        self._check_rank(sequences_shape)
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
            self.cell.built = True
        if self.stateful and self.states is None:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"{type(self).__name__}: with stateful=True the batch size must be known: "
                    "give the model's Input a batch_size. "
                    f"Received: sequences_shape={tuple(sequences_shape)}."
                )
            self.states = tree.map_structure(
                lambda value: Variable(
                    ops.cast(value, self.variable_dtype), trainable=False, name="rnn_state"
                ),
                self.get_initial_state(sequences_shape[0]),
            )
        elif self.stateful:
            self.reset_state()

    def _check_rank(self, shape: Any) -> None:
        if len(shape) < 3:
            raise ValueError(
                f"{type(self).__name__}: sequences must have at least 3 axes (N, T, ...). "
                f"Received: shape {tuple(shape)}."
            )

    # ---- states

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """The states before the first step: the cell's own, or zeros."""
        states = initial_state(self.cell, batch_size, self.compute_dtype)
        return list(states) if tree.is_nested(states) else [states]

    def reset_state(self) -> None:
        """Sets the states kept between batches to zero (`stateful`)."""
        for state in tree.flatten(self.states or []):
            state.assign(ops.zeros(state.shape, state.dtype))

    def reset_states(self) -> None:
        """`reset_state` under its older name."""
        self.reset_state()

    def _first_states(self, sequences: Any, given: Any) -> list[Any]:
        """The states to begin with, in the dtype that the cell computes in."""
        where, batch = type(self).__name__, sequences.shape[0]
        if self.stateful:
            kept.check_batch(where, self.states, batch)
        expected = self.get_initial_state(batch)
        if given is None:
            given = self.states if self.stateful else expected
        else:
            given = kept.arranged(where, given, expected)
        dtype = getattr(self.cell, "compute_dtype", self.compute_dtype)
        return [
            tree.map_structure(lambda s: ops.convert_to_tensor(s, dtype), state) for state in given
        ]

    # ---- calls

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        self._check_rank(sequences.shape)
        mask = kept.time_mask(type(self).__name__, mask, sequences.shape)
        states = self._first_states(sequences, initial_state)
        last, outputs, states = self.inner_loop(sequences, states, mask, bool(training))
        if self.stateful:
            for state, value in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                state.assign(value)
        output = ops.cast(outputs if self.return_sequences else last, self.compute_dtype)
        if not self.return_state:
            return output
        found = tree.map_structure(lambda s: ops.cast(s, self.compute_dtype), states)
        return (output, *found)

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, Any]:
        """The loop over the steps.

        Returns:
            The last output, all outputs in the order of the steps taken (None when they are not
            asked for), the last states.

        Raises:
            ValueError: there are no steps.
        """
        steps = sequences.shape[1]
        if steps == 0:
            raise ValueError(
                f"{type(self).__name__}: sequences must have at least one step. "
                f"Received: shape {tuple(sequences.shape)}."
            )
        sweep = Sweep(mask, self.go_backwards, training, self.return_sequences, self.unroll)
        try:
            swept = self._swept(sequences, initial_state, sweep)
        finally:
            forget_masks(self.cell)
        outputs, last = swept.outputs, swept.last
        if mask is not None and self.zero_output_for_mask:
            last = kept.zeroed(last, mask[:, 0 if self.go_backwards else steps - 1])
            outputs = kept.zeroed(outputs, mask) if self.return_sequences else None
        if self.go_backwards and self.return_sequences:
            outputs = ops.flip(outputs, 1)
        return last, outputs, swept.states

    def _swept(self, sequences: Any, states: list[Any], sweep: Sweep) -> Swept:
        whole = by_sequence(self.cell)
        swept = None if whole is None else whole(sequences, states, sweep)
        if swept is not None:
            return swept
        draw_masks(self.cell, sequences[:, 0], states, sweep.training)
        first = tree.flatten(states)[0]
        shape = (sequences.shape[0], output_size(self.cell))
        before = first if tuple(first.shape) == shape else ops.zeros(shape, first.dtype)
        return run(step_of(self.cell, sweep.training), sequences, states, sweep, before)

    # ---- shapes and masks

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        self._check_rank(sequences_shape)
        batch, steps = sequences_shape[:2]
        size = output_size(self.cell)
        if not isinstance(size, int):
            raise ValueError(
                f"{type(self).__name__}: the cell's output_size must be an integer. "
                f"Received: {size!r}."
            )
        output = (batch, steps, size) if self.return_sequences else (batch, size)
        states = [
            [(batch, n) for n in size] if isinstance(size, list | tuple) else (batch, size)
            for size in self.state_size
        ]
        if initial_state_shape is not None:
            kept.check_shapes(type(self).__name__, initial_state_shape, states)
        return (output, *states) if self.return_state else output

    def compute_mask(self, _: Any, mask: Any) -> Any:
        """The mask of the outputs, which states have none of."""
        found = tree.flatten(mask)[0] if self.return_sequences else None
        return [found, *(None for _ in self.state_size)] if self.return_state else found

    # ---- configuration

    def _flags(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def get_config(self) -> dict[str, Any]:
        return {**self._flags(), "cell": serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from `get_config()`."""
        config = dict(config)
        cell = deserialize_keras_object(config.pop("cell"), custom_objects)
        return cls(cell, **config)
