"""CallbackList: many callbacks called as one (keras.callbacks.CallbackList)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deepcore import tree
from deepcore.callbacks.callback import Callback, Logs, overrides
from deepcore.callbacks.history import History
from deepcore.callbacks.progbar_logger import ProgbarLogger

_BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class CallbackList(Callback):
    """Passes each hook on to its callbacks, in order.

    Args:
        callbacks: one, several, or none.
        add_history: appends a `History` if there is none.
        add_progbar: appends a `ProgbarLogger` if there is none.
        model: passed to each.
        **params: passed to each: `verbose`, `epochs`, `steps`.

    Raises:
        TypeError: something that is not a callback.
    """

    def __init__(
        self,
        callbacks: Callback | Iterable[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        given = [] if callbacks is None else tree.flatten(callbacks)
        for callback in given:
            like = isinstance(callback, Callback) or hasattr(callback, "on_epoch_end")
            if isinstance(callback, type) or not like:
                raise TypeError(
                    "callbacks must be instances of deepcore.callbacks.Callback. "
                    f"Received: {callback!r} of type {type(callback).__name__}."
                )
        self.callbacks: list[Any] = list(given)
        self.history: History | None = self._find(History)
        if self.history is None and add_history:
            self.history = History()
            self.callbacks.append(self.history)
        self._progress = self._find(ProgbarLogger)
        if self._progress is None and add_progbar:
            self._progress = ProgbarLogger()
            self.callbacks.append(self._progress)
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def _find(self, kind: type) -> Any:
        return next((c for c in self.callbacks if isinstance(c, kind)), None)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def wants_batches(self, kind: str) -> bool:
        """Whether a callback overrides a batch hook of `train`, `test` or `predict`.

        The progress bar does not count: it is content with a look now and then, and so is any
        callback with a true attribute `samples_batches`.
        """
        return any(
            overrides(callback, hook)
            for callback in self.callbacks
            if not getattr(callback, "samples_batches", False)
            for hook in _BATCH_HOOKS[kind]
        )

    def wants_progress(self) -> bool:
        """Whether someone would look at the progress now."""
        return any(
            callback.wants_progress()
            for callback in self.callbacks
            if getattr(callback, "samples_batches", False)
        )

    def batch_begin(self, kind: str, batch: int) -> None:
        """Calls `on_{kind}_batch_begin`."""
        self._each(f"on_{kind}_batch_begin", batch, {})

    def batch_end(self, kind: str, batch: int, logs: Logs) -> None:
        """Calls `on_{kind}_batch_end`."""
        self._each(f"on_{kind}_batch_end", batch, logs)

    def close(self) -> None:
        """Puts the terminal in order, also after an exception."""
        if self._progress is not None:
            self._progress.close()

    def _each(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._each("on_batch_begin", batch, logs)

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._each("on_batch_end", batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._each("on_epoch_begin", epoch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._each("on_epoch_end", epoch, logs or {})

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._each("on_train_batch_begin", batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._each("on_train_batch_end", batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._each("on_test_batch_begin", batch, logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._each("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._each("on_predict_batch_begin", batch, logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._each("on_predict_batch_end", batch, logs)

    def on_train_begin(self, logs: Logs = None) -> None:
        self._each("on_train_begin", logs or {})

    def on_train_end(self, logs: Logs = None) -> None:
        self._each("on_train_end", logs or {})

    def on_test_begin(self, logs: Logs = None) -> None:
        self._each("on_test_begin", logs or {})

    def on_test_end(self, logs: Logs = None) -> None:
        self._each("on_test_end", logs or {})

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._each("on_predict_begin", logs or {})

    def on_predict_end(self, logs: Logs = None) -> None:
        self._each("on_predict_end", logs or {})
