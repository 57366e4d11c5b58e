"""Products, convolutions and recurrent layers of deepcore beside PyTorch's (MKL, oneDNN), GFLOP/s.

    python benchmarks/kernels.py [--only conv3x3] [--threads 2 1] [--rounds 5]
        [--python peers=path/to/python] [--markdown kernels.md]

Each peer runs in its own process for each number of threads; rounds over one kernel interleave
them all. deepcore runs compiled plans, PyTorch its own functions on channels-last tensors; small
products are called several times in a row, each on other operands, so that what is measured is the
kernel more than Python. `cpp` benchmarks of the bare kernels lie in `benchmarks/kernels/`.
"""

import argparse
import json
import statistics
import sys
from dataclasses import dataclass

import harness
import peak

PASSES = ("forward", "input", "filter")


@dataclass(frozen=True)
class Kernel:
    """What is computed.

    Attributes:
        what: how peers are told.
        flops: multiplies and adds.
        target: the least ratio to PyTorch's that we are content with.
    """

    name: str
    what: dict[str, object]
    flops: float
    target: float


def _product(m: int, k: int, n: int, target: float) -> Kernel:
    name = f"sgemm {m}" if m == k == n else f"sgemm {m}x{k}x{n}"
    flops = 2.0 * m * k * n
    # Some milliseconds of one core at most, and 16 calls.
    calls = max(1, min(16, int(1e8 / flops)))
    what = {"kind": "matmul", "m": m, "k": k, "n": n, "calls": calls}
    return Kernel(name, what, flops * calls, target)


def _conv(name: str, size: int, c: int, f: int, k: int, groups: int, targets: list[float]):
    for which, target in zip(PASSES, targets, strict=True):
        what = {"kind": "conv", "batch": 32, "size": size, "c": c, "f": f, "k": k}
        what |= {"groups": groups, "pass": which}
        flops = 2.0 * 32 * size * size * (c // groups) * f * k * k
        yield Kernel(f"{name} {size}x{size}x{c}->{f} {which}", what, flops, target)


def _recurrent(kind: str, gates: int, target: float) -> Kernel:
    """A layer's forward pass and all its gradients: 32 sequences of 80 steps, 128 to 128."""
    what = {"kind": kind, "batch": 32, "steps": 80, "features": 128, "units": 128}
    flops = 3 * 2.0 * 32 * 80 * (128 + 128) * gates * 128
    return Kernel(f"{kind} 32x80x128->128", what, flops, target)


KERNELS = [
    *(_product(n, n, n, 1.2 if n == 64 else 1.0) for n in (64, 128, 256, 512, 1024, 2048)),
    *(_product(*shape, 1.2) for shape in ((32, 784, 64), (32, 64, 64), (32, 128, 512))),
    *(
        kernel
        for size, channels in ((56, 64), (28, 128), (14, 256), (7, 512))
        for kernel in _conv("conv3x3", size, channels, channels, 3, 1, [1.0, 1.0, 1.3])
    ),
    *_conv("conv1x1", 56, 64, 256, 1, 1, [1.2] * 3),
    *_conv("depthwise3x3", 112, 32, 32, 3, 32, [1.2] * 3),
    _recurrent("lstm", 4, 1.4),
    _recurrent("gru", 3, 2.5),
]


def measure(kernels: list[Kernel], threads: int, args: argparse.Namespace) -> list[list[str]]:
    """Rows of the table, on one number of threads."""
    body = []
    told = json.dumps([kernel.what for kernel in kernels])
    with harness.workers(
        args.peers, harness.pythons(args), "kernels", told, threads=threads
    ) as running:
        for index, kernel in enumerate(kernels):
            peaks: list[float] = []

            def fma(peaks: list[float] = peaks) -> None:
                rate = peak.measure(threads)
                if rate:
                    peaks.append(rate)

            harness.interleave(running, args.rounds, fma, request=str(index))
            body.append(_row(kernel, threads, running, peaks))
            print("| " + " | ".join(body[-1]) + " |", flush=True)
    return body


def _row(
    kernel: Kernel, threads: int, running: list[harness.Worker], peaks: list[float]
) -> list[str]:
    rates = {w.name: kernel.flops / w.median("seconds") * 1e-9 for w in running}
    ours = next((w for w in running if w.name == "deepcore"), None)
    rivals = [w for w in running if w.name != "deepcore"]
    row = [kernel.name, str(threads)]
    row += [f"{rates[name]:.0f}" if name in rates else "" for name in ("deepcore", "torch")]
    if ours and rivals:
        ratio = 1 / harness.ratios(ours, rivals, "seconds", min)
        row += [
            f"{ratio:.2f}x",
            f"{kernel.target}x" + ("" if ratio >= kernel.target else " MISSED"),
        ]
    else:
        row += ["", ""]
    best = rates.get("deepcore", 0.0)
    return [*row, f"{best / statistics.median(peaks):.0%}" if peaks and best else ""]


def main() -> None:
    """Runs what the command line asks for."""
    parser = harness.parser(__doc__, ("deepcore", "torch"), rounds=5)
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the kernels' names")
    parser.add_argument("--threads", nargs="+", type=int, default=[peak.cpus(), 1])
    args = parser.parse_args()
    kernels = [k for k in KERNELS if any(part in k.name for part in args.only)]
    if not kernels:
        sys.exit("no kernel has such a name: " + ", ".join(k.name for k in KERNELS))
    body = [row for threads in args.threads for row in measure(kernels, threads, args)]
    header = ["kernel", "threads", "deepcore", "PyTorch", "ratio", "target", "of FMA peak"]
    harness.show(harness.table(header, body, right=range(1, 7)), args.markdown)


if __name__ == "__main__":
    main()
