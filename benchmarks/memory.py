"""The most memory that a training process holds, beside the peers'.

    python benchmarks/memory.py [--workloads cnn_mnist_b32 ...] [--python peers=path/to/python]
        [--markdown memory.md]

Each peer trains a few epochs in a process of its own on the same samples; the figure is the most
that the process has ever held, libraries and data with it.
"""

import argparse

import harness
from workloads import TRAININGS, Training

TRAINERS = ("deepcore", "torch", "torch_compile", "keras_tf", "keras_jax", "jax")


def measure(workload: Training, args: argparse.Namespace) -> list[list[str]]:
    """Rows of one workload, the smallest first."""
    told = ("train", workload.network, workload.batch, args.samples or workload.samples)
    figures = {}
    for name in args.peers:  # one at a time: what is measured is not time
        with harness.workers([name], harness.pythons(args), *told) as running:
            for worker in running:
                for _ in range(args.rounds):
                    answer = worker.ask()
                figures[name] = answer["rss_mb"]
    rows = []
    for name, held in sorted(figures.items(), key=lambda item: item[1]):
        cells = [
            f"`{workload.network}` b{workload.batch}",
            harness.title(name),
            f"{held:,.0f} MB",
            f"{held / figures['torch']:.2f}x" if "torch" in figures else "",
        ]
        rows.append([f"**{cell}**" if name == "deepcore" and cell else cell for cell in cells])
    return rows


def main() -> None:
    """Runs what the command line asks for."""
    parser = harness.parser(__doc__, TRAINERS, rounds=2)
    parser.add_argument("--workloads", nargs="+", default=list(TRAININGS), choices=list(TRAININGS))
    parser.add_argument("--samples", type=int, default=0, help="instead of our own number")
    args = parser.parse_args()
    header = ["workload", "who", "most memory", "of PyTorch's"]
    body = []
    for name in args.workloads:
        rows = measure(TRAININGS[name], args)
        body += rows
        print(harness.table(header, rows, right=(2, 3)), flush=True)
    if args.markdown:
        text = harness.table(header, body, right=(2, 3))
        args.markdown.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
