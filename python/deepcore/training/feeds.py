"""Feeds: where the batches of an epoch come from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import checks
from deepcore.training import arrays
from deepcore.training.arrays import Columns
from deepcore.training.bucketing import Buckets
from deepcore.training.prepared import Batches, Prepare, is_large

_RAN_OUT = (
    "Your input ran out of data; interrupting training. Make sure that your dataset or generator "
    "can generate at least `steps_per_epoch * epochs` batches."
)

# Rows handed to the core at once: it looks through their order before it starts.
_SPAN = 1 << 20


class ArrayFeed:
    """Batches of arrays: rows in order or shuffled; nothing is copied but the order.

    Attributes:
        columns: the arrays.
        batch: the rows of a full batch.
        order: the rows of this epoch, None when in order.
        row: the next one's place in `order`.
    """

    def __init__(
        self,
        columns: Columns,
        batch: int,
        shuffle: bool | str = False,
        steps: int | None = None,
    ) -> None:
        self.columns = columns
        self.batch = batch
        self.order: npt.NDArray[np.int64] | None = None
        self.row = columns.rows  # so that the first epoch draws an order
        self._shuffle = shuffle
        self._steps = steps

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return self._steps or self._batches

    @property
    def _batches(self) -> int:
        return -(-self.columns.rows // self.batch)

    def begin(self) -> None:
        """A new epoch; with `steps_per_epoch` it goes on where the last one stopped."""
        self.step = 0
        if self._steps is None or self.row >= self.columns.rows:
            self.row = 0
            self.order = self._permutation()

    def ready(self) -> bool:
        """Whether there is a batch left in this epoch."""
        if self.step >= self.steps:
            return False
        if self.row >= self.columns.rows:
            warnings.warn(_RAN_OUT, stacklevel=4)
            return False
        return True

    def span(self, limit: int | None) -> tuple[int, int]:
        """(rows a batch, batches) of the next equal batches; a short last one comes alone."""
        left = self.columns.rows - self.row
        if left < self.batch:
            return left, 1
        whole = min(left // self.batch, self.steps - self.step, max(1, _SPAN // self.batch))
        return self.batch, whole if limit is None else min(whole, limit)

    def take(self, rows: int) -> list[arrays.Array]:
        """The next `rows` rows as arrays, for steps that run outside of plans."""
        stop = self.row + rows
        if self.order is None:
            return [array[self.row : stop] for array in self.columns.arrays]
        picked = self.order[self.row : stop]
        return [array[picked] for array in self.columns.arrays]

    def advance(self, rows: int, steps: int) -> None:
        """Notes that `steps` batches of `rows` rows are done."""
        self.row += rows * steps
        self.step += steps

    def _permutation(self) -> npt.NDArray[np.int64] | None:
        # NumPy's global generator, so that utils.set_random_seed governs it.
        if not self._shuffle:
            return None
        n = self.columns.rows
        if self._shuffle == "batch":
            whole = n // self.batch
            blocks = np.random.permutation(whole).astype(np.int64)  # noqa: NPY002
            rows = (blocks[:, None] * self.batch + np.arange(self.batch)).ravel()
            return np.concatenate([rows, np.arange(whole * self.batch, n)])
        return np.random.permutation(n).astype(np.int64, copy=False)  # noqa: NPY002


class BatchFeed:
    """Batches of an iterable, a generator, or an object with `__getitem__` and `__len__`."""

    order = None
    row = 0

    def __init__(
        self,
        where: str,
        data: Any,
        steps: int | None = None,
        class_weight: dict[int, float] | None = None,
        prepare: Prepare | None = None,
    ) -> None:
        self._where = where
        self._prepare = prepare
        self._data = data
        self._steps = steps
        self._class_weight = class_weight
        self._iterator: Iterator[Any] | None = None
        self._seen: int | None = None  # batches of the first epoch
        self._waiting = False
        self.columns: Columns
        self.step = 0

    @property
    def steps(self) -> int | None:
        """The number of batches in an epoch; None while it is not known."""
        if self._steps:
            return self._steps
        return len(self._data) if hasattr(self._data, "__len__") else self._seen

    def begin(self) -> None:
        """A new epoch; with `steps_per_epoch` it goes on where the last one stopped."""
        self.step = 0
        if self._iterator is None or (self._steps is None and not hasattr(self._data, "__next__")):
            self._iterator = self._new_iterator()

    def ready(self) -> bool:
        """Fetches the next batch; False when the epoch is over."""
        if self._waiting:
            return True
        if self._steps and self.step >= self._steps:
            return False
        assert self._iterator is not None
        try:
            batch = next(self._iterator)
        except StopIteration:
            self._end()
            return False
        self.columns = self._columns_of(batch)
        self._waiting = True
        return True

    def span(self, limit: int | None) -> tuple[int, int]:
        """(rows, 1): batches come one by one."""
        return self.columns.rows, 1

    def take(self, rows: int) -> list[arrays.Array]:
        """The batch."""
        return self.columns.arrays

    def advance(self, rows: int, steps: int) -> None:
        """Notes that the batch is done."""
        self._waiting = False
        self.step += 1

    def _new_iterator(self) -> Iterator[Any]:
        if hasattr(self._data, "__iter__"):
            return iter(self._data)
        return (self._data[i] for i in range(len(self._data)))

    def _end(self) -> None:
        if self.step == 0 or (self._steps and self.step < self._steps):
            warnings.warn(_RAN_OUT, stacklevel=5)
        if self._steps is None and self._seen is None and self.step:
            self._seen = self.step
        if not hasattr(self._data, "__next__"):
            self._iterator = None
        on_epoch_end = getattr(self._data, "on_epoch_end", None)
        if callable(on_epoch_end):
            on_epoch_end()

    def _columns_of(self, batch: Any) -> Columns:
        x, y, weight = unpack_x_y_sample_weight(batch)
        if self._class_weight:
            weight = arrays.class_weights(self._where, y, self._class_weight)
        found = arrays.columns(self._where, x, y, weight)
        return found if self._prepare is None else self._prepare(found)


Feed = ArrayFeed | BatchFeed


def make_feed(
    where: str,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: dict[int, float] | None = None,
    prepare: Prepare | None = None,
    buckets: Callable[[Columns, int], Buckets] | None = None,
) -> Feed:
    """A feed for what `fit`, `evaluate` and `predict` take.

    Args:
        where: names the method in errors.
        x: arrays, or an iterable of batches.
        y: targets.
        sample_weight: weights of the samples.
        batch_size: rows a batch; 32 when None.
        steps: batches an epoch; all when None.
        shuffle: see `fit`.
        class_weight: see `fit`.
        prepare: makes the arrays that steps take; see `Trainer._prepare`.
        buckets: makes batches of their rows of similar length, of a size.

    Raises:
        ValueError: the data or a size is not usable.
    """
    if batch_size is not None:
        batch_size = checks.positive_int(where, "batch_size", batch_size)
    if steps is not None:
        steps = checks.positive_int(where, "steps", steps)
    if class_weight is not None and not isinstance(class_weight, dict):
        raise ValueError(f"{where}: class_weight must be a dict. Received: {class_weight=}.")
    if is_iterable_of_batches(x):
        if buckets is not None:
            raise ValueError(
                f"{where}: bucket_by_length takes arrays, not batches: use data.BucketByLength. "
                f"Received: x of type {type(x).__name__}."
            )
        if y is not None or sample_weight is not None:
            raise ValueError(
                f"{where}: x gives whole batches, so y and sample_weight must come from it. "
                f"Received: x of type {type(x).__name__} together with y or sample_weight."
            )
        return BatchFeed(where, x, steps, class_weight, prepare)
    if class_weight:
        if sample_weight is not None:
            raise ValueError(
                f"{where}: class_weight and sample_weight cannot be used at the same time."
            )
        sample_weight = arrays.class_weights(where, y, class_weight)
    found = arrays.columns(where, x, y, sample_weight)
    if prepare is not None:
        if buckets is None and is_large(found, prepare):
            batches = Batches(found, batch_size or 32, shuffle)
            return BatchFeed(where, batches, steps, prepare=prepare)
        found = prepare(found)
    if buckets is not None:
        return BatchFeed(where, buckets(found, batch_size or 32), steps)
    return ArrayFeed(found, batch_size or 32, shuffle, steps)


def is_iterable_of_batches(x: Any) -> bool:
    """Whether `x` is a generator, a loader or the like, and not data itself."""
    if x is None or isinstance(x, list | tuple | dict | str | bytes | np.ndarray):
        return False
    if hasattr(x, "__array__") or hasattr(x, "to_numpy") or hasattr(x, "toarray"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) from a batch, None for what it lacks (keras.utils).

    Raises:
        ValueError: more than three parts.
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. "
            f"Received: {len(data)} parts."
        )
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """The shortest tuple that holds what is given (keras.utils)."""
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, tuple | list) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
