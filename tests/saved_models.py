"""A small network for the tests of files, its data, and a process to run code in."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

import deepcore
from deepcore.layers import Dense, Input


def network():
    return deepcore.Sequential([Input((4,)), Dense(3, activation="relu"), Dense(2)])


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 4)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")


def trained(optimizer="adam"):
    model = network()
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(*data(), epochs=2, batch_size=4, verbose=0)
    return model


def python(code, *arguments, **options):
    """A Python process that runs `code`."""
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], **options)
