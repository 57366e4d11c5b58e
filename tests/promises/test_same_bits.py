"""The same seed gives the same bits, on any number of threads and in any run."""

import os

import alone
import numpy as np
import pytest
from families import FAMILIES
from networks import bits, trained_cnn_bits

from deepcore import _core

TEAMS = (1, 2, 3, 8)
TRAIN = """
from networks import trained_cnn_bits
import deepcore as dc
print("threads", dc.num_threads())
print("bits", trained_cnn_bits({arguments}))
"""


def threads_of_this_process() -> int:
    return len(os.listdir("/proc/self/task"))


@alone.needs_proc
def test_a_forced_team_has_that_many_threads():
    """What the tests below stand on."""
    _core.force_team_size(8)
    bits(*FAMILIES["elementwise"]())
    assert threads_of_this_process() >= 8


def test_a_hundred_steps_of_the_cnn_on_any_team():
    found = {}
    for team in TEAMS:
        _core.force_team_size(team)
        found[team] = trained_cnn_bits()
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_on_any_team(family):
    found = {}
    for team in TEAMS:
        _core.force_team_size(team)
        found[team] = bits(*FAMILIES[family]())
    assert len(set(found.values())) == 1, found


def test_teams_that_change_between_steps():
    _core.force_team_size(1)
    expected = bits(*FAMILIES["training"](), *FAMILIES["gradients"]())
    for team in (8, 2, 1, 3):
        _core.force_team_size(team)
        assert bits(*FAMILIES["training"](), *FAMILIES["gradients"]()) == expected


def test_across_runs_and_environments():
    script = TRAIN.format(arguments="200, 2")
    runs = [alone.run(script, OMP_NUM_THREADS=n) for n in ("1", "2", "8")]
    assert runs[0]["threads"] == "1"
    assert len({run["bits"] for run in runs}) == 1
    assert runs[0]["bits"] == trained_cnn_bits(200, 2)


@pytest.mark.slow
def test_a_hundred_steps_across_runs():
    script = TRAIN.format(arguments="")
    runs = [alone.run(script, OMP_NUM_THREADS=str(n), PYTHONHASHSEED=str(n)) for n in TEAMS]
    assert {run["bits"] for run in runs} == {trained_cnn_bits()}


def test_the_digest_sees_every_bit():
    a = np.zeros(3, "float32")
    b = a.copy()
    b[1] = -0.0
    assert bits(a) != bits(b)
    assert bits(a) != bits(a.astype("float64"))
