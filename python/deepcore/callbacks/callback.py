"""Callback: what may be told of training as it goes (keras.callbacks.Callback)."""

from __future__ import annotations

import weakref
from typing import Any

Logs = dict[str, Any] | None


class Callback:
    """Override the hooks that are of interest.

    Batch hooks cost: Python is entered for each batch only if some callback overrides one.

    Attributes:
        params: `verbose`, `epochs` and `steps` of the run.
        model: the model being trained; not kept alive by its callbacks.
    """

    params: dict[str, Any]

    def __init__(self) -> None:
        self.params = {}
        self._model: weakref.ref[Any] | None = None

    @property
    def model(self) -> Any:
        """The model; None before training."""
        reference = self.__dict__.get("_model")
        return None if reference is None else reference()

    @model.setter
    def model(self, model: Any) -> None:
        self._model = None if model is None else weakref.ref(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before training with the run's parameters."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called before training with the model."""
        self.model = model

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Same as `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Same as `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """An epoch starts; epochs are counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """An epoch is over; `logs` has its loss and metrics, also of validation (`val_`)."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A training batch starts."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A training batch is over; `logs` has the means of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of `evaluate` or of validation starts."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of `evaluate` or of validation is over."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A batch of `predict` starts."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A batch of `predict` is over."""

    def on_train_begin(self, logs: Logs = None) -> None:
        """`fit` starts."""

    def on_train_end(self, logs: Logs = None) -> None:
        """`fit` is over; not called after an exception."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """`evaluate` or validation starts."""

    def on_test_end(self, logs: Logs = None) -> None:
        """`evaluate` or validation is over."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """`predict` starts."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """`predict` is over."""


def overrides(callback: Callback, hook: str) -> bool:
    """Whether a callback has its own version of a hook, by its class or set on the object."""
    method = getattr(callback, hook, None)
    return getattr(method, "__func__", method) is not getattr(Callback, hook)
