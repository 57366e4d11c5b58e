"""Buckets: batches of rows of similar length, cut to the length of their bucket."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import checks, tree
from deepcore.training.arrays import Array, Columns

# Each bucket costs two plans, for its full and its last batches; a model keeps 16.
MOST = 5
# Lengths that are weighed as boundaries: 5 * 256 * 256 sums take some milliseconds.
CANDIDATES = 256

Lengths = npt.NDArray[np.int64]


class Buckets:
    """The batches of an epoch, in a new order each time.

    Args:
        columns: the arrays; sequences are filled up with `pad_value`.
        along: which of them run along the sequence, and are cut.
        batch: the rows of a full batch.
        boundaries: the lengths of the buckets; chosen by the data when None.
        padding: where sequences are filled up, `post` or `pre`.
        pad_value: what with.
        shuffle: draw rows and batches in another order each epoch.
        rng: draws it; NumPy's global generator when None, so that utils.set_random_seed governs it.
    """

    def __init__(
        self,
        columns: Columns,
        along: set[int],
        batch: int,
        boundaries: Sequence[int] | None = None,
        padding: str = "post",
        pad_value: Any = 0,
        shuffle: bool = True,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._columns = columns
        self._along = along
        self._batch = batch
        self._pre = checks.one_of("BucketByLength", "padding", padding, ("post", "pre")) == "pre"
        self._shuffle = shuffle
        self._rng = rng
        inputs = [i for i in tree.flatten(columns.structure[0]) if i in along]
        judged = [columns.arrays[i] for i in inputs]
        if not judged:
            raise ValueError(
                "BucketByLength: x must have sequences (N, T), filled up. Received: shapes "
                f"{[array.shape for array in columns.arrays]}."
            )
        longest = judged[0].shape[1]
        lengths = np.max([_lengths(array, pad_value, self._pre) for array in judged], axis=0)
        if boundaries is None:
            self.boundaries = _chosen(np.maximum(lengths, 1), batch)
        else:
            self.boundaries = _boundaries(boundaries, longest)
        place = np.searchsorted(self.boundaries, lengths)
        self._rows = [np.flatnonzero(place == i) for i in range(len(self.boundaries))]

    def __len__(self) -> int:
        """The number of batches."""
        return sum(-(-len(rows) // self._batch) for rows in self._rows)

    def __iter__(self) -> Iterator[Any]:
        batches: list[tuple[int, npt.NDArray[Any]]] = []
        for length, rows in zip(self.boundaries, self._rows, strict=True):
            drawn = rows[self._order(len(rows))]
            batches += [
                (length, drawn[i : i + self._batch]) for i in range(0, len(rows), self._batch)
            ]
        for index in self._order(len(batches)):
            length, rows = batches[index]
            yield self._columns.pack(
                [self._cut(i, array, rows, length) for i, array in enumerate(self._columns.arrays)]
            )

    def _order(self, count: int) -> npt.NDArray[Any]:
        if not self._shuffle:
            return np.arange(count)
        if self._rng is not None:
            return self._rng.permutation(count)
        return np.random.permutation(count)  # noqa: NPY002 - the stream users seed

    def _cut(self, index: int, array: Array, rows: npt.NDArray[Any], length: int) -> Array:
        taken: Array = array[rows]
        if index in self._along:
            taken = taken[:, -length:] if self._pre else taken[:, :length]
        return taken


def _lengths(array: Array, pad_value: Any, pre: bool) -> Lengths:
    """How much of each row is not padding."""
    real = (array != pad_value).reshape(*array.shape[:2], -1).any(-1)
    if array.shape[1] == 0:
        return np.zeros(len(array), "int64")
    first = np.argmax(real if pre else real[:, ::-1], axis=1)
    lengths: Lengths = np.where(real.any(1), array.shape[1] - first, 0)
    return lengths


def _chosen(lengths: Lengths, batch: int) -> list[int]:
    """The boundaries of at most `MOST` buckets whose batches have the fewest steps in all.

    Few rows may be much longer than most, as sentences are: buckets of as many rows each would fill
    a fifth of them up to the longest. By dynamic programming over the lengths that occur, or, where
    there are more than `CANDIDATES`, over as many quantiles of them.
    """
    ends = np.unique(lengths)
    if len(ends) > CANDIDATES:
        shares = np.arange(1, CANDIDATES + 1) / CANDIDATES
        ends = np.unique(np.quantile(lengths, shares, method="higher"))
    below = np.concatenate([[0], np.searchsorted(np.sort(lengths), ends, side="right")])
    # Of the bucket behind place i and up to place j: none where there are no rows between.
    rows = np.maximum(below[None, 1:] - below[:, None], 0)
    steps = (np.where(rows, -(-rows // batch), np.inf) * ends).astype("float64")
    least = steps[0]  # with one bucket, up to each place
    came: list[npt.NDArray[Any]] = []
    for _ in range(MOST - 1):
        through = np.concatenate([[0.0], least])[:, None] + steps
        came.append(np.argmin(through, axis=0))
        least = np.min(through, axis=0)
    place, found = len(ends), []
    for choice in [*reversed(came), None]:
        if place == 0:
            break
        found.append(int(ends[place - 1]))
        place = 0 if choice is None else int(choice[place - 1])
    return found[::-1]


def _boundaries(given: Sequence[int], longest: int) -> list[int]:
    if not hasattr(given, "__iter__"):
        raise ValueError(
            f"BucketByLength: boundaries must be rising lengths. Received: boundaries={given!r}."
        )
    bounds = [checks.positive_int("BucketByLength", "boundaries", b) for b in given]
    if sorted(set(bounds)) != bounds:
        raise ValueError(
            f"BucketByLength: boundaries must rise. Received: boundaries={list(given)}."
        )
    return [b for b in bounds if b < longest] + [longest]


def runs_along(columns: Columns, targets: bool) -> set[int]:
    """Which columns run along the sequence: those with the first input's second axis.

    Args:
        columns: the arrays.
        targets: whether targets and weights may be among them.
    """
    x, y, weight = columns.structure
    inputs = [i for i in tree.flatten(x) if i is not None]
    first = next((columns.arrays[i] for i in inputs if columns.arrays[i].ndim > 1), None)
    if first is None:
        return set()
    others = [i for i in tree.flatten((y, weight)) if i is not None] if targets else []
    return {
        i
        for i in inputs + others
        if columns.arrays[i].ndim > 1 and columns.arrays[i].shape[1] == first.shape[1]
    }
