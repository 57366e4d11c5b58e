"""Learning rates that change between epochs, beside numbers that Keras 3.15 gave."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import callbacks, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype("float32")
Y = RNG.normal(size=(64, 1)).astype("float32")


def rates(callback, epochs, **options):
    """The learning rates of the epochs, as (rate, how many epochs)."""
    model = dc.Sequential([dc.Input((4,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(dc.optimizers.SGD(0.2), "mse")
    history = model.fit(
        X, Y, epochs=epochs, verbose=0, shuffle=False, callbacks=[callback], **options
    ).history["learning_rate"]
    found = [round(rate, 6) for rate in history]
    return [(rate, found.count(rate)) for rate in dict.fromkeys(found)]


PLATEAUS = [
    ({"monitor": "loss", "patience": 2, "factor": 0.5}, [(0.2, 9), (0.1, 13), (0.05, 3)]),
    ({"monitor": "loss", "patience": 0, "factor": 0.5}, [(0.2, 8), (0.1, 10), (0.05, 7)]),
    (
        {"monitor": "loss", "patience": 1, "factor": 0.3, "cooldown": 2, "min_lr": 0.01},
        [(0.2, 8), (0.06, 14), (0.018, 3)],
    ),
    (
        {"patience": 3, "min_delta": 0.01, "min_lr": 1e-4},
        [(0.2, 5), (0.02, 3), (0.002, 3), (0.0002, 3), (0.0001, 11)],
    ),
]


@pytest.mark.parametrize(("options", "wanted"), PLATEAUS)
def test_a_plateau_lowers_the_rate(options, wanted):
    callback = callbacks.ReduceLROnPlateau(**options)
    assert rates(callback, 25, validation_split=0.25) == wanted


SCHEDULES = [
    (lambda epoch, rate: rate * 0.9, [(0.18, 1), (0.162, 1), (0.1458, 1)]),
    (lambda epoch: 0.1 / (epoch + 1), [(0.1, 1), (0.05, 1), (0.033333, 1)]),
    (lambda epoch: np.float32(0.3), [(0.3, 3)]),
]


@pytest.mark.parametrize(("schedule", "wanted"), SCHEDULES)
def test_a_schedule_sets_the_rate(schedule, wanted):
    assert rates(callbacks.LearningRateScheduler(schedule), 3) == wanted


def test_they_tell_what_they_do(capsys):
    rates(callbacks.LearningRateScheduler(lambda epoch: 0.5, verbose=1), 1)
    rates(callbacks.ReduceLROnPlateau("loss", 0.5, 2, verbose=1), 9)
    told = capsys.readouterr().out
    assert "Epoch 1: LearningRateScheduler setting learning rate to 0.5." in told
    assert "Epoch 8: ReduceLROnPlateau reducing learning rate to 0.1" in told


@pytest.mark.parametrize("given", [1, None, True, "a"])
def test_a_schedule_gives_floats(given):
    with pytest.raises(ValueError, match=r"schedule must give a float. Received: "):
        rates(callbacks.LearningRateScheduler(lambda epoch, rate: given), 1)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match=r"factor must be below 1\. Received: factor=1\.0"):
        callbacks.ReduceLROnPlateau(factor=1.0)
    with pytest.warns(UserWarning, match="`val_loss` which is not available"):
        rates(callbacks.ReduceLROnPlateau(), 1)
