"""Training runs inside the core: no Python and no allocation for a step."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from networks import cnn, digits, mlp

import deepcore as dc
from deepcore import _core
from deepcore.callbacks import LambdaCallback
from deepcore.training import loop

X, Y = digits(640)
FLAT = X.reshape(-1, 784)


@pytest.fixture
def _one_slice(monkeypatch):
    """An epoch is one call into the core, however slow the machine is."""
    monkeypatch.setattr(loop, "SLICE", 1e6)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts the calls of Python functions, of C functions by Python ones, and runs of plans."""
    calls: Counter[str] = Counter()
    run = _core.Plan.run_batches

    def run_batches(*arguments):  # Python 3.12 does not tell a profiler about bound methods
        calls["runs"] += 1
        return run(*arguments)

    def note(frame, event, argument):
        if event == "call":
            calls["python"] += 1
        elif event == "c_call":
            calls["c"] += 1

    before = sys.getprofile()
    _core.Plan.run_batches = run_batches
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
        _core.Plan.run_batches = run


def calls_of_a_fit(model: dc.Sequential, repeats: int, **arguments) -> Counter[str]:
    x, y = np.tile(FLAT, (repeats, 1)), np.tile(Y, repeats)
    with counted() as calls:
        model.fit(x, y, batch_size=32, **{"verbose": 0, **arguments})
    return calls


@pytest.mark.usefixtures("_one_slice")
def test_calls_do_not_grow_with_the_steps():
    model = mlp()
    calls_of_a_fit(model, 1)
    few = calls_of_a_fit(model, 1)  # 20 steps
    many = calls_of_a_fit(model, 25)  # 500 steps
    assert many["runs"] == few["runs"] == 1
    assert many["python"] == few["python"]
    assert many["c"] <= few["c"] + 5


@pytest.mark.usefixtures("_one_slice")
def test_nothing_in_an_epoch_knows_its_steps():
    """Validation, metrics, weights, a bar and epoch hooks: still a few calls an epoch."""
    model = mlp()
    seen = []
    options = {
        "validation_split": 0.2,
        "class_weight": {1: 2.0},
        "callbacks": [LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))],
    }
    calls_of_a_fit(model, 1, **options)
    few = calls_of_a_fit(model, 1, **options)
    many = calls_of_a_fit(model, 25, **options)
    assert many["runs"] == few["runs"]
    assert many["python"] == few["python"]
    assert len(seen) == 3


def test_updates_of_a_bar_go_by_time_not_by_steps(capfd):
    """With a bar Python looks in a few times a second, whatever the steps take."""
    import time

    model = mlp()
    calls_of_a_fit(model, 1, verbose=2)
    start = time.perf_counter()
    many = calls_of_a_fit(model, 50, verbose=2)  # 1,000 steps
    updates = (time.perf_counter() - start) / loop.SLICE
    assert many["runs"] <= updates + 3
    assert many["python"] < 1000 + 300 * updates


def test_batch_hooks_are_called_where_someone_asked():
    """The other side: this test would see Python, and does so when a callback wants batches."""
    seen = []
    callback = LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    calls = calls_of_a_fit(mlp(), 1, callbacks=[callback])
    assert seen == list(range(20))
    assert calls["runs"] == 20


@pytest.mark.parametrize("network", [mlp, cnn])
@pytest.mark.usefixtures("_one_slice")
def test_no_allocation_for_a_step_after_the_first_epoch(network):
    model = network()
    x = FLAT if network is mlp else X
    made = []

    def note(epoch: int, logs: object) -> None:
        made.append(_core.allocations())

    model.fit(x[:64], Y[:64], epochs=4, verbose=0, callbacks=[LambdaCallback(on_epoch_end=note)])
    short = np.diff(made[1:])
    made.clear()
    model.fit(x, Y, epochs=4, verbose=0, callbacks=[LambdaCallback(on_epoch_end=note)])
    long = np.diff(made[1:])
    # What an epoch makes (metrics set to zero, logs read) does not grow with 2 or 20 steps.
    np.testing.assert_array_equal(long, short)
    assert long.max() < 20


@pytest.mark.parametrize("network", [mlp, cnn])
def test_no_allocation_in_many_steps_of_a_plan(network):
    """Between two entries into the core, exactly none."""
    model = network()
    x = FLAT if network is mlp else X
    model.fit(x, Y, verbose=0)
    step = next(iter(model._steps._steps.values()))
    order = np.random.default_rng(0).permutation(640)
    step.plan.run_batches([x, Y], order, 0, 32, 20)
    before = _core.allocations()
    assert step.plan.run_batches([x, Y], order, 0, 32, 20) == 20
    assert step.plan.run_batches([x, Y], None, 0, 32, 20) == 20
    assert _core.allocations() == before


def test_allocations_are_counted():
    before = _core.allocations()
    kept = [dc.ops.zeros((1000,)) for _ in range(5)]
    assert _core.allocations() >= before + 5
    assert len(kept) == 5


def test_predict_and_evaluate_stay_inside_too(monkeypatch):
    monkeypatch.setattr(loop, "SLICE", 1e6)
    model = mlp()
    x, y = np.tile(FLAT, (10, 1)), np.tile(Y, 10)
    model.predict(x, verbose=0)
    model.evaluate(x, y, verbose=0)
    with counted() as calls:
        model.predict(x, verbose=0)
        model.evaluate(x, y, verbose=0)
    assert calls["runs"] == 2
    assert calls["python"] < 1000
