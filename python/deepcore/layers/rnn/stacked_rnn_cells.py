"""StackedRNNCells: cells one upon another, as one cell (keras.layers.StackedRNNCells)."""

from __future__ import annotations

from typing import Any

from deepcore import ops, tree
from deepcore.layers.layer import Layer
from deepcore.layers.rnn.sequence_cell import SequenceCell, by_sequence
from deepcore.layers.rnn.sweep import Sweep, Swept
from deepcore.layers.shapes import parameters_of
from deepcore.serialization import (
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)


@builtin("keras.layers")
class StackedRNNCells(Layer):
    """The output of each cell is the input of the next; the states are a list of the cells'.

    Args:
        cells: with `call` and `state_size`.
        **kwargs: see `Layer`.

    Raises:
        ValueError: no cells, or one of them lacks these.

    Example:
        >>> cell = StackedRNNCells([LSTMCell(8), GRUCell(4)])
        >>> RNN(cell)(np.ones((2, 5, 3))).shape
        (2, 4)
    """

    def __init__(self, cells: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        cells = list(cells)
        if not cells:
            raise ValueError("StackedRNNCells: at least one cell is needed. Received: cells=[].")
        for cell in cells:
            check_cell("StackedRNNCells", cell)
        self.cells = cells

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the cells' states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The cells' initial states; zeros where a cell tells none."""
        return [initial_state(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        """Builds each cell for the output of the one before."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (input_shape[0], output_size(cell))

    def call(self, inputs: Any, states: Any, training: bool = False, **kwargs: Any) -> Any:
        after = []
        if len(states) != len(self.cells):
            raise ValueError(
                f"StackedRNNCells: states must hold those of {len(self.cells)} cells. "
                f"Received: those of {len(states)}."
            )
        for cell, held in zip(self.cells, states, strict=True):
            nested = tree.is_nested(held)
            inputs, new = step_of(cell, training, **kwargs)(
                inputs, list(held) if nested else [held]
            )
            after.append(new[0] if not nested and tree.is_nested(new) and len(new) == 1 else new)
        return inputs, after

    call._by_sequence = True  # type: ignore[attr-defined]

    def sequence(self, sequences: Any, states: Any, sweep: Sweep) -> Swept | None:
        """Each cell goes through the whole sequence; None if one of them can't."""
        if any(by_sequence(cell) is None for cell in self.cells):
            return None
        after: list[Any] = []
        last = sequences
        for place, (cell, held) in enumerate(zip(self.cells, states, strict=True)):
            top = place == len(self.cells) - 1
            nested = tree.is_nested(held)
            swept = cell.sequence(
                sequences,
                list(held) if nested else [held],
                sweep._replace(every=sweep.every or not top),
            )
            sequences, last = swept.outputs, swept.last
            after.append(swept.states if nested else swept.states[0])
        return Swept(sequences, last, after)

    def forget_masks(self) -> None:
        """The next sequence gets masks of its own."""
        for cell in self.cells:
            forget_masks(cell)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [serialize_keras_object(c) for c in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A stack from `get_config()`."""
        config = dict(config)
        cells = [deserialize_keras_object(c, custom_objects) for c in config.pop("cells")]
        return cls(cells, **config)


def check_cell(where: str, cell: Any) -> None:
    """Raises a ValueError for what is no cell."""
    for needed in ("call", "state_size"):
        if needed not in dir(cell):
            raise ValueError(f"{where}: a cell must have `{needed}`. Received: cell={cell!r}.")


def output_size(cell: Any) -> Any:
    """The size of a cell's output: its own word, else the size of its first state."""
    told = getattr(cell, "output_size", None)
    if told is not None:
        return told
    return cell.state_size[0] if isinstance(cell.state_size, list | tuple) else cell.state_size


def initial_state(cell: Any, batch_size: int | None, dtype: str) -> Any:
    """What a cell begins with: its own word, else zeros."""
    own = getattr(cell, "get_initial_state", None)
    if own is not None:
        return own(batch_size=batch_size)
    sizes = cell.state_size
    dtype = getattr(cell, "compute_dtype", dtype)
    if isinstance(sizes, list | tuple):
        return [ops.zeros((batch_size or 0, size), dtype) for size in sizes]
    return ops.zeros((batch_size or 0, sizes), dtype)


def step_of(cell: Any, training: bool, **kwargs: Any) -> Any:
    """A cell as a function of inputs and states."""
    if isinstance(cell, Layer) and "training" in parameters_of(type(cell), "call"):
        kwargs["training"] = training
    call = cell if callable(cell) else cell.call
    return lambda inputs, states: call(inputs, states, **kwargs)


def forget_masks(cell: Any) -> None:
    """The next sequence gets masks of its own, if the cell drops anything."""
    forget = getattr(cell, "forget_masks", None)
    if forget is not None:
        forget()


def draw_masks(cell: Any, inputs: Any, states: Any, training: bool) -> None:
    """Draws what a sequence drops, before the loop over its steps.

    Args:
        cell: any.
        inputs: of one step; what a stack's first cell makes of it has the second one's shape.
        states: the first ones.
        training: whether anything is dropped.
    """
    if isinstance(cell, SequenceCell):
        of_inputs, of_states = cell.drops(training)
        if of_inputs:
            cell.get_dropout_mask(inputs)
        if of_states:
            cell.get_recurrent_dropout_mask(tree.flatten(states)[0])
    elif isinstance(cell, StackedRNNCells) and training:
        for one, held in zip(cell.cells, states, strict=True):
            draw_masks(one, inputs, held, training)
            held = list(held) if tree.is_nested(held) else [held]
            inputs, _ = step_of(one, training)(inputs, held)
