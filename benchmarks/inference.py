"""Microseconds a call, NumPy in and NumPy out: deepcore's three ways beside the peers' calls.

    python benchmarks/inference.py [--workloads mlp_mnist_b1 ...] [--rounds 5]
        [--python peers=path/to/python] [--markdown inference.md]

deepcore is called by `predict`, by a bare `model(x)` and frozen (`model.freeze()`). PyTorch and JAX
call functions of the same network; ONNX Runtime runs PyTorch's, exported. The targets are for the
frozen call, as a part of the best peer's time, and for `predict`, in microseconds.
"""

import argparse

import harness
from workloads import INFERENCES, Inference

CALLERS = (
    "deepcore",
    "deepcore_call",
    "deepcore_frozen",
    "onnx",
    "jax",
    "torch",
    "torch_compile",
    "keras_tf",
    "keras_jax",
)


def measure(workload: Inference, args: argparse.Namespace) -> list[list[str]]:
    """Rows of one workload, the fastest first."""
    with harness.workers(
        args.peers, harness.pythons(args), "infer", workload.network, workload.batch
    ) as running:
        harness.interleave(running, args.rounds)
    running.sort(key=lambda worker: worker.median("microseconds"))
    rivals = [worker for worker in running if not worker.name.startswith("deepcore")]
    rows = []
    for worker in running:
        spent = worker.median("microseconds")
        ratio = harness.ratios(worker, rivals, "microseconds", min) if rivals else None
        ours = worker.name.startswith("deepcore")
        cells = [
            f"`{workload.network}` b{workload.batch}",
            harness.title(worker.name) + (", `predict`" if worker.name == "deepcore" else ""),
            f"{spent:,.0f}" if spent >= 100 else f"{spent:.1f}",
            "" if ratio is None else f"{ratio:.2f}x",
            _verdict(workload, worker.name, spent, ratio),
        ]
        rows.append([f"**{cell}**" if ours and cell else cell for cell in cells])
    return rows


def _verdict(workload: Inference, name: str, spent: float, ratio: float | None) -> str:
    if name == "deepcore_frozen" and ratio is not None:
        return f"{workload.target}x" + ("" if ratio <= workload.target else " MISSED")
    if name == "deepcore" and workload.predict:
        return f"{workload.predict:.0f} us" + ("" if spent <= workload.predict else " MISSED")
    return ""


def main() -> None:
    """Runs what the command line asks for."""
    parser = harness.parser(__doc__, CALLERS, rounds=5)
    chosen = list(INFERENCES)
    parser.add_argument("--workloads", nargs="+", default=chosen, choices=chosen)
    args = parser.parse_args()
    header = ["model", "who", "us a call", "of the best peer", "target"]
    body = []
    for name in args.workloads:
        rows = measure(INFERENCES[name], args)
        body += rows
        print(harness.table(header, rows, right=(2, 3, 4)), flush=True)
    if args.markdown:
        text = harness.table(header, body, right=(2, 3, 4))
        args.markdown.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
