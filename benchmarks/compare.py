"""Training throughput of deepcore and its peers, side by side in one interleaved run.

    python benchmarks/compare.py [--workloads mlp_mnist_b32 ...] [--rounds 5]
        [--python peers=path/to/python] [--markdown results.md] [--plot results.png]

A peer whose library is not installed is left out. deepcore and Keras run `fit`, with shuffling and
accuracy; PyTorch and JAX run loops written by hand, over batches cut beforehand and without the
accuracy. Figures are medians over the rounds; `ratio` is the median of the rounds' ratios of
deepcore to the best peer of the round, or of a peer to that best one. The share of the peak counts
the multiplies and adds of matmuls and convolutions alone, as the graph has them, against the fused
multiply-adds that the machine did between the rounds.
"""

import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path

import harness
import peak
from workloads import TRAININGS, Training

TRAINERS = ("deepcore", "torch", "torch_compile", "keras_tf", "keras_tf_jit", "keras_jax", "jax")


@dataclass
class Line:
    """One workload measured: the peers, best first, and the machine's peak meanwhile."""

    workload: Training
    workers: list[harness.Worker]
    peaks: list[float] = field(default_factory=list)

    @property
    def rivals(self) -> list[harness.Worker]:
        """All but deepcore."""
        return [worker for worker in self.workers if worker.name != "deepcore"]

    def rate(self, worker: harness.Worker) -> float:
        """Samples a second."""
        return worker.median("samples_per_second")

    def ratio(self, worker: harness.Worker) -> float | None:
        """To the best peer."""
        if not self.rivals:
            return None
        return harness.ratios(worker, self.rivals, "samples_per_second", max)

    def share(self, worker: harness.Worker) -> float | None:
        """Of the peak."""
        if not self.peaks:
            return None
        told = [w.info.get("flops") for w in self.workers]
        flops = next(filter(None, told), self.workload.flops)
        return self.rate(worker) * flops / (statistics.median(self.peaks) * 1e9)


def measure(workload: Training, args) -> Line:
    """All peers on one workload, interleaved."""
    with harness.workers(
        args.peers,
        harness.pythons(args),
        "train",
        workload.network,
        workload.batch,
        args.samples or workload.samples,
    ) as running:
        line = Line(workload, running)

        def fma() -> None:
            rate = peak.measure()
            if rate:
                line.peaks.append(rate)

        harness.interleave(running, args.rounds, fma)
    line.workers.sort(key=line.rate, reverse=True)
    return line


def rows(line: Line) -> list[list[str]]:
    """Of the Markdown table."""
    result = []
    for worker in line.workers:
        ratio, share = line.ratio(worker), line.share(worker)
        cells = [
            f"`{line.workload.network}` b{line.workload.batch}",
            harness.title(worker.name),
            f"{line.rate(worker):,.0f}",
            "" if ratio is None else f"{ratio:.2f}x",
            "" if share is None else f"{share:.0%}",
        ]
        ours = worker.name == "deepcore"
        result.append([f"**{cell}**" if ours and cell else cell for cell in cells])
    return result


def plot(lines: list[Line], path: Path) -> None:
    """Bars: every peer's rate as a ratio to the best peer's."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        print(f"plot: left out ({error})", file=sys.stderr)
        return
    figure, axes = pyplot.subplots(figsize=(10, 1 + 1.2 * len(lines)))
    names = [name for name in TRAINERS if any(name in _names(line) for line in lines)]
    height = 0.8 / max(1, len(names))
    for i, name in enumerate(names):
        at = [k + i * height for k, line in enumerate(lines) if name in _names(line)]
        chosen = [_names(line)[name] for line in lines if name in _names(line)]
        axes.barh(at, chosen, height, label=harness.title(name))
    axes.set_yticks([k + 0.4 for k in range(len(lines))], [ln.workload.name for ln in lines])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("training throughput, best peer = 1")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def _names(line: Line) -> dict[str, float]:
    return {worker.name: line.ratio(worker) or 1.0 for worker in line.workers}


def main() -> None:
    """Runs what the command line asks for."""
    parser = harness.parser(__doc__, TRAINERS, rounds=5)
    parser.add_argument("--workloads", nargs="+", default=list(TRAININGS), choices=list(TRAININGS))
    parser.add_argument("--samples", type=int, default=0, help="a measurement, instead of our own")
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    header = ["workload", "who", "samples/s", "ratio to the best peer", "of FMA peak"]
    lines, body = [], []
    for name in args.workloads:
        line = measure(TRAININGS[name], args)
        if not line.workers:
            continue
        lines.append(line)
        body += rows(line)
        print(harness.table(header, rows(line), right=(2, 3, 4)), flush=True)
        if line.peaks:
            print(f"FMA peak: {statistics.median(line.peaks):.0f} GFLOP/s on {peak.cpus()} threads")
        ours = next((w for w in line.workers if w.name == "deepcore"), None)
        if ours and line.rivals:
            ratio = line.ratio(ours)
            verdict = "reached" if ratio >= line.workload.target else "MISSED"
            print(f"{name}: {ratio:.2f}x of a target of {line.workload.target}x: {verdict}\n")
    if args.markdown:
        text = harness.table(header, body, right=(2, 3, 4))
        args.markdown.write_text(text + "\n", encoding="utf-8")
    if args.plot and lines:
        plot(lines, args.plot)


if __name__ == "__main__":
    main()
