"""What a step of a plan costs beside its arithmetic: chains of tiny ops, on one thread and on all.

    python benchmarks/overhead.py [--ops 400] [--rounds 20]

A chain of n ops on 64 numbers, each a step of its own, is timed for n and for 2n: the difference is
n steps without the cost of a call. The elementwise chain has about 5 ns of arithmetic a step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import deepcore
from deepcore import _core, ops

KINDS: dict[str, Callable[[Any], Any]] = {
    "elementwise": ops.negative,
    "softmax": ops.softmax,
    "matmul 8x8": lambda x: ops.matmul(x, np.eye(8, dtype="float32")),
}


def chain(op: Callable[[Any], Any], length: int) -> Callable[[], Any]:
    """Runs a plan of `length` steps, none of them fused."""
    with _core.Trace() as trace:
        x = trace.input((8, 8), "float32")
        for _ in range(length):
            x = op(x)
        graph = trace.finish([x])
    plan, value = _core.Plan(graph, optimize=False), np.ones((8, 8), "float32")
    return lambda: plan.call(value)


def fastest(run: Callable[[], Any], rounds: int) -> float:
    """Seconds of the median of some rounds, each the fastest of ten calls."""
    found = []
    for _ in range(rounds):
        calls = []
        for _ in range(10):
            begin = time.perf_counter()
            run()
            calls.append(time.perf_counter() - begin)
        found.append(min(calls))
    return statistics.median(found)


def main() -> None:
    """Prints a line for each kind of op and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ops", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    for threads in sorted({1, deepcore.num_threads()}):
        deepcore.set_num_threads(threads)
        for name, op in KINDS.items():
            once, twice = chain(op, args.ops), chain(op, 2 * args.ops)
            spent = fastest(twice, args.rounds) - fastest(once, args.rounds)
            print(f"{name:12} {threads} threads: {spent / args.ops * 1e9:6.0f} ns a step")
        empty = chain(ops.negative, 1)
        print(f"{'a call':12} {threads} threads: {fastest(empty, args.rounds) * 1e9:6.0f} ns")


if __name__ == "__main__":
    main()
