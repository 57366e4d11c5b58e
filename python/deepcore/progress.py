"""Progress of a long job, shown in a terminal, a notebook or a log file, by way of tqdm."""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

# Seconds between two looks at the bar: smooth to the eye, and under 1% of the time.
_INTERVAL = 0.1
# Short, so that a loss and a metric fit into 80 columns.
_FORMAT = "{desc} {n_fmt}/{total_fmt} |{bar:12}| {elapsed}<{remaining}{postfix}"


class Progress:
    """Shows how far a job is.

    Args:
        title: what is being done: `Epoch 1/5`.
        total: the number of steps; None when it is not known.
        live: a bar that moves; one line at the end otherwise.
        unit: what a step is called.
    """

    def __init__(self, title: str, total: int | None, live: bool, unit: str = "step") -> None:
        self._title = title
        self._total = total
        self._done = 0
        self._start = self._last = time.perf_counter()
        self._bar: Any = _bar(title, total, unit) if live else None
        self._is_text = live and not _is_widget(type(self._bar))

    def due(self) -> bool:
        """Whether it is time to show something."""
        return self._bar is not None and time.perf_counter() - self._last >= _INTERVAL

    def update(self, done: int, logs: dict[str, Any] | None = None) -> None:
        """Notes that `done` steps are over; shows it when it is time."""
        if self.due():
            self._show(done, logs)
        self._done = done

    def finish(self, done: int | None = None, logs: dict[str, Any] | None = None) -> None:
        """Shows the end and closes the line."""
        done = self._done if done is None else done
        if self._bar is None:
            self._print_line(done, logs)
            return
        if self._total is None:
            self._bar.total = done
        self._show(done, logs)
        if self._is_text:  # a line of text takes the bar's place: it is never cut off
            self._bar.leave = False
        self.close()
        if self._is_text:
            self._print_line(done, logs)

    def close(self) -> None:
        """Ends the line where it is; safe to call twice."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, done: int, logs: dict[str, Any] | None) -> None:
        text = ", ".join(f"{name}={number(value)}" for name, value in (logs or {}).items())
        self._bar.set_postfix_str(text, refresh=False)
        if not self._bar.update(done - self._bar.n):
            self._bar.refresh()
        self._last = time.perf_counter()

    def _print_line(self, done: int, logs: dict[str, Any] | None) -> None:
        seconds = time.perf_counter() - self._start
        parts = [self._title] if self._title else []
        parts += [f"{done}/{self._total or done}", f"{seconds:.0f}s"]
        if done:
            parts.append(f"{_duration(seconds / done)}/step")
        parts += [f"{name}: {number(value)}" for name, value in (logs or {}).items()]
        print(" - ".join(parts), flush=True)


def is_live() -> bool:
    """Whether standard output can show a bar that moves: a terminal or a notebook."""
    return in_notebook() or bool(getattr(sys.stdout, "isatty", lambda: False)())


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython  # type: ignore[import-not-found, unused-ignore]

    shell = get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def number(value: Any) -> str:
    """A value short enough for a progress line."""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def _bar(title: str, total: int | None, unit: str) -> Any:
    # Imported here: tqdm takes longer to import than this package.
    if in_notebook():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without ipywidgets it falls back to text
            from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    widget = _is_widget(tqdm)
    arguments: dict[str, Any] = {"bar_format": _FORMAT} if total and not widget else {}
    return _quiet(tqdm)(
        total=total,
        desc=title,
        unit=unit,
        file=sys.stdout,
        mininterval=0,
        miniters=1,
        dynamic_ncols=True,
        **arguments,
    )


def _is_widget(kind: type) -> bool:
    return any(base.__module__ == "tqdm.notebook" for base in kind.__mro__)


def _quiet(kind: Any) -> Any:
    # tqdm's monitor is a thread for bars that go unwatched; ours are watched, and a process with
    # fewer threads forks better.
    return type(kind.__name__, (kind,), {"monitor_interval": 0})


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"
