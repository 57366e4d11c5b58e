"""Models work in several Python threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from families import FAMILIES, SEEDED
from networks import bits, cnn, digits, mlp

import deepcore as dc
from deepcore import _core

X, Y = digits(320)
FLAT = X.reshape(-1, 784)


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """What functions give when they run in threads that start together."""
    results: list[Any] = [None] * len(functions)
    ready = threading.Barrier(len(functions))

    def work(i: int) -> None:
        try:
            ready.wait(60)
            results[i] = functions[i]()
        except BaseException as error:
            results[i] = error

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(functions))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert not worker.is_alive()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def train(model: dc.Sequential, x: np.ndarray) -> str:
    for _ in range(2):
        model.fit(x, Y, shuffle=False, verbose=0)
    return bits(*model.get_weights(), model.predict(x, verbose=0))


@pytest.mark.parametrize("team", [1, 3])
def test_models_train_at_once(team):
    _core.force_team_size(team)
    networks = [(mlp, FLAT), (cnn, X), (mlp, FLAT), (cnn, X)]
    expected = [train(network(), x) for network, x in networks]
    models = [network() for network, _ in networks]
    jobs = [
        lambda model=model, x=x: train(model, x)
        for model, (_, x) in zip(models, networks, strict=True)
    ]
    assert at_once(*jobs) == expected


@pytest.mark.parametrize("team", [1, 3])
def test_one_model_predicts_in_many_threads(team):
    _core.force_team_size(team)
    model = cnn()
    expected = model.predict(X, verbose=0)

    def predict(batch: int) -> bool:
        for _ in range(3):
            got = model.predict(X, batch_size=batch, verbose=0)
            np.testing.assert_array_equal(got, expected)
            np.testing.assert_array_equal(model(X[:batch]).numpy(), expected[:batch])
        return True

    assert all(at_once(*(lambda b=b: predict(b) for b in (1, 7, 32, 64, 32, 320))))


def test_one_model_predicts_and_evaluates_first_in_many_threads():
    """Nothing was traced before: all find the cache of plans empty at once."""
    model = mlp()
    results = at_once(*[lambda: bits(model.predict(FLAT, verbose=0))] * 6)
    assert len(set(results)) == 1


def test_families_at_once():
    _core.force_team_size(3)
    names = [n for n in FAMILIES if n not in SEEDED]
    expected = [bits(*FAMILIES[n]()) for n in names]
    assert at_once(*(lambda n=n: bits(*FAMILIES[n]()) for n in names)) == expected


def test_tracing_and_taping_stay_in_their_thread():
    """A function being traced, and a tape, see nothing of other threads."""
    inside, done = threading.Event(), threading.Event()

    def slow(x: Any) -> Any:
        inside.set()
        assert done.wait(60)
        return x * 2.0

    def trace() -> float:
        return float(dc.function(slow)(np.float32(21.0)))

    def eager() -> float:
        assert inside.wait(60)
        try:
            v = dc.Variable(np.float32(3.0))
            with dc.GradientTape() as tape:
                y = v * v
            return float(tape.gradient(y, v)) + float(dc.ops.sum(np.ones(4, "float32")))
        finally:
            done.set()

    assert at_once(trace, eager) == [42.0, 10.0]


def test_the_lock_of_python_is_free_while_the_core_works():
    model = mlp()
    x, y = np.tile(FLAT, (40, 1)), np.tile(Y, 40)
    model.fit(FLAT, Y, verbose=0)
    ticks = []
    stop = threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks.append(1)
            stop.wait(0.001)

    def fit() -> None:
        model.fit(x, y, epochs=3, verbose=0)
        stop.set()

    at_once(tick, fit)
    assert len(ticks) > 10
