"""Embeddings trained by the rows that a batch takes: Adam's numbers exactly, and LazyAdam."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore
from deepcore import ops, optimizers

RNG = np.random.default_rng(2)
TABLE = RNG.normal(size=(50, 6)).astype("float32")
IDS = RNG.integers(0, 20, (5, 7)).astype("int32")
WEIGHTS = RNG.normal(size=(5, 7, 6)).astype("float32")


def trained(optimizer, compiled):
    """The table after three steps, each on other words."""
    table = deepcore.Variable(TABLE)
    optimizer.build([table])

    def step(ids):
        with deepcore.GradientTape() as tape:
            loss = ops.sum(ops.multiply(ops.take(table, ids, axis=0), WEIGHTS))
        optimizer.apply(tape.gradient(loss, [table]), [table])
        return loss

    run = deepcore.function(step) if compiled else step
    for turn in range(3):
        run(IDS + 10 * turn)
    return table.numpy()


def expected(lazy):
    """The textbook's formulas in float64."""
    p, m, v = TABLE.astype("float64"), np.zeros((50, 6)), np.zeros((50, 6))
    for turn in range(3):
        g = np.zeros((50, 6))
        np.add.at(g, IDS + 10 * turn, WEIGHTS)
        rows = (g != 0).any(1) if lazy else np.full(50, True)
        alpha = 0.1 * np.sqrt(1 - 0.999 ** (turn + 1)) / (1 - 0.9 ** (turn + 1))
        m[rows] += (g - m)[rows] * 0.1
        v[rows] += (g * g - v)[rows] * 0.001
        p[rows] -= (alpha * m / (np.sqrt(v) + 1e-7))[rows]
    return p


@pytest.mark.parametrize("lazy", [False, True])
def test_they_are_the_textbooks_eagerly_and_compiled(lazy):
    make = optimizers.LazyAdam if lazy else optimizers.Adam
    eager, compiled = trained(make(0.1), False), trained(make(0.1), True)
    np.testing.assert_array_equal(compiled, eager)
    np.testing.assert_allclose(eager, expected(lazy), rtol=2e-5, atol=2e-6)


def test_lazy_adam_leaves_words_that_did_not_come_up():
    after = trained(optimizers.LazyAdam(0.1), True)
    np.testing.assert_array_equal(after[45:], TABLE[45:])
    assert (after[:20] != TABLE[:20]).any()


def test_lazy_adam_comes_back_from_its_config():
    told = optimizers.serialize(optimizers.LazyAdam(0.25, beta_1=0.5))
    again = optimizers.deserialize(told)
    assert type(again) is optimizers.LazyAdam
    assert again.get_config() == optimizers.LazyAdam(0.25, beta_1=0.5, name=again.name).get_config()
    with pytest.raises(ValueError, match="amsgrad"):
        optimizers.LazyAdam(amsgrad=True)


def test_an_index_outside_of_the_table_moves_nothing():
    table = deepcore.Variable(TABLE)
    optimizer = optimizers.SGD(0.1)
    optimizer.build([table])

    def step(ids):
        with deepcore.GradientTape() as tape:
            loss = ops.sum(ops.take(table, ids, axis=0))
        optimizer.apply(tape.gradient(loss, [table]), [table])

    with pytest.raises(IndexError):
        deepcore.function(step)(np.array([1, 50], "int32"))
    np.testing.assert_array_equal(table.numpy(), TABLE)
