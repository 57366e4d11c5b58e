"""fit, evaluate, predict, and their one-batch forms (keras.Model's methods)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import checks, tree
from deepcore.progress import is_live
from deepcore.training import arrays, flops
from deepcore.training.bucketing import Buckets, runs_along
from deepcore.training.feeds import ArrayFeed, Feed, make_feed, unpack_x_y_sample_weight
from deepcore.training.frozen import Frozen
from deepcore.training.loop import Loop
from deepcore.training.predictions import Predictions
from deepcore.training.prepared import Prepare
from deepcore.training.trainer import Trainer

if TYPE_CHECKING:
    from deepcore.callbacks import CallbackList, History


class Fitting(Trainer):
    """The methods that go over a data set."""

    history: History | None = None
    _callbacks_open = False

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
        bucket_by_length: bool | Sequence[int] = False,
    ) -> History:
        """Trains (keras.Model.fit).

        Arrays are read where they lie: nothing is copied but an order of rows. Texts go to a model
        that begins with `TextVectorization` or a lookup: its layers on the host run over all of
        them once, before the first step (batch by batch where the rows would take much memory).

        Args:
            x: an array, list or pandas frame (N, ...); or an iterable or generator of batches
                `(x, y)` or `(x, y, sample_weight)`.
            y: targets, of as many rows.
            batch_size: rows a step; 32 when None.
            epochs: the epoch to stop after.
            verbose: 0 nothing, 1 a bar, 2 a line an epoch, `auto` as fits the output.
            callbacks: told of what happens.
            validation_split: the last part of the data, not trained on.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or an iterable of batches.
            shuffle: another order each epoch; `"batch"` keeps blocks of a batch together.
            class_weight: weights of the samples by class.
            sample_weight: weights of the samples (N,).
            initial_epoch: the epoch to start at.
            steps_per_epoch: batches an epoch; all when None.
            validation_steps: batches of a validation; all when None.
            validation_batch_size: `batch_size` when None.
            validation_freq: validate every so many epochs, or after those listed.
            bucket_by_length: batch rows of similar length, cut to that length: sequences that are
                filled up with zeros at their end. The lengths of the buckets, or True to choose
                them by the data; see `data.BucketByLength`. Targets are cut where the model's
                outputs run along the sequence.

        Returns:
            The history: `history.history["loss"]` and so on, a value an epoch.

        Raises:
            ValueError: the model is not compiled, or the data does not fit it.
        """
        self._assert_compiled("fit")
        epochs = checks.count("fit", "epochs", epochs)
        first = checks.count("fit", "initial_epoch", initial_epoch)
        if not isinstance(validation_freq, list | tuple | set):
            checks.positive_int("fit", "validation_freq", validation_freq)
        if validation_split and validation_data is None:
            given = (x, y, sample_weight)
            (x, y, sample_weight), validation_data = arrays.split("fit", given, validation_split)
        feed = make_feed(
            "fit",
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            steps=steps_per_epoch,
            shuffle=shuffle,
            class_weight=class_weight,
            prepare=partial(self._prepare, "fit"),
            buckets=self._buckets(bucket_by_length, shuffle),
        )
        validation = None
        if validation_data is not None:
            size = validation_batch_size or batch_size
            prepare = partial(self._prepare, "validation_data")
            validation = _validation_feed(validation_data, size, validation_steps, prepare)
        self.stop_training = False
        told = self._callback_list(callbacks, verbose, feed, epochs=epochs, history=True)
        logs: dict[str, Any] = {}
        with _open(told):
            told.on_train_begin()
            loop = Loop(self, "train", feed, told)
            for epoch in range(self._initial_epoch or first, epochs):
                self.reset_metrics()
                told.on_epoch_begin(epoch)
                found = loop.epoch()
                if not found:  # a generator that ended with an earlier epoch, as it warned
                    break
                logs = dict(found)
                if validation is not None and _is_due(epoch + 1, validation_freq):
                    result = self._evaluate(validation, told)
                    logs.update({f"val_{name}": value for name, value in result.items()})
                told.on_epoch_end(epoch, logs)
                if told.params.get("steps") is None:  # known after the first epoch
                    told.set_params({**told.params, "steps": feed.steps})
                if self.stop_training:
                    break
            told.on_train_end(logs)
        self.optimizer.finalize_variable_values(self.trainable_variables)
        assert told.history is not None
        return told.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics over a data set (keras.Model.evaluate).

        Returns:
            The loss; `[loss, metric, ...]` if there are metrics; a dict if `return_dict`.

        Raises:
            ValueError: the model is not compiled, or the data does not fit it.
        """
        self._assert_compiled("evaluate")
        feed = make_feed(
            "evaluate",
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            steps=steps,
            prepare=partial(self._prepare, "evaluate"),
        )
        told = self._callback_list(callbacks, verbose, feed)
        with _open(told):
            logs = self._evaluate(feed, told)
        return logs if return_dict else _listed(logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for a data set, as NumPy arrays (keras.Model.predict).

        A sample's output has the same bits in any batch.

        Raises:
            ValueError: the data does not fit the model.
        """
        plain = callbacks is None and steps is None and type(x) is np.ndarray
        if plain and (verbose == 0 or (verbose in ("auto", 1) and not is_live())):
            again = self._predict_again(x, batch_size or 32)
            if again is not None:
                return again
        prepare = partial(self._prepare, "predict")
        feed = make_feed("predict", x, batch_size=batch_size, steps=steps, prepare=prepare)
        told = self._callback_list(callbacks, verbose, feed)
        whole = isinstance(feed, ArrayFeed)
        predictions = Predictions(feed.columns.rows if isinstance(feed, ArrayFeed) else None)
        self.stop_predicting = False
        with _open(told):
            told.on_predict_begin()
            Loop(self, "predict", feed, told, predictions).epoch()
            told.on_predict_end()
        plain = plain and isinstance(feed, ArrayFeed) and feed.columns.structure[0] == 0
        if plain and isinstance(feed, ArrayFeed) and len(x) <= feed.batch and not self.run_eagerly:
            self._steps.remember(x, self._steps.find(self, "predict", feed.columns, len(x)))
        return predictions.result(feed.row if whole else 0)

    def _predict_again(self, x: Any, most: Any) -> Any:
        """The outputs for one batch like an earlier one: its plan at once; else None."""
        step = self._steps.recall(x)
        if step is None or self.run_eagerly or type(most) is not int or len(x) > most:
            return None
        try:
            results = step.plan.call(x)
        except IndexError:
            return None  # the longer way tells which layer it was
        if results is None or step.template == 0:
            return results
        flat = results if isinstance(results, tuple) else (results,)
        return tree.map_structure(lambda index: flat[index], step.template)

    def freeze(self) -> Frozen:
        """A compiled function of this model at inference, with its present weights built in.

        The fastest way to predict: weights are constants that the plan is made for, NumPy arrays
        go in and out, and a call costs a few microseconds beyond the arithmetic. Later changes of
        the weights do not reach it. Same values as `model(x, training=False)`.

        Returns:
            A `Frozen`, called as the model is: `frozen(x)`.

        Raises:
            ValueError: the model is not built.

        Example:
            >>> frozen = model.freeze()
            >>> frozen(np.ones((1, 784), "float32")).shape
            (1, 10)
        """
        return Frozen(self)

    def count_flops(self, batch_size: int = 1, training: bool = False, x: Any = None) -> int:
        """Multiplies and adds of the model's matmuls and convolutions, counted on its plan.

        A multiply-add counts as 2. Everything else (activations, normalizations, losses, the
        optimizer) counts as 0.

        Args:
            batch_size: samples a call.
            training: count a step of training: forward, and backward as it is planned, that is
                without a gradient for the model's inputs.
            x: data like the model takes, for models that do not know the shape of their inputs.

        Raises:
            ValueError: the model is not built, or the shape of an input is not known.
        """
        return flops.count(
            self, checks.positive_int("count_flops", "batch_size", batch_size), training, x
        )

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: dict[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training; the loss and the metrics are those of this batch."""
        self._assert_compiled("train_on_batch")
        return self._on_batch("train", (x, y, sample_weight), class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One step of evaluation; the loss and the metrics are those of this batch."""
        self._assert_compiled("test_on_batch")
        return self._on_batch("test", (x, y, sample_weight), None, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        if type(x) is np.ndarray and x.ndim:
            again = self._predict_again(x, len(x))
            if again is not None:
                return again
        return self.predict(x, batch_size=_rows("predict_on_batch", x), verbose=0)

    def _on_batch(
        self, kind: str, data: tuple[Any, Any, Any], class_weight: Any, return_dict: bool
    ) -> Any:
        where = f"{kind}_on_batch"
        x, y, weight = data
        rows = _rows(where, x)
        prepare = partial(self._prepare, where)
        feed = make_feed(
            where, x, y, weight, batch_size=rows, class_weight=class_weight, prepare=prepare
        )
        self.reset_metrics()
        logs = Loop(self, kind, feed, self._callback_list(None, 0, feed)).epoch()
        return logs if return_dict else _listed(logs)

    def _buckets(self, asked: bool | Sequence[int], shuffle: bool | str) -> Any:
        if asked is False:
            return None
        boundaries = None if asked is True else asked

        def make(columns: arrays.Columns, batch: int) -> Buckets:
            if isinstance(columns.structure[0], int):
                self._build_for_lengths(columns.arrays[columns.structure[0]].shape)
            outputs = getattr(self, "outputs", [])
            targets = any(len(t.shape) > 1 and t.shape[1] is None for t in outputs)
            along = runs_along(columns, targets)
            return Buckets(columns, along, batch, boundaries, shuffle=bool(shuffle))

        return make

    def _build_for_lengths(self, shape: tuple[int, ...]) -> None:
        """Before batches of several lengths come, for models that go by the first batch's shape."""

    def _evaluate(self, feed: Feed, told: CallbackList) -> dict[str, Any]:
        self.stop_evaluating = False
        self.reset_metrics()
        told.on_test_begin()
        logs = Loop(self, "test", feed, told).epoch()
        told.on_test_end(logs)
        return logs

    def _callback_list(
        self, callbacks: Any, verbose: int | str, feed: Feed, epochs: int = 1, history: bool = False
    ) -> CallbackList:
        from deepcore.callbacks import CallbackList

        if isinstance(callbacks, CallbackList):
            return callbacks
        level = checks.one_of("fit", "verbose", verbose, ("auto", 0, 1, 2))
        return CallbackList(
            callbacks,
            add_history=history,
            add_progbar=level != 0,
            model=self,
            verbose=level,
            epochs=epochs,
            steps=feed.steps,
        )


@contextmanager
def _open(told: CallbackList) -> Iterator[None]:
    """Leaves the terminal in order, whatever happens inside."""
    try:
        yield
    finally:
        told.close()


def _validation_feed(
    data: Any, batch_size: int | None, limit: int | None, prepare: Prepare
) -> Feed:
    if isinstance(data, tuple | list):
        x, y, weight = unpack_x_y_sample_weight(data)
    else:
        x, y, weight = data, None, None
    return make_feed(
        "validation_data", x, y, weight, batch_size=batch_size, steps=limit, prepare=prepare
    )


def _is_due(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, int):
        return epoch % frequency == 0
    return epoch in frequency


def _rows(where: str, x: Any) -> int:
    return arrays.columns(where, x).rows


def _listed(logs: dict[str, Any]) -> Any:
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
