"""MonitorCallback: compares a logged value with the best one so far (keras.callbacks)."""

from __future__ import annotations

import warnings
from typing import Any

from deepcore.callbacks.callback import Callback, Logs

# What is better when larger, beside metrics that say so themselves.
_LARGER = ("acc", "auc", "precision", "recall", "f1", "iou", "r2", "cosine")


class MonitorCallback(Callback):
    """The base of callbacks that act when a value improves, or does not.

    Args:
        monitor: the value's name in the logs.
        mode: `min`, `max`, or `auto`: told by the metric or by the name.
        baseline: the first value to beat.
        min_delta: smaller improvements don't count.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._larger: bool | None = None

    def _set_monitor_op(self) -> None:
        """Decides which way is better; needs the model.

        Raises:
            ValueError: neither the metric nor its name tells.
        """
        if self.mode != "auto":
            self._larger = self.mode == "max"
            return
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            self._larger = False
            return
        for metric in _flat_metrics(self.model):
            direction = getattr(metric, "_direction", None)
            if metric.name == name and direction in ("up", "down"):
                self._larger = direction == "up"
                return
        if any(word in name for word in _LARGER):
            self._larger = True
        elif any(metric.name == name for metric in _flat_metrics(self.model)):
            self._larger = False
        else:
            raise ValueError(
                f"{type(self).__name__}: cannot tell whether monitor={self.monitor!r} should be "
                "large or small. Pass mode='max' or mode='min'."
            )

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if self._larger is None:
            self._set_monitor_op()
        if value != value:  # nothing would ever be better than NaN
            return False
        if reference is None:
            return True
        if self._larger:
            return bool(value - self.min_delta > reference)
        return bool(value + self.min_delta < reference)

    def get_monitor_value(self, logs: Logs) -> Any:
        """The monitored value; None, with a warning, when the logs lack it."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} conditioned on metric `{self.monitor}` which is not "
                f"available. Available metrics are: {','.join(logs or {})}",
                stacklevel=3,
            )
        return value


def _flat_metrics(model: Any) -> list[Any]:
    found: list[Any] = []
    for metric in getattr(model, "metrics", []):
        found += getattr(metric, "metrics", [metric])
    return found
