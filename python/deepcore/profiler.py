"""profile: where the time goes, op by op."""

from __future__ import annotations

import json
import os
import re
from types import TracebackType
from typing import Any, NamedTuple

from deepcore import _core, checks

_SORTS = ("time", "calls", "flops", "bytes", "mean")
_WIDEST = 88  # of the first column
_LONGEST_OP = 32
_SHORT = {"float": "f", "uint": "u", "int": "i"}


class Row(NamedTuple):
    """What one op on one set of shapes did; or all ops of a name.

    Attributes:
        name: `matmul`, `conv`, ...; `feed` gathers batches, `copy` moves results.
        op: the name with the op's settings.
        types: of its inputs and outputs: `f32[32,784], f32[784,64] -> f32[32,64]`.
        calls: how many.
        seconds: of all calls together.
        flops: multiplies and adds of matmuls and convolutions, of all calls.
        bytes: of the inputs and outputs of all calls.
    """

    name: str
    op: str
    types: str
    calls: int
    seconds: float
    flops: int
    bytes: int


class profile:
    """Measures what runs inside its `with` block.

    Everything that the core computes is seen, on all threads of the process: `fit`, `evaluate`,
    `predict`, compiled functions and eager ops. While a profile is open the steps of a plan run
    one after the other, each on all threads; without one, neighbours that don't depend on each
    other overlap, so the times add up to a little more than the same work takes unprofiled. What
    Python does between is not in the table; `seconds` less the total shows it.

    The same profile may be entered again and adds up. Profiles may be nested: an outer one sees
    what an inner one sees. A trace holds about the first million events; the table counts all.

    Attributes:
        seconds: how long the block took, or has taken so far.

    Example:
        >>> with deepcore.profile() as p:
        ...     model.fit(x, y)
        >>> print(p)
        >>> p.save("trace.json")
    """

    def __init__(self) -> None:
        self._core = _core.Profile()

    def __enter__(self) -> profile:
        self._core.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._core.close()

    @property
    def seconds(self) -> float:
        return self._core.seconds

    def rows(self, sort_by: str = "time", by: str = "op") -> list[Row]:
        """The measurements.

        Args:
            sort_by: `time`, `mean` (time a call), `calls`, `flops` or `bytes`; the largest first.
            by: `op`: a row for each op and its shapes; `name`: a row for each name of an op.

        Raises:
            ValueError: an unknown `sort_by` or `by`.
        """
        checks.one_of("profile", "sort_by", sort_by, _SORTS)
        checks.one_of("profile", "by", by, ("op", "name"))
        found = [
            Row(name, op, types, calls, seconds, flops * calls, nbytes * calls)
            for name, op, types, flops, nbytes, calls, seconds in self._core.rows()
            if calls
        ]
        if by == "name":
            groups: dict[str, list[Row]] = {}
            for row in found:
                groups.setdefault(row.name, []).append(row)
            found = [_joined(name, rows) for name, rows in groups.items()]
        if sort_by == "mean":
            return sorted(found, key=lambda row: -row.seconds / row.calls)
        field = {"time": "seconds"}.get(sort_by, sort_by)
        return sorted(found, key=lambda row: -getattr(row, field))

    def table(self, sort_by: str = "time", by: str = "op", limit: int | None = 30) -> str:
        """The measurements as text.

        Args:
            sort_by: see `rows`.
            by: see `rows`.
            limit: the most rows to show; all when None.
        """
        rows = self.rows(sort_by, by)
        shown = rows[:limit]
        total = sum(row.seconds for row in rows)
        cells = [_cells(row, total, by) for row in shown]
        if len(rows) > len(shown):
            rest = _joined(f"({len(rows) - len(shown)} more)", rows[len(shown) :])
            cells.append(_cells(rest, total, "name"))
        cells.append(_cells(_joined("all", rows), total, "name"))
        return (
            _aligned(["op", "calls", "total", "mean", "share", "GFLOP/s", "MB", "GB/s"], cells)
            + f"\n{_time(self.seconds)} in all, of which {_time(total)} in ops"
        )

    def summary(self, sort_by: str = "time", by: str = "name", limit: int | None = 30) -> None:
        """Prints `table`, by default with a row for each name of an op."""
        print(self.table(sort_by, by, limit))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a Chrome trace: open it in chrome://tracing or Perfetto; a row a thread.

        Args:
            path: a JSON file.
        """
        rows = self._core.rows()
        pid = os.getpid()
        events: list[dict[str, Any]] = []
        threads = set()
        for index, thread, begin, end in self._core.events():
            name, op, types, flops, nbytes, _, _ = rows[index]
            threads.add(thread)
            events.append(
                {
                    "name": name,
                    "ph": "X",
                    "ts": begin / 1e3,  # microseconds
                    "dur": (end - begin) / 1e3,
                    "pid": pid,
                    "tid": thread,
                    "args": {"op": op, "types": types, "flops": flops, "bytes": nbytes},
                }
            )
        for thread in sorted(threads):
            label = {"name": f"thread {thread}"}
            events.append(
                {"name": "thread_name", "ph": "M", "pid": pid, "tid": thread, "args": label}
            )
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ns"}, file)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        rows = self.rows()
        calls = sum(row.calls for row in rows)
        return f"<profile: {calls} calls of {len(rows)} ops in {_time(self.seconds)}>"


def _joined(name: str, rows: list[Row]) -> Row:
    return Row(
        name,
        name,
        "",
        sum(row.calls for row in rows),
        sum(row.seconds for row in rows),
        sum(row.flops for row in rows),
        sum(row.bytes for row in rows),
    )


def _cells(row: Row, total: float, by: str) -> list[str]:
    what = row.name
    if by == "op":  # settings that would push the shapes out are left to the trace
        types = re.sub(r"(float|uint|int)(?=\d)", lambda m: _SHORT[m[1]], row.types)
        what = f"{row.op if len(row.op) <= _LONGEST_OP else row.name}  {types}"
    seconds = row.seconds or 1e-9
    return [
        what if len(what) <= _WIDEST else what[: _WIDEST - 1] + "…",
        f"{row.calls:,}",
        _time(row.seconds),
        _time(row.seconds / max(row.calls, 1)),
        f"{row.seconds / total:.1%}" if total else "",
        f"{row.flops / seconds / 1e9:.1f}" if row.flops else "",
        f"{row.bytes / 1e6:,.2f}",
        f"{row.bytes / seconds / 1e9:.1f}",
    ]


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3f} {unit}"
    return f"{seconds * 1e6:.2f} us"


def _aligned(header: list[str], rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        rest = (f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([f"{cells[0]:<{widths[0]}}", *rest])

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([line(header), rule, *map(line, rows[:-1]), rule, line(rows[-1])])
