"""Loops that memory bounds, as a part of what NumPy's copy of as many bytes moves on one thread.

    DEEPCORE_NUM_THREADS=1 python benchmarks/bandwidth.py

Each runs as a plan over 64 MB; what it must read and write is counted once. The best of seven runs
of the loop and of the copy, in turns.
"""

import time
from collections.abc import Callable

import numpy as np

import deepcore
from deepcore import Tensor, ops

ROWS, COLUMNS = 32768, 512


def best(*calls: Callable[[], object]) -> list[float]:
    """Seconds of the fastest of seven runs of each call, in turns."""
    for call in calls:
        call()
    seconds = [[] for _ in calls]
    for _ in range(7):
        for call, taken in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in seconds]


def updates(optimizer: deepcore.Optimizer, gradient: Tensor) -> Callable[[], object]:
    """A step of an optimizer on one matrix."""
    matrix = deepcore.Variable(ops.zeros(gradient.shape))
    optimizer.build([matrix])
    step = deepcore.function(lambda g: optimizer.apply([g], [matrix]))
    return lambda: step(gradient)


def main() -> None:
    """Prints a line for each loop."""
    rng = np.random.default_rng(0)
    array = rng.random((ROWS, COLUMNS), dtype=np.float32)
    other = np.empty_like(array)
    x, ones = ops.convert_to_tensor(array), ops.ones((COLUMNS,))
    images = ops.reshape(x, (32, 32, 32, COLUMNS))
    order = ops.convert_to_tensor(rng.permutation(ROWS).astype(np.int32))

    def planned(loop: Callable[..., object], *given: Tensor) -> Callable[[], object]:
        function = deepcore.function(loop)
        return lambda: function(*given)

    def taken(table: Tensor, weights: Tensor) -> Tensor:
        return ops.sum(ops.take(table, order, axis=0) * weights)

    def normalized(x: Tensor, weights: Tensor) -> Tensor:
        return ops.sum(ops.layer_normalization(x, ones, ones) * weights)

    pools = ops.ones((32, 16, 16, COLUMNS))

    def pooled(x: Tensor, weights: Tensor) -> Tensor:
        return ops.sum(ops.max_pool(x, 2) * weights)

    # What runs, and how often as many bytes as x has must be moved for it.
    loops = {
        "ReLU": (planned(ops.relu, x), 2),
        "scale, shift and ReLU": (planned(lambda x: ops.relu(x * ones + ones), x), 2),
        "softmax": (planned(ops.softmax, x), 2),
        "layer normalization": (planned(lambda x: ops.layer_normalization(x, ones, ones), x), 2),
        "sum of columns": (planned(lambda x: ops.sum(x, 0), x), 1),
        "sum of rows": (planned(lambda x: ops.sum(x, 1), x), 1),
        "mean and variance of columns": (planned(lambda x: ops.moments(x, 0), x), 1),
        "mean of squares": (planned(lambda x: ops.mean(x * x), x), 1),
        "largest of rows": (planned(lambda x: ops.argmax(x, 1), x), 1),
        "max pooling 2x2": (planned(lambda x: ops.max_pool(x, 2), images), 1.25),
        "average pooling 2x2": (planned(lambda x: ops.average_pool(x, 2), images), 1.25),
        "gradient of layer normalization": (planned(deepcore.grad(normalized), x, x), 3),
        "gradient of max pooling 2x2": (planned(deepcore.grad(pooled), images, pools), 2.25),
        "two arrays side by side": (planned(lambda x: ops.concatenate([x, x], 1), x), 3),
        "transpose": (planned(lambda x: ops.transpose(x), x), 2),
        "rows taken in random order": (planned(lambda x: ops.take(x, order, axis=0), x), 2),
        "rows added in random order": (planned(deepcore.grad(taken), x, x), 2),
        "SGD with momentum": (updates(deepcore.optimizers.SGD(momentum=0.9), x), 5),
        "Adam": (updates(deepcore.optimizers.Adam(), x), 7),
    }
    for name, (loop, trips) in loops.items():
        ours, copying = best(loop, lambda: np.copyto(other, array))
        rate, copied = trips * array.nbytes / ours, 2 * array.nbytes / copying
        print(
            f"{name:32s} {rate * 1e-9:5.0f} GB/s, a copy {copied * 1e-9:3.0f}: {rate / copied:5.0%}"
        )


if __name__ == "__main__":
    main()
