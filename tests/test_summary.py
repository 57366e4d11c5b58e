"""The table of a model: connections, and lines broken at spaces."""

from __future__ import annotations

import numpy as np

import deepcore as dc
from deepcore import layers, ops
from deepcore.models import Model, Sequential


def test_summary_tells_what_is_connected_to_what():
    a, b = dc.Input((4,), name="a"), dc.Input((4,), name="b")
    dense = layers.Dense(4, name="shared")
    model = Model([a, b], layers.Add(name="both")([dense(a), dense(b)]), name="m")
    lines: list[str] = []
    model.summary(line_length=108, print_fn=lines.append)
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in lines[0].splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["a (InputLayer)", "(None, 4)", "0", "-"],
        ["b (InputLayer)", "(None, 4)", "0", "-"],
        ["shared (Dense)", "(None, 4)", "20", "a[0][0], b[0][0]"],
        ["both (Add)", "(None, 4)", "0", "shared[0][0], shared[1][0]"],
    ]
    assert "Connected to" in lines[0]


def test_summary_of_a_chain_has_no_connections():
    x = dc.Input((4,))
    model = Model(x, ops.relu(layers.Dense(3)(x)))
    lines: list[str] = []
    model.summary(print_fn=lines.append, show_trainable=True, line_length=80)
    assert "Connected to" not in lines[0]
    assert "(Relu)" in lines[0]
    assert "┃ Trainable ┃" in lines[0]


def test_summary_breaks_lines_at_spaces():
    model = Sequential([dc.Input((4,)), layers.Dense(3, name="a_rather_long_name")])
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=72, show_trainable=True)
    rows = [line.split("│")[1].strip() for line in lines[0].splitlines() if line.startswith("│")]
    assert rows == ["a_rather_long_name", "(Dense)"]


def test_the_optimizer_counts_once_it_is_built():
    model = Sequential([layers.Dense(2)])
    model.compile("adam", "mse")
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "Total params: 0 (0.00 B)" in lines[0]
    assert "Optimizer" not in lines[0]
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    model.summary(print_fn=lines.append)
    assert "Optimizer params: 18 " in lines[1]
