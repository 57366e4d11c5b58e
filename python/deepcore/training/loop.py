"""Runs the steps of an epoch: many inside the core, while Python looks in a few times a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import tree
from deepcore.training import steps

if TYPE_CHECKING:
    from deepcore.callbacks import CallbackList
    from deepcore.training.feeds import Feed
    from deepcore.training.predictions import Predictions
    from deepcore.training.trainer import Trainer

# Seconds that the core may run before Python looks at signals and the progress bar: short enough
# for Ctrl-C to feel prompt, long enough to cost nothing.
SLICE = 0.1


class Loop:
    """One kind of step of a model over a feed.

    Args:
        model: the model.
        kind: `train`, `test` or `predict`.
        feed: the data.
        callbacks: told of batches where they want to be.
        predictions: takes the outputs of `predict`.
    """

    def __init__(
        self,
        model: Trainer,
        kind: str,
        feed: Feed,
        callbacks: CallbackList,
        predictions: Predictions | None = None,
    ) -> None:
        self._model = model
        self._kind = kind
        self._feed = feed
        self._callbacks = callbacks
        self._predictions = predictions
        self._ran = False
        self._own_logs: dict[str, Any] | None = None  # of the last step, when not metrics

    def epoch(self) -> dict[str, Any]:
        """Runs an epoch; gives its logs, none if the data ended with the epoch before.

        Raises:
            ValueError: there was no data at all.
        """
        model, feed, callbacks, kind = self._model, self._feed, self._callbacks, self._kind
        every_batch = callbacks.wants_batches(kind)
        limit = model.steps_per_execution if every_batch else None
        feed.begin()
        while feed.ready():
            if every_batch:
                callbacks.batch_begin(kind, feed.step)
            row = feed.row
            self._advance(limit)
            if every_batch or callbacks.wants_progress():
                logs = self.logs()
                if self._predictions and every_batch:
                    logs = {"outputs": self._predictions.recent(row, feed.row)}
                callbacks.batch_end(kind, feed.step - 1, logs)
            if model._stopped(kind):
                break
        if feed.step == 0:
            if self._ran:
                return {}
            raise ValueError(f"The data gave no batches to {kind} on.")
        self._ran = True
        logs = self.logs()
        if not every_batch:
            callbacks.batch_end(kind, feed.step - 1, logs)
        return logs

    def logs(self) -> dict[str, Any]:
        """The logs so far, as Python numbers."""
        if self._kind == "predict":
            return {}
        if self._own_logs is not None:
            return self._own_logs
        return pythonify_logs(self._model.get_metrics_result())

    def _advance(self, limit: int | None) -> None:
        """Runs the next batches: some for SLICE seconds, or `limit` of them."""
        model, feed = self._model, self._feed
        rows, count = feed.span(limit)
        if model.run_eagerly:
            self._take(steps.eager(model, self._kind, feed.columns, feed.take(rows)))
            feed.advance(rows, 1)
            return
        step = model._steps.find(model, self._kind, feed.columns, rows)
        outputs = self._predictions.targets(step, rows) if self._predictions else None
        if step.logs is not None or (self._predictions and outputs is None):
            try:
                self._take(steps.run_once(model, step, feed.columns, feed.take(rows)))
            except IndexError:
                self._name_layer(rows, 1)
                raise
            feed.advance(rows, 1)
            return
        seconds = SLICE if limit is None else 0.0
        try:
            done = step.plan.run_batches(
                feed.columns.arrays, feed.order, feed.row, rows, count, seconds, outputs
            )
        except IndexError:
            self._name_layer(rows, count)
            raise
        feed.advance(rows, done)

    def _name_layer(self, rows: int, count: int) -> None:
        """Runs the next batches without a plan until the layer that refuses one tells its name."""
        for _ in range(count):
            batch = self._feed.take(rows)
            steps.eager(self._model, "predict", self._feed.columns, batch)
            self._feed.advance(rows, 1)

    def _take(self, result: Any) -> None:
        """Keeps what a single step gave."""
        if self._predictions:
            self._predictions.append(result)
        elif set(result) != set(self._model.get_metrics_result()):
            self._own_logs = pythonify_logs(result)


def pythonify_logs(logs: dict[str, Any] | None) -> dict[str, Any]:
    """Logs with their scalars as Python floats; nested dicts are joined."""
    found: dict[str, Any] = {}
    for key, value in (logs or {}).items():
        if isinstance(value, dict):
            found.update(pythonify_logs(value))
        elif isinstance(value, int | float | str):
            found[key] = value
        else:
            try:
                found[key] = float(value)
            except (TypeError, ValueError):
                found[key] = tree.map_structure(lambda t: t.numpy(), value)
    return found
