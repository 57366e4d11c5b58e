"""What reaches layers through the calls around them: `training`, and the targets of the step."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

_local = threading.local()


class call_context:
    """The `training` flag of the layer call that is running; calls inside inherit it.

    `entry` is True for the outermost call.
    """

    def __init__(self, training: bool | None) -> None:
        self.training = training
        self.entry = False

    def __enter__(self) -> call_context:
        self._outer = getattr(_local, "current", None)
        self.entry = self._outer is None
        _local.current = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _local.current = self._outer


@contextmanager
def targets_of_step(y: Any, sample_weight: Any, loss: Any = None) -> Iterator[None]:
    """The step's targets and weights, for layers that bring a loss of their own.

    `loss`: what the model was compiled with, for them to refuse it.
    """
    outer = getattr(_local, "targets", None)
    _local.targets = None if y is None else (y, sample_weight, loss)
    try:
        yield
    finally:
        _local.targets = outer


def current_targets() -> tuple[Any, Any, Any] | None:
    """(y, sample_weight, compiled loss) of the step that is running; None where there are none."""
    return getattr(_local, "targets", None)


def inherited_training() -> bool | None:
    """`training` of the enclosing call; None outside of calls."""
    current: call_context | None = getattr(_local, "current", None)
    return None if current is None else current.training


def in_call() -> bool:
    """Whether a layer call is running in this thread."""
    return getattr(_local, "current", None) is not None
