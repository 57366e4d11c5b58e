"""What every peer's process does: get ready, say so, then measure whenever it is asked.

    peers/NAME_peer.py VARIANT train NETWORK BATCH SAMPLES     samples a second of training
    peers/NAME_peer.py VARIANT infer NETWORK BATCH             microseconds a call
    peers/NAME_peer.py VARIANT first NETWORK BATCH             says when one batch is trained; ends
    peers/NAME_peer.py VARIANT script                          trains and evaluates the MLP; ends
    peers/NAME_peer.py VARIANT kernels JSON                    seconds of the kernel asked for

A peer is a module with some of `train` (gives a function that trains on the first samples, as
many as it is told), `infer` (gives a function of a batch), `script` and `kernel`; whatever it
imports, it imports inside them, so that a missing library is told and no more.
"""

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1]))

# A measurement takes at least so long: fewer seconds say more about the clock and the scheduler.
SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "0.4"))
KERNEL_SECONDS = SECONDS / 4
THREADS = int(os.environ.get("BENCHMARK_THREADS", "2"))
SCRIPT_SAMPLES = 6000

Array = npt.NDArray[Any]


def data(network: str, samples: int) -> tuple[Array, Array]:
    """Random inputs and labels: speed does not depend on what they show."""
    from models import NETWORKS

    entry = NETWORKS[network]
    rng = np.random.default_rng(0)
    shape = (samples, *entry.shape)
    x = rng.integers(0, entry.tokens, shape, "int32") if entry.tokens else rng.random(shape, "f4")
    if entry.classes == 1:
        y = rng.random((samples, 1), dtype=np.float32)
        return x, y if entry.loss == "mse" else np.round(y)
    return x, rng.integers(0, entry.classes, (samples, entry.steps) if entry.steps else samples)


def digits(samples: int = SCRIPT_SAMPLES) -> tuple[Array, Array]:
    """The data of the whole script: something that an MLP can learn."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, samples)
    x = rng.random((10, 784), dtype=np.float32)[labels]
    return x + rng.random((samples, 784), dtype=np.float32), labels


def main(peer: Any) -> None:
    """Does what the command line asks for."""
    # Whatever a library prints must not get among the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**answer: Any) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    variant, task, *rest = sys.argv[1:]
    try:
        if task == "train":
            _train(peer, variant, say, rest[0], int(rest[1]), int(rest[2]))
        elif task == "infer":
            _infer(peer, variant, say, rest[0], int(rest[1]))
        elif task == "kernels":
            _kernels(peer, variant, say, json.loads(rest[0]))
        elif task == "first":
            network, batch = rest[0], int(rest[1])
            peer.train(variant, network, batch, *data(network, batch))(batch)
            say(rss_mb=rss_mb())
        elif task == "script":
            say(accuracy=peer.script(variant, *digits()), rss_mb=rss_mb())
    except (AttributeError, ImportError) as error:
        say(left_out=str(error))
    except Exception as error:
        if os.environ.get("BENCHMARK_RAISE"):
            raise
        say(left_out=f"{type(error).__name__}: {str(error).splitlines()[0]}")


def serve(say: Callable[..., None], measure: Callable[[], dict[str, Any]], **info: Any) -> None:
    """Answers every line of standard input with one measurement."""
    say(ready=True, **info)
    for _ in sys.stdin:
        say(**measure(), rss_mb=rss_mb())


def _train(peer: Any, variant: str, say: Any, network: str, batch: int, samples: int) -> None:
    epoch = peer.train(variant, network, batch, *data(network, samples))
    for _ in range(3):  # the first compiles, and the second, too, where the first only watched
        epoch(2 * batch)

    def measure() -> dict[str, Any]:
        begin, epochs, spent = time.perf_counter(), 0, 0.0
        while spent < SECONDS:
            epoch(samples)
            epochs += 1
            spent = time.perf_counter() - begin
        return {"samples_per_second": epochs * samples / spent}

    flops = peer.flops(network) if hasattr(peer, "flops") else None
    serve(say, measure, flops=flops)


def _infer(peer: Any, variant: str, say: Any, network: str, batch: int) -> None:
    x = data(network, batch)[0]
    call = peer.infer(variant, network, x)
    out = np.asarray(call(x))
    assert out.shape[0] == batch
    one = (
        np.allclose(out.sum(-1), 1, atol=1e-3)
        if out.shape[-1] > 1
        else ((out > 0) & (out < 1)).all()
    )
    assert one, "these are no probabilities"

    def measure() -> dict[str, Any]:
        times = []
        end = time.perf_counter() + SECONDS
        while not times or time.perf_counter() < end:
            begin = time.perf_counter()
            call(x)
            times.append(time.perf_counter() - begin)
        return {"microseconds": 1e6 * statistics.median(times)}

    measure()
    serve(say, measure)


def _kernels(peer: Any, variant: str, say: Any, kernels: list[dict[str, Any]]) -> None:
    built: tuple[int, Callable[[], dict[str, Any]]] = -1, dict
    peer.kernel(variant, kernels[0])()
    say(ready=True)
    for line in sys.stdin:
        index = int(line)
        if built[0] != index:
            built = index, _timed(peer.kernel(variant, kernels[index]))
        say(**built[1]())


def _timed(call: Callable[[], Any]) -> Callable[[], dict[str, Any]]:
    """Seconds a call, the median over bursts of calls that take some milliseconds each."""
    call()
    begin = time.perf_counter()
    call()
    calls = max(1, int(0.005 / max(time.perf_counter() - begin, 1e-7)))

    def measure() -> dict[str, Any]:
        times = []
        end = time.perf_counter() + KERNEL_SECONDS
        while not times or time.perf_counter() < end:
            begin = time.perf_counter()
            for _ in range(calls):
                call()
            times.append((time.perf_counter() - begin) / calls)
        return {"seconds": statistics.median(times)}

    return measure


def rss_mb() -> float:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)
