"""CSVLogger (keras.callbacks.CSVLogger)."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

from deepcore.callbacks.callback import Callback, Logs

if TYPE_CHECKING:
    import csv


class CSVLogger(Callback):
    """Writes the logs of each epoch as a line of a CSV file.

    Args:
        filename: the file.
        separator: between values.
        append: go on with an existing file; it is overwritten otherwise.
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.keys: list[str] | None = None
        self._file: IO[str] | None = None
        self._writer: csv.DictWriter[str] | None = None
        self._has_header = False

    def on_train_begin(self, logs: Logs = None) -> None:
        self._close()
        self._has_header = False
        if self.append and os.path.exists(self.filename):
            self._has_header = os.path.getsize(self.filename) > 0
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self.keys = None
        self._writer = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        import csv

        if self._file is None:
            return
        logs = logs or {}
        if self._writer is None:
            self.keys = sorted(logs)
            # Validation may come later only (validation_freq): keep its columns free.
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
            self._writer = csv.DictWriter(self._file, ["epoch", *self.keys], delimiter=self.sep)
            if not self._has_header:
                self._writer.writeheader()
        row = {key: _plain(logs.get(key, "NA")) for key in self.keys or []}
        self._writer.writerow({"epoch": epoch, **row})
        self._file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._writer = None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f'"[{", ".join(map(str, value))}]"'
    return value
