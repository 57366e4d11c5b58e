"""Forecasts the number of sunspots of the coming year from the years before, with a GRU.

    pip install "deepcore[examples]"
    python examples/time_series.py

The series, 309 years of sunspots (1700 to 2008), ships with statsmodels. The naive forecast, which
the network has to beat, is that a year is like the one before; another is that it is like the year
eleven before, for the sun has cycles of about that length. Both are off by 25 sunspots on average,
the network by half as many, after some seconds of training. Draws time_series.png.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import deepcore as keras
from deepcore import layers

WINDOW = 33  # years that the network sees: three cycles
CYCLE = 11


def load() -> tuple[np.ndarray, np.ndarray]:
    """The years and their numbers of sunspots."""
    try:
        from statsmodels.datasets import sunspots
    except ImportError:
        sys.exit('The sunspots ship with statsmodels: pip install "deepcore[examples]"')
    data = sunspots.load_pandas().data
    return data["YEAR"].to_numpy(int), data["SUNACTIVITY"].to_numpy(float)


def windows(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (N, WINDOW, 1): the years before; y (N,): the year itself."""
    x = np.lib.stride_tricks.sliding_window_view(series[:-1], WINDOW)
    return x[..., None].astype("float32"), series[WINDOW:].astype("float32")


def build_model() -> keras.Sequential:
    """Adds a correction to the year before: at first, the network is the naive forecast."""
    past = keras.Input((WINDOW, 1))
    summary = layers.GRU(32)(past)
    change = layers.Dense(1, kernel_initializer="zeros")(layers.Dropout(0.1)(summary))
    return keras.Model(past, layers.Add()([change, past[:, -1]]))


def errors(truth: np.ndarray, forecast: np.ndarray) -> tuple[float, float]:
    """The mean absolute error and the root of the mean squared one."""
    off = truth - forecast
    return float(np.mean(np.abs(off))), float(np.sqrt(np.mean(off**2)))


def plot(years: np.ndarray, lines: dict[str, np.ndarray], path: Path) -> bool:
    """Draws the series and the forecasts as a PNG, where matplotlib is there."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")  # no screen is needed
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(9, 3.5), layout="constrained")
    for name, values in lines.items():
        axis.plot(years, values, label=name)
    axis.set_ylabel("sunspots")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return True


def main() -> None:
    """Loads, trains on the years up to 1930, forecasts each later year from those before it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the plot")
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    years, spots = load()
    # Roots even out quiet and stormy years. What they are scaled by is known in 1930.
    past = np.sqrt(spots[years <= 1930])
    series = (np.sqrt(spots) - past.mean()) / past.std()
    x, y = windows(series)
    test = years[WINDOW:] > 1930
    model = build_model()
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    model.fit(x[~test], y[~test], epochs=args.epochs, verbose=2)

    found = model.predict(x[test], verbose=0)[:, 0] * past.std() + past.mean()
    first = int(np.argmax(years > 1930))
    truth = spots[first:]
    forecasts = {
        "GRU": np.maximum(found, 0) ** 2,
        "the year before": spots[first - 1 : -1],
        "a cycle before": spots[first - CYCLE : -CYCLE],
    }
    print(f"{'forecast':<18}{'mean error':>11}{'RMSE':>8}   of {len(truth)} years from 1931 on")
    for name, forecast in forecasts.items():
        absolute, squared = errors(truth, forecast)
        print(f"{name:<18}{absolute:>11.2f}{squared:>8.2f}")
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "time_series.png"
    if plot(years[first:], {"sunspots": truth, **forecasts}, path):
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
