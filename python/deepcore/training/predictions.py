"""Where predictions are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import tree

if TYPE_CHECKING:
    from deepcore.training.arrays import Array
    from deepcore.training.steps import Step


class Predictions:
    """Outputs of many batches, put together.

    Args:
        rows: of all batches together, when they are known: then one array takes each output and
            the core writes into it.
    """

    def __init__(self, rows: int | None) -> None:
        self._rows = rows
        self._whole: list[Array] | None = None
        self._parts: list[list[Array]] = []
        self._template: Any = 0

    def targets(self, step: Step, rows: int) -> list[Array] | None:
        """Arrays to write the next batches into; None when outputs don't have a row a sample."""
        assert step.outputs is not None
        if any(not shape or shape[0] != rows for shape, _ in step.outputs):
            return None
        self._template = step.template
        if self._rows is None:
            part = [np.empty(shape, _numpy(dtype)) for shape, dtype in step.outputs]
            self._parts.append(part)
            return part
        if self._whole is None:
            self._whole = [
                np.empty((self._rows, *shape[1:]), _numpy(dtype)) for shape, dtype in step.outputs
            ]
        return self._whole

    def append(self, outputs: Any) -> None:
        """Adds the outputs of a batch, a structure of tensors."""
        flat = tree.flatten(outputs)
        self._template = tree.pack_sequence_as(outputs, range(len(flat)))
        self._parts.append([np.array(t) for t in flat])

    def recent(self, start: int, stop: int) -> Any:
        """The outputs of the batch just run, rows `start` to `stop`, for callbacks."""
        if self._whole is not None:
            flat = [whole[start:stop] for whole in self._whole]
        else:
            flat = self._parts[-1]
        return tree.map_structure(lambda index: flat[index], self._template)

    def result(self, rows: int) -> Any:
        """All outputs, in the model's structure; `rows` were written into the whole arrays."""
        if self._whole is not None:
            flat = [whole[:rows] for whole in self._whole]
        else:
            flat = [np.concatenate(list(column)) for column in zip(*self._parts, strict=True)]
        return tree.map_structure(lambda index: flat[index], self._template)


def _numpy(dtype: str) -> str:
    return "float32" if dtype == "bfloat16" else dtype  # NumPy has no bfloat16
