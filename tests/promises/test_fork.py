"""A forked child works, whatever its parent ran before or runs meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from families import FAMILIES
from networks import bits, digits, mlp

from deepcore import _core

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
    # Python warns of what this file tests.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]

TIMEOUT = 60
X, Y = digits(640)
X = X.reshape(-1, 784)


def in_child(function: Callable[[], Any], meanwhile: Callable[[], Any] | None = None) -> Any:
    """What a function gives in a forked child, while this process does something else."""
    context = multiprocessing.get_context("fork")
    mine, its = context.Pipe(duplex=False)

    def work() -> None:
        try:
            its.send((True, pickle.dumps(function())))
        except BaseException as error:
            its.send((False, repr(error)))

    child = context.Process(target=work)
    child.start()
    its.close()
    try:
        if meanwhile:
            meanwhile()
        assert mine.poll(TIMEOUT), "the child hangs"
        worked, result = mine.recv()
        assert worked, result
        child.join(TIMEOUT)
        assert child.exitcode == 0
        return pickle.loads(result)
    finally:
        if child.is_alive():
            child.kill()
        child.join()


def train_and_predict() -> str:
    model = mlp()
    logs = model.fit(X, Y, epochs=2, verbose=0).history
    return bits(*model.get_weights(), model.predict(X, verbose=0), *logs.values())


@pytest.fixture(autouse=True)
def _parent_has_threads():
    """Three threads that have trained, whatever the machine."""
    _core.force_team_size(3)
    mlp().fit(X, Y, verbose=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_child_evaluates_every_family(family):
    expected = bits(*FAMILIES[family]())
    assert in_child(lambda: bits(*FAMILIES[family]())) == expected


def test_a_child_trains_beside_its_parent():
    expected = train_and_predict()
    mine = []
    assert in_child(train_and_predict, lambda: mine.append(train_and_predict())) == expected
    assert mine == [expected]


def test_a_child_goes_on_with_its_parents_model():
    model = mlp()
    model.fit(X, Y, verbose=0)

    def go_on() -> str:
        model.fit(X, Y, shuffle=False, verbose=0)
        return bits(*model.get_weights(), model.predict(X, verbose=0))

    before = bits(*model.get_weights())
    child = in_child(go_on)
    assert bits(*model.get_weights()) == before  # the child has weights of its own
    assert go_on() == child


def test_several_children_at_once():
    expected = train_and_predict()
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        jobs = [pool.apply_async(train_and_predict) for _ in range(4)]
        assert [job.get(TIMEOUT) for job in jobs] == [expected] * 4
        # close, not terminate: the children must also end by themselves
        pool.close()
        pool.join()


def test_a_grandchild():
    expected = train_and_predict()
    assert in_child(lambda: (train_and_predict(), in_child(train_and_predict))[1]) == expected


def test_forks_while_another_thread_is_inside_fit():
    expected = train_and_predict()
    stop = threading.Event()
    failures: list[BaseException] = []
    rounds = []

    def go_on() -> None:
        try:
            x, y = np.tile(X, (20, 1)), np.tile(Y, 20)
            model = mlp()
            while not stop.is_set():
                model.fit(x, y, verbose=0)  # some hundred steps inside the core
                rounds.append(model.predict(X[:70], verbose=0))
        except BaseException as error:
            failures.append(error)

    trainer = threading.Thread(target=go_on)
    trainer.start()
    try:
        for _ in range(6):
            assert in_child(train_and_predict) == expected
    finally:
        stop.set()
        trainer.join(TIMEOUT)
    assert not trainer.is_alive()
    assert not failures
    assert all(np.isfinite(r).all() for r in rounds)


def test_a_child_that_is_killed_leaves_its_parent_alone():
    expected = train_and_predict()
    pid = os.fork()
    if pid == 0:
        while True:
            train_and_predict()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert train_and_predict() == expected


def test_draws_in_children_of_one_seed_are_the_parents():
    """Counters are copied, not shared: the child's draws are those the parent would make."""
    import deepcore as dc

    dc.utils.set_random_seed(4)
    child = in_child(lambda: bits(dc.random.normal((100,))))
    assert child == bits(dc.random.normal((100,)))
