"""Loops that memory bounds, as a part of what NumPy's copy of as many bytes moves on one thread.

    DEEPCORE_NUM_THREADS=1 python benchmarks/bandwidth.py

Each runs as a plan over 64 MB; what it must read and write is counted once. The best of seven.
"""

import time
from collections.abc import Callable

import numpy as np

import deepcore
from deepcore import ops

ROWS, COLUMNS = 32768, 512


def best(call: Callable[[], object]) -> float:
    """Seconds of the fastest of seven calls."""
    call()
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Prints a line for each loop."""
    rng = np.random.default_rng(0)
    array = rng.random((ROWS, COLUMNS), dtype=np.float32)
    other = np.empty_like(array)
    copied = 2 * array.nbytes / best(lambda: np.copyto(other, array))
    print(f"copy {copied * 1e-9:.0f} GB/s")
    x, ones = ops.convert_to_tensor(array), ops.ones((COLUMNS,))
    images = ops.reshape(x, (32, 32, 32, COLUMNS))
    order = ops.convert_to_tensor(rng.permutation(ROWS).astype(np.int32))
    # What runs, on what, and the bytes that it must move for each that it is given.
    loops = {
        "ReLU": (ops.relu, x, 2),
        "scale, shift and ReLU": (lambda x: ops.relu(x * ones + ones), x, 2),
        "softmax": (ops.softmax, x, 2),
        "layer normalization": (lambda x: ops.layer_normalization(x, ones, ones), x, 2),
        "sum of columns": (lambda x: ops.sum(x, 0), x, 1),
        "sum of rows": (lambda x: ops.sum(x, 1), x, 1),
        "mean and variance of columns": (lambda x: ops.moments(x, 0), x, 1),
        "max pooling 2x2": (lambda x: ops.max_pool(x, 2), images, 1.25),
        "average pooling 2x2": (lambda x: ops.average_pool(x, 2), images, 1.25),
        "rows taken in random order": (lambda x: ops.take(x, order, axis=0), x, 2),
    }
    for name, (loop, given, trips) in loops.items():
        planned = deepcore.function(loop)
        rate = trips * array.nbytes / best(lambda call=planned, x=given: call(x))
        print(f"{name:30s} {rate * 1e-9:5.0f} GB/s {rate / copied:6.0%}")


if __name__ == "__main__":
    main()
