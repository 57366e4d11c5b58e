"""BucketByLength: sequences of similar length in batches of their own length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from deepcore import checks
from deepcore.preprocessing.sequence import pad_sequences
from deepcore.training import arrays
from deepcore.training.bucketing import Buckets, runs_along


class BucketByLength:
    """Batches for `fit`, `evaluate` and the like that waste little on padding.

    Rows go to the first bucket that is long enough, and are cut to its length: a model is planned
    once or twice for each bucket. Rows and batches come in another order each epoch.

    Args:
        x: sequences: an array (N, T) or (N, T, ...) that is filled up, or a list of sequences of
            different lengths; several, as inputs of a model, in a tuple or dict. Inputs as long as
            the first are cut with it; a row is as long as its longest.
        y: targets.
        sample_weight: weights of the samples.
        batch_size: rows a batch.
        boundaries: the lengths of the buckets, rising; longer rows make one more. When None,
            those of at most five buckets that leave the fewest steps to compute.
        sequence_targets: whether `y` and `sample_weight` run along the sequence (N, T, ...), too.
        padding: where `x` is filled up: `post` or `pre`.
        pad_value: what with.
        shuffle: draw a new order each epoch.
        seed: of the order; `utils.set_random_seed` governs it when None.

    Raises:
        ValueError: no sequences, numbers of rows that differ, or boundaries that do not rise.

    Example:
        >>> batches = BucketByLength([[1, 2], [3], [4, 5, 6, 7]], [0, 1, 1], batch_size=2)
        >>> sorted(x.shape for x, y in batches)
        [(1, 1), (1, 2), (1, 4)]
        >>> model.fit(batches, epochs=3)
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int = 32,
        boundaries: Sequence[int] | None = None,
        sequence_targets: bool = False,
        padding: str = "post",
        pad_value: Any = 0,
        shuffle: bool = True,
        seed: int | None = None,
    ) -> None:
        where = "BucketByLength"
        fill = (padding, pad_value)
        if isinstance(x, dict):
            x = {key: _filled(item, *fill) for key, item in x.items()}
        elif isinstance(x, tuple):
            x = tuple(_filled(item, *fill) for item in x)
        else:
            x = _filled(x, *fill)
        if sequence_targets:
            y, sample_weight = _filled(y, *fill), _filled(sample_weight, *fill)
        found = arrays.columns(where, x, y, sample_weight)
        self._buckets = Buckets(
            found,
            runs_along(found, sequence_targets),
            checks.positive_int(where, "batch_size", batch_size),
            boundaries,
            padding,
            pad_value,
            shuffle,
            None if seed is None else np.random.default_rng(seed),
        )

    @property
    def boundaries(self) -> list[int]:
        """The lengths of the buckets."""
        return list(self._buckets.boundaries)

    def __len__(self) -> int:
        """The number of batches."""
        return len(self._buckets)

    def __iter__(self) -> Iterator[Any]:
        for x, y, weight in self._buckets:
            yield (x, y) if weight is None else (x, y, weight)


def _filled(value: Any, padding: str, pad_value: Any) -> Any:
    """Sequences of different lengths as an array."""
    if not isinstance(value, list) or not value or not hasattr(value[0], "__len__"):
        return value
    first = np.asarray(next((item for item in value if len(item)), []))
    dtype = "int64" if first.dtype.kind in "iub" or not first.size else "float32"
    return pad_sequences(value, dtype=dtype, padding=padding, value=pad_value)
