"""ModelCheckpoint (keras.callbacks.ModelCheckpoint)."""

from __future__ import annotations

import os
from typing import Any

from deepcore.callbacks.callback import Logs
from deepcore.callbacks.monitor import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, as training goes on.

    Each file is replaced in one step: a killed process never costs the last good checkpoint.

    Args:
        filepath: the file; may hold `{epoch}` and the logs' values: `m-{epoch}-{loss:.2f}.keras`.
        monitor: the value that `save_best_only` watches.
        verbose: 1 prints what is saved.
        save_best_only: save only when `monitor` improves.
        save_weights_only: `.weights.h5` files instead of `.keras`.
        mode: `min`, `max` or `auto`.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: the first value to beat.

    Raises:
        ValueError: a file name of the wrong ending, or an unknown `save_freq`.

    Example:
        >>> model.fit(x, y, callbacks=[ModelCheckpoint("best.keras", "loss", save_best_only=True)])
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = str(os.fspath(filepath))
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        is_count = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not is_count:
            raise ValueError(
                "ModelCheckpoint: save_freq must be 'epoch' or a positive integer. "
                f"Received: save_freq={save_freq!r}"
            )
        suffix = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(suffix):
            raise ValueError(
                f"ModelCheckpoint: with save_weights_only={save_weights_only} the filepath must "
                f"end in {suffix}. Received: filepath={self.filepath}"
            )
        self._batches = 0
        self._epoch = 0

        if save_freq != "epoch":
            # Only a hook that is overridden makes the loop stop at every batch.
            self.on_train_batch_end = self._on_batch_end  # type: ignore[method-assign]

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remembers the epoch for the file's name."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Saves, if it is due once an epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _on_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._save(self._epoch, batch, logs)

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        if self.save_best_only:
            value = self.get_monitor_value(logs)
            if value is None:
                return
            if not self._is_improvement(value, self.best):
                if self.verbose:
                    print(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {self.best}")
                return
            if self.verbose:
                print(f"\nEpoch {epoch + 1}: {self.monitor} improved from {self.best} to {value}")
            self.best = value
        path = self._path(epoch, batch, logs)
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: saved to {path}")

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        values = dict(logs or {})
        if batch is not None:
            values["batch"] = batch + 1
        try:
            return self.filepath.format(epoch=epoch + 1, **values)
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {error}, which is not among "
                f"the logs: {', '.join(values)}"
            ) from error
