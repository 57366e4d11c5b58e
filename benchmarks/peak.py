"""The machine's fused multiply-add peak, measured where and when the rest is."""

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("peak.c")


def cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _program() -> str | None:
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        print("peak: left out, there is no C compiler", file=sys.stderr)
        return None
    program = Path(tempfile.mkdtemp(prefix="peak-")) / "peak"
    flags = ["-O3", "-march=native", "-ffp-contract=fast", "-pthread"]
    built = subprocess.run(
        [compiler, *flags, str(SOURCE), "-o", str(program)], capture_output=True, text=True
    )
    if built.returncode != 0:
        print(f"peak: left out, it does not compile: {built.stderr}", file=sys.stderr)
        return None
    return str(program)


def measure(threads: int | None = None) -> float | None:
    """GFLOP/s of independent chains of fused multiply-adds on that many threads (all CPUs).

    None when no C compiler is there.
    """
    program = _program()
    if program is None:
        return None
    told = subprocess.run(
        [program, str(threads or cpus())], capture_output=True, text=True, check=True
    )
    return float(told.stdout)
