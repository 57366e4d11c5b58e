"""On one CPU, threads that were asked for cost little: 80% of the one-thread speed and more."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import alone
import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="needs affinity of CPUs"
)

# Samples a second of both networks on one CPU, after `setup`.
SPEED = """
import os, time
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
{setup}
import deepcore as dc
from networks import cnn, digits, mlp
x, y = digits(640)
flat = x.reshape(640, 784)
first, second = mlp(), cnn()
first.fit(flat, y, verbose=0)
second.fit(x[:64], y[:64], verbose=0)
def speed(model, x, y, seconds):
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        model.fit(x, y, verbose=0)
        done += len(x)
    return done / (time.perf_counter() - begin)
print("threads", dc.num_threads())
print("mlp", speed(first, flat, y, {seconds}))
print("cnn", speed(second, x[:160], y[:160], {seconds}))
"""
ROUNDS = 7


def ratios(
    setup: str = "", setup_of_one: str | None = None, meets: bool = False
) -> dict[str, float]:
    """The speed with four threads asked for, of that with one: the median of pairs run in turn."""
    found: dict[str, list[float]] = {"mlp": [], "cnn": []}
    scripts = [
        SPEED.format(seconds=0.7, setup=text)
        for text in (setup if setup_of_one is None else setup_of_one, setup)
    ]
    for _ in range(ROUNDS):
        speeds = [
            alone.run(script, OMP_NUM_THREADS=threads)
            for script, threads in zip(scripts, ("1", "4"), strict=True)
        ]
        if not meets:
            assert [speed["threads"] for speed in speeds] == ["1", "1"]
        for name, of in found.items():
            of.append(float(speeds[1][name]) / float(speeds[0][name]))
    return {name: statistics.median(of) for name, of in found.items()}


def test_no_more_threads_than_cpus():
    script = """
import os
import deepcore as dc
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print("threads", dc.num_threads())
dc.set_num_threads(4)
print("asked", dc.num_threads())
dc.ops.sum(dc.ops.ones((1000, 1000)))
print("all", len(os.listdir("/proc/self/task")))
"""
    found = alone.run(script, OMP_NUM_THREADS="4", OPENBLAS_NUM_THREADS="1")
    assert found == {"threads": "1", "asked": "1", "all": "1"}


def test_threads_follow_what_is_asked_for():
    script = 'import deepcore as dc; print("threads", dc.num_threads())'
    cpus = len(os.sched_getaffinity(0))
    assert alone.run(script, OMP_NUM_THREADS="1")["threads"] == "1"
    assert int(alone.run(script, OMP_NUM_THREADS="4")["threads"]) <= min(4, cpus)
    assert alone.run(script, OMP_NUM_THREADS="4", DEEPCORE_NUM_THREADS="1")["threads"] == "1"
    for odd in ("", "0", "-3", "many", "4,2"):
        assert 1 <= int(alone.run(script, OMP_NUM_THREADS=odd)["threads"]) <= cpus


@pytest.mark.slow
def test_four_threads_asked_for_on_one_cpu():
    found = ratios()
    assert min(found.values()) >= 0.8, found


@pytest.mark.slow
def test_a_cpu_that_is_taken_away_later():
    """The pool was made for all CPUs; then one is left."""
    setup = (
        "os.sched_setaffinity(0, range(os.cpu_count()))\n"
        "from networks import digits, mlp\n"
        "_x, _y = digits(320)\n"
        "mlp().fit(_x.reshape(320, 784), _y, verbose=0)\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    )
    found = ratios(setup)
    assert min(found.values()) >= 0.8, found


@pytest.mark.slow
def test_a_team_too_large_slows_down_but_does_not_collapse():
    """Four threads that really meet on one CPU, as under a quota that nobody can see."""
    setup = "from deepcore import _core\n_core.force_team_size({})"
    found = ratios(setup.format(4), setup_of_one=setup.format(1), meets=True)
    # Spinning alone costs a factor of 45 here, this about 5, and more beside other work.
    assert min(found.values()) >= 1 / 22, found


QUOTA_GROUPS = Path("/sys/fs/cgroup/cpu")


@pytest.mark.slow
@pytest.mark.skipif(
    not os.access(QUOTA_GROUPS / "cpu.cfs_quota_us", os.W_OK), reason="cannot set a CPU quota"
)
def test_four_threads_asked_for_under_a_quota_of_one_cpu():
    group = QUOTA_GROUPS / f"deepcore_test_{os.getpid()}"
    try:
        group.mkdir()
        (group / "cpu.cfs_quota_us").write_text("100000")
    except OSError as error:
        pytest.skip(f"cannot set a CPU quota: {error}")
    setup = (
        f"open({str(group / 'tasks')!r}, 'w').write(str(os.getpid()))\n"
        "os.sched_setaffinity(0, range(os.cpu_count()))"
    )
    try:
        found = ratios(setup)
    finally:
        group.rmdir()
    assert min(found.values()) >= 0.8, found
