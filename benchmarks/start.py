"""Cold start: from a process's start to its first trained batch, and a whole script.

    python benchmarks/start.py [--rounds 5] [--python peers=path/to/python] [--markdown start.md]

The script imports, builds the MLP, trains it on 6,000 samples and evaluates it; the other lines
build a network and train one batch. Each run is a fresh process (the files that it reads are warm),
timed from outside; memory is the most that it held. Peers take turns; figures are medians.
"""

import argparse
import statistics
import time

import harness
from workloads import TRAININGS

STARTERS = ("deepcore", "sklearn", "torch", "torch_compile", "keras_tf", "keras_jax", "jax")


def measure(task: tuple[object, ...], args: argparse.Namespace) -> dict[str, tuple[float, float]]:
    """Seconds and megabytes by peer; of its first answer, which says that the work is done."""
    found: dict[str, list[tuple[float, float]]] = {}
    out: set[str] = set()
    for turn in range(args.rounds + 1):
        for name in args.peers:
            if name in out:
                continue
            begin = time.perf_counter()
            try:
                worker = harness.spawn(name, harness.pythons(args), *task)
            except OSError as error:
                print(f"{name}: left out ({error})")
                out.add(name)
                continue
            try:
                held = worker.read()["rss_mb"]
                spent = time.perf_counter() - begin
            except harness.LeftOut as reason:
                print(f"{name}: left out ({reason})")
                out.add(name)
                continue
            finally:
                worker.stop()
            if turn or not args.rounds:  # the first reads files from the disk
                found.setdefault(name, []).append((spent, held))
    return {
        name: (statistics.median(s for s, _ in runs), statistics.median(m for _, m in runs))
        for name, runs in found.items()
    }


def main() -> None:
    """Runs what the command line asks for."""
    parser = harness.parser(__doc__, STARTERS, rounds=3)
    chosen = ["script", *TRAININGS]
    parser.add_argument("--workloads", nargs="+", default=chosen, choices=chosen)
    args = parser.parse_args()
    body = []
    for name in args.workloads:
        if name == "script":
            task, what = ("script",), "whole script"
        else:
            workload = TRAININGS[name]
            task = ("first", workload.network, workload.batch)
            what = f"first batch of `{workload.network}` b{workload.batch}"
        figures = measure(task, args)
        for peer, (spent, held) in sorted(figures.items(), key=lambda item: item[1]):
            cells = [what, harness.title(peer), f"{spent:.2f} s", f"{held:,.0f} MB"]
            body.append([f"**{cell}**" if peer == "deepcore" else cell for cell in cells])
    header = ["what", "who", "time", "most memory"]
    harness.show(harness.table(header, body, right=(2, 3)), args.markdown)


if __name__ == "__main__":
    main()
