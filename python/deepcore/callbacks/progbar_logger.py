"""ProgbarLogger: the progress bar of fit, evaluate and predict (keras.callbacks.ProgbarLogger)."""

from __future__ import annotations

from deepcore import progress
from deepcore.callbacks.callback import Callback, Logs


class ProgbarLogger(Callback):
    """A line for each epoch: a bar in a terminal or a notebook, plain text in a log file.

    `verbose` of the run says how much: 0 nothing, 1 a bar, 2 a line an epoch, `auto` a bar.
    """

    samples_batches = True

    def __init__(self) -> None:
        super().__init__()
        self._progress: progress.Progress | None = None
        self._training = False
        self._done = 0

    def wants_progress(self) -> bool:
        """Whether the bar would move now."""
        return self._progress is not None and self._progress.due()

    def close(self) -> None:
        """Ends the line, also in the middle of an epoch."""
        if self._progress is not None:
            self._progress.close()
        self._progress = None
        self._training = False

    def on_train_begin(self, logs: Logs = None) -> None:
        self._training = True

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._open(f"Epoch {epoch + 1}/{self.params.get('epochs', 1)}")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_train_end(self, logs: Logs = None) -> None:
        self._training = False

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._training:
            self._open("Evaluate")

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._training:
            self._update(batch, logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._training:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        # In a log file a line for every prediction would only be noise.
        if progress.is_live() or self.params.get("verbose") == 2:
            self._open("Predict")

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._update(batch, None)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    def _open(self, title: str) -> None:
        verbose = self.params.get("verbose", 1)
        if not verbose:
            return
        live = verbose != 2 and progress.is_live()
        self._done = 0
        self._progress = progress.Progress(title, self.params.get("steps"), live)

    def _update(self, batch: int, logs: Logs) -> None:
        self._done = batch + 1
        if self._progress is not None:
            self._progress.update(self._done, logs)

    def _finish(self, logs: Logs) -> None:
        if self._progress is not None:
            self._progress.finish(self._done, logs)
            self._progress = None
