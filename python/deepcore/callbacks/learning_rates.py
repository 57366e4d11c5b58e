"""Learning rates that change between epochs (keras.callbacks)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepcore.callbacks.callback import Callback, Logs
from deepcore.callbacks.monitor import MonitorCallback


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch.

    Args:
        schedule: (epoch, learning rate so far) -> learning rate; or of the epoch alone.
        verbose: 1 prints the learning rates.

    Raises:
        ValueError: `schedule` gives no float (in training).

    Example:
        >>> model.fit(x, y, callbacks=[LearningRateScheduler(lambda epoch, lr: 0.9 * lr)])
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        try:
            rate = self.schedule(epoch, float(optimizer.learning_rate))
        except TypeError:
            rate = self.schedule(epoch)
        try:
            rate = _as_float(rate)
        except TypeError:
            raise ValueError(
                f"LearningRateScheduler: schedule must give a float. Received: {rate!r}."
            ) from None
        optimizer.learning_rate = rate
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a value has not improved for some epochs.

    Args:
        monitor: the value's name in the logs.
        factor: what the learning rate is multiplied by, below 1.
        patience: epochs without improvement to bear.
        verbose: 1 prints what happens.
        mode: `min`, `max` or `auto`.
        min_delta: smaller improvements don't count.
        cooldown: epochs after a change that don't count.
        min_lr: the least learning rate.

    Raises:
        ValueError: `factor` is not below 1.

    Example:
        >>> model.fit(x, y, callbacks=[ReduceLROnPlateau("loss", patience=3)])
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1. Received: {factor=}.")
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._begin()

    def _begin(self) -> None:
        self.best: float | None = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self.get_monitor_value(logs)
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        before = float(optimizer.learning_rate)
        if before <= self.min_lr:
            return
        rate = max(before * self.factor, self.min_lr)
        optimizer.learning_rate = rate
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")

    def in_cooldown(self) -> bool:
        """Whether epochs don't count yet."""
        return self.cooldown_counter > 0


def _as_float(value: Any) -> float:
    if isinstance(value, bool | int) or not hasattr(value, "__float__"):
        raise TypeError
    return float(value)
