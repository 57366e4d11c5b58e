"""History: the logs of every epoch; `fit` gives it back (keras.callbacks.History)."""

from __future__ import annotations

from typing import Any

from deepcore.callbacks.callback import Callback, Logs


class History(Callback):
    """Records the logs of each epoch.

    Attributes:
        history: lists by name: `loss`, `accuracy`, `val_loss`, ...
        epoch: the epochs recorded.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
