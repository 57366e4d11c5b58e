"""What every peer's process does: get ready, then measure whenever it is asked."""

import json
import sys
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

SHAPES = {"mlp_mnist": (784,), "cnn_mnist": (28, 28, 1)}
SAMPLES = {"mlp_mnist": 19200, "cnn_mnist": 3200}


def data(workload: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Random images and labels: speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    n = SAMPLES[workload]
    x = rng.random((n, *SHAPES[workload]), dtype=np.float32)
    return x, rng.integers(0, 10, n)


def serve(epoch: Callable[[], None], workload: str) -> None:
    """Answers each line of standard input with the rate of one epoch."""
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        epoch()
        seconds = time.perf_counter() - begin
        print(json.dumps({"samples_per_second": SAMPLES[workload] / seconds}), flush=True)
