"""The examples, run as their users do: what they print, what they write, how well they learn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deepcore

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, *arguments, timeout=600):
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def accuracy(told):
    return float(re.findall(r"^test accuracy: (\d\.\d+)$", told, re.M)[0])


def test_digits_cnn(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    told = run("digits_cnn.py", "--out", tmp_path / "new")
    assert accuracy(told) >= 0.97
    assert 'Model: "sequential"' in told
    assert sorted(os.listdir(tmp_path / "new")) == ["digits_cnn.keras", "digits_cnn.png"]
    png = (tmp_path / "new" / "digits_cnn.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n")
    assert len(png) > 10_000
    # The file holds the trained model.
    model = deepcore.saving.load_model(tmp_path / "new" / "digits_cnn.keras")
    (_, _), (x, y) = deepcore.datasets.digits.load_data()
    right = np.argmax(model.predict(x[..., None], verbose=0), axis=1) == y
    assert right.mean() == pytest.approx(accuracy(told), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("mnist_mlp.py", 0.975), ("mnist_cnn.py", 0.99)])
def test_mnist(name, least):
    data = Path(os.environ.get("DEEPCORE_DATA", ""), "mnist.npz")
    if not os.environ.get("DEEPCORE_DATA") or not data.is_file():
        pytest.skip("DEEPCORE_DATA names no folder with mnist.npz")
    assert accuracy(run(name, "--data", data.resolve(), timeout=1800)) >= least


@pytest.mark.parametrize("name", ["mnist_mlp.py", "mnist_cnn.py"])
def test_mnist_examples_run_on_any_file(tmp_path, name):
    """A few noisy images: the programs themselves, in a second."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (64, 28, 28), np.uint8)
    y = rng.integers(0, 10, 64, np.uint8)
    np.savez(tmp_path / "small.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    told = run(name, "--data", tmp_path / "small.npz", "--epochs", 1)
    assert 0 <= accuracy(told) <= 1
    assert "Epoch 1/1" in told
