"""Ctrl-C in the middle of an epoch returns at once, with a model that can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import alone
import numpy as np
import pytest
from networks import digits, mlp

import deepcore as dc

# An epoch of millions of steps; prints a line when it is inside, and what it finds afterwards.
SCRIPT = """
import time
import numpy as np
import deepcore as dc
from networks import mlp
x = np.lib.stride_tricks.as_strided(np.ones(10, "float32"), (3_000_000, 10), (0, 4))
y = np.lib.stride_tricks.as_strided(np.ones(1, "int64"), (3_000_000,), (0,))
model = mlp(10)
model.fit(x[:64], y[:64], batch_size=1, verbose=0)
start = model.get_weights()
options = dict(verbose=0, batch_size=1, {options})
print("ready", 1, flush=True)
try:
    model.{method}(x, {target} **options)
except KeyboardInterrupt:
    print("interrupted", time.time(), flush=True)
weights = model.get_weights()
print("finite", all(np.isfinite(w).all() for w in weights))
print("moved", any((a != b).any() for a, b in zip(start, weights)))
again = model.fit(x[:640], y[:640], verbose=0).history["loss"][0]
print("trains", np.isfinite(again) and int(model.optimizer.iterations) > 64)
model.save_weights({path!r})
model.load_weights({path!r})
"""


def interrupted(path: str, method: str, target: str, options: str = "", after: float = 1.0):
    """Runs a method in a process and sends SIGINT: how long it took, and what was found."""
    script = SCRIPT.format(method=method, target=target, options=options, path=path)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(alone.HERE), *sys.path])}
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    try:
        assert child.stdout.readline().startswith("ready"), child.stderr.read()
        time.sleep(after)
        assert child.poll() is None
        sent = time.time()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    assert child.returncode == 0, out + err
    found = dict(line.split(None, 1) for line in out.splitlines())
    return float(found.pop("interrupted")) - sent, found


@pytest.mark.parametrize(
    ("method", "target", "options"),
    [
        ("fit", "y,", "epochs=1"),
        ("fit", "y,", "epochs=1, shuffle=False, validation_split=0.5"),
        ("fit", "y,", "callbacks=[dc.callbacks.LambdaCallback(on_train_batch_end=print)][:0]"),
        ("evaluate", "y,", ""),
        ("predict", "", ""),
    ],
)
def test_ctrl_c(tmp_path, method, target, options):
    seconds, found = interrupted(str(tmp_path / "w.weights.h5"), method, target, options)
    assert found == {"finite": "True", "moved": str(method == "fit"), "trains": "True"}
    assert seconds < 3  # the promise is a second; this machine may be loaded


@pytest.mark.slow
def test_ctrl_c_returns_within_a_second(tmp_path):
    taken = [
        interrupted(str(tmp_path / "w.weights.h5"), "fit", "y,", after=after)[0]
        for after in (0.3, 0.55, 1.3, 2.1)
    ]
    assert min(taken) < 0.5
    assert max(taken) < 1


def test_a_batch_of_weights_is_whole():
    """What an interrupt leaves is the state after some whole number of steps."""
    x, y = digits(320)
    x = x.reshape(320, 784)
    states = []
    note = dc.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: states.append(model.get_weights())
    )
    model = mlp()
    model.fit(x, y, shuffle=False, verbose=0, callbacks=[note])
    model = mlp()

    def stop(batch: int, logs: object) -> None:
        if batch == 4:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        model.fit(
            x,
            y,
            shuffle=False,
            verbose=0,
            callbacks=[dc.callbacks.LambdaCallback(on_train_batch_end=stop)],
        )
    done = int(model.optimizer.iterations)
    assert done in (5, 6)
    for got, want in zip(model.get_weights(), states[done - 1], strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_termination_ends_the_process():
    script = SCRIPT.format(method="fit", target="y,", options="", path="unused")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(alone.HERE), *sys.path])}
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=env
    )
    try:
        child.stdout.readline()
        time.sleep(0.2)
        child.terminate()
        child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == -signal.SIGTERM
