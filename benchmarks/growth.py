"""How the time of a training step grows, on logarithmic axes: docs/growth.png and docs/growth.md.

    python benchmarks/growth.py [--rounds 3] [--python peers=path/to/python] [--out docs]

One quantity at a time is doubled: the batch size and the width of an MLP, its depth, the side of a
convolutional network's images, the length of a 1-D one's sequences; the steps of an LSTM go from
10 to 1,000. Where the arithmetic grows linearly (batch, depth, length, steps) or as the square
(width, side), so should the time; the slope told is that of the last doubling.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import harness

ROOT = Path(__file__).parents[1]
# What grows: the sizes, the exponent of the arithmetic.
SERIES = {
    "batch": ([8, 16, 32, 64, 128, 256, 512, 1024, 2048], 1),
    "width": ([32, 64, 128, 256, 512, 1024, 2048], 2),
    "depth": ([1, 2, 4, 8, 16, 32, 64], 1),
    "image side": ([8, 16, 32, 64, 128], 2),
    "sequence length": ([32, 64, 128, 256, 512, 1024, 2048], 1),
    "steps": ([10, 20, 50, 100, 200, 500, 1000], 1),
}
TITLES = {
    "batch": "batch of an MLP, 256 wide",
    "width": "width of an MLP, batch 128",
    "depth": "depth of an MLP, 128 wide, batch 64",
    "image side": "side of images, 2 convolutions, batch 16",
    "sequence length": "length of sequences, 2 convolutions, batch 16",
    "steps": "steps of an LSTM of 64 units, batch 16",
}


def measure(name: str, args: argparse.Namespace) -> dict[str, list[tuple[int, float]]]:
    """Sizes and seconds a step, by peer."""
    sizes = SERIES[name][0][: args.points or None]
    told = json.dumps([{"kind": name, "size": size} for size in sizes])
    curves: dict[str, list[tuple[int, float]]] = {}
    with harness.workers(args.peers, harness.pythons(args), "kernels", told) as running:
        for index, size in enumerate(sizes):
            harness.interleave(running, args.rounds, request=str(index))
            for worker in running:
                point = size, worker.median("seconds")
                curves.setdefault(worker.name, []).append(point)
                print(f"{name} {size}: {worker.name} {point[1] * 1e6:,.0f} us", flush=True)
    return curves


def slope(curve: list[tuple[int, float]]) -> float:
    """Of the last doubling, on logarithmic axes."""
    if len(curve) < 2:
        return math.nan
    (a, before), (b, after) = curve[-2:]
    return math.log(after / before) / math.log(b / a)


def table(found: dict[str, dict[str, list[tuple[int, float]]]]) -> str:
    """One row for each quantity and peer."""
    rows = []
    for name, curves in found.items():
        for peer, curve in curves.items():
            (first, start), (last, end) = curve[0], curve[-1]
            rows.append(
                [
                    TITLES[name],
                    harness.title(peer),
                    f"{start * 1e6:,.0f} us at {first}",
                    f"{end * 1e6:,.0f} us at {last}",
                    f"{slope(curve):.2f}",
                    str(SERIES[name][1]),
                ]
            )
    header = ["what grows", "who", "smallest", "largest", "slope at the end", "of the arithmetic"]
    return harness.table(header, rows, right=range(2, 6))


def plot(found: dict[str, dict[str, list[tuple[int, float]]]], path: Path) -> None:
    """One panel for each quantity; the dotted line is the arithmetic's slope."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        print(f"plot: left out ({error})", file=sys.stderr)
        return
    figure, panels = pyplot.subplots(1, len(found), figsize=(4 * len(found), 4), squeeze=False)
    for panel, (name, curves) in zip(panels[0], found.items(), strict=True):
        for peer, curve in curves.items():
            sizes, seconds = zip(*curve, strict=True)
            panel.loglog(sizes, [s * 1e3 for s in seconds], "o-", label=harness.title(peer))
        sizes, seconds = zip(*next(iter(curves.values())), strict=True)
        exponent = SERIES[name][1]
        ideal = [1e3 * seconds[-1] * (size / sizes[-1]) ** exponent for size in sizes]
        panel.loglog(sizes, ideal, "k:", linewidth=1, label=f"slope {exponent}")
        panel.set_title(TITLES[name], fontsize=9)
        panel.set_xlabel(name)
        panel.grid(True, which="both", alpha=0.3)
    panels[0][0].set_ylabel("milliseconds a training step")
    panels[0][0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Runs what the command line asks for."""
    parser = harness.parser(__doc__, ("deepcore", "torch"), rounds=3)
    parser.add_argument("--series", nargs="+", default=list(SERIES), choices=list(SERIES))
    parser.add_argument("--points", type=int, default=0, help="the first few sizes alone")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    args = parser.parse_args()
    found = {name: measure(name, args) for name in args.series}
    if not any(found.values()):
        sys.exit("no peer could take part")
    args.out.mkdir(parents=True, exist_ok=True)
    plot(found, args.out / "growth.png")
    text = "\n\n".join(
        [
            "# How the time of a training step grows",
            "Milliseconds a step of Adam (forward, backward, update), medians, written by "
            "`python benchmarks/growth.py`. Small steps cost what a step costs at all; from where "
            "arithmetic outweighs that, time grows as the arithmetic does.",
            "![step time against size, logarithmic axes](growth.png)",
            table(found),
        ]
    )
    harness.show(text, args.out / "growth.md")


if __name__ == "__main__":
    main()
