"""Prepared: what the layers that begin a model on the host made of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from deepcore import tree
from deepcore.training.arrays import TEXT, Array, Columns

# Data that the layers make larger than this are made batch by batch, each epoch anew: counts of
# words are as wide as the vocabulary.
MAX_BYTES = 256 << 20

Prepare = Callable[[Columns], Columns]


class Prepared(tuple[Any, ...]):
    """Stands in for the inputs of a model: values that its steps go on from."""


def with_prepared(columns: Columns, values: Sequence[Array]) -> Columns:
    """Columns with prepared values in place of x.

    Raises:
        ValueError: a layer has put samples together.
    """
    for value in values:
        if value.ndim == 0 or len(value) != columns.rows:
            raise ValueError(
                f"A layer made values of shape {value.shape} of {columns.rows} samples. The rows "
                "of `multi_hot` and `count` need inputs of shape (N, L): use Input((1,))."
            )
    arrays = list(values)

    def move(index: int | None) -> int | None:
        if index is None:
            return None
        arrays.append(columns.arrays[index])
        return len(arrays) - 1

    _, y, weight = columns.structure
    prepared = Prepared(range(len(values)))
    rest = (tree.map_structure(move, y), tree.map_structure(move, weight))
    return Columns(arrays, (prepared, *rest))


def refuse_text(where: str, columns: Columns) -> None:
    """Strings need a layer that turns them into numbers.

    Raises:
        ValueError: an array of strings or objects.
    """
    for array in columns.arrays:
        if array.dtype.kind in TEXT:
            first = array.flat[0] if array.size else None
            strings = array.dtype.kind != "O" or isinstance(first, str | bytes)
            kind = "strings" if strings else "Python objects"
            raise ValueError(
                f"{where}: x must hold numbers. Received: {kind} (dtype {array.dtype}, shape "
                f"{array.shape}). Convert it, for example with x.astype('float32'), or begin a "
                "Sequential or functional model with TextVectorization or StringLookup."
            )


def is_large(columns: Columns, prepare: Prepare) -> bool:
    """Whether preparing all rows would take much memory, judged by the first."""
    if isinstance(columns.structure[0], Prepared) or columns.rows < 2:
        return False
    try:
        first = prepare(Columns([array[:1] for array in columns.arrays], columns.structure))
    except ValueError:  # preparing all tells better what is wrong
        return False
    own = sum(array.nbytes for array in columns.arrays) / columns.rows
    return (sum(array.nbytes for array in first.arrays) - own) * columns.rows > MAX_BYTES


class Batches:
    """Rows of columns in batches, in order or in another order each epoch.

    Args:
        columns: the arrays.
        batch: the rows of a full batch.
        shuffle: draw a new order each epoch.
    """

    def __init__(self, columns: Columns, batch: int, shuffle: bool | str) -> None:
        self._columns = columns
        self._batch = batch
        self._shuffle = shuffle

    def __len__(self) -> int:
        return -(-self._columns.rows // self._batch)

    def __iter__(self) -> Iterator[Any]:
        # NumPy's global generator, so that utils.set_random_seed governs it.
        count = self._columns.rows
        order = np.random.permutation(count) if self._shuffle else np.arange(count)  # noqa: NPY002
        for start in range(0, count, self._batch):
            rows = order[start : start + self._batch]
            yield self._columns.pack([array[rows] for array in self._columns.arrays])
