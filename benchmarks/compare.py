"""Training throughput of deepcore and its peers, side by side in one interleaved run.

    python benchmarks/compare.py [--workloads mlp_mnist cnn_mnist] [--rounds 5]
        [--python pytorch_eager=path/to/python] [--markdown results.md]

Each peer runs in its own process (benchmarks/peers/NAME.py), started once and asked for one
measurement a round, so that whatever else the machine does falls on all alike. A peer whose
library is not installed is left out. The figure is the median over the rounds; the last column is
the median of the per-round ratios to the best peer.
"""

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

PEERS = ("deepcore_fit", "pytorch_eager")
WORKLOADS = ("mlp_mnist", "cnn_mnist")


@dataclass
class Worker:
    """A peer's process, and what it measured."""

    name: str
    process: subprocess.Popen[str]
    rates: list[float] = field(default_factory=list)

    def ask(self) -> float:
        """One measurement, in samples per second."""
        assert self.process.stdin
        assert self.process.stdout
        print("go", file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended in the middle of a round")
        return float(json.loads(line)["samples_per_second"])


def start(peer: str, workload: str, batch: int, interpreter: str) -> Worker | None:
    """Starts a peer; None when its library is missing."""
    script = Path(__file__).parent / "peers" / f"{peer}.py"
    process = subprocess.Popen(
        [interpreter, str(script), workload, str(batch)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    ready = process.stdout.readline().strip()
    if ready != "ready":
        print(f"{peer}: left out ({ready or 'it did not start'})", file=sys.stderr)
        process.kill()
        return None
    return Worker(peer, process)


def measure(workload: str, batch: int, rounds: int, pythons: dict[str, str]) -> list[Worker]:
    """All peers on one workload, interleaved."""
    started = (start(p, workload, batch, pythons.get(p, sys.executable)) for p in PEERS)
    workers = [worker for worker in started if worker]
    for turn in range(rounds + 1):
        for worker in workers:
            rate = worker.ask()
            if turn > 0:  # the first warms up
                worker.rates.append(rate)
    for worker in workers:
        worker.process.kill()
    return workers


def table(workload: str, batch: int, workers: list[Worker]) -> list[str]:
    """Rows of a Markdown table."""
    rivals = [w for w in workers if w.name != "deepcore_fit"]
    rows = []
    for worker in workers:
        ratio = ""
        if worker.name == "deepcore_fit" and rivals:
            best = [max(r.rates[i] for r in rivals) for i in range(len(worker.rates))]
            pairs = zip(worker.rates, best, strict=True)
            ratio = f"{statistics.median(a / b for a, b in pairs):.2f}x the best peer"
        rate = statistics.median(worker.rates)
        rows.append(f"| `{workload}` b{batch} | {worker.name} | {rate:,.0f} | {ratio} |")
    return rows


def main() -> None:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", nargs="+", default=WORKLOADS, choices=WORKLOADS)
    parser.add_argument("--batches", nargs="+", type=int, default=[32])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", nargs="*", default=[], metavar="PEER=INTERPRETER")
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    pythons = dict(entry.split("=", 1) for entry in args.python)
    lines = ["| workload | who | samples/s | |", "| --- | --- | ---: | --- |"]
    for workload in args.workloads:
        for batch in args.batches:
            lines += table(workload, batch, measure(workload, batch, args.rounds, pythons))
    print("\n".join(lines))
    if args.markdown:
        args.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
