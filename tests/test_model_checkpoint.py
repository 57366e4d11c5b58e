"""ModelCheckpoint: when it saves, what, and under which names."""

from __future__ import annotations

import os

import numpy as np
import pytest

import deepcore
from deepcore.callbacks import Callback, ModelCheckpoint
from deepcore.layers import Dense, Input

X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = X @ np.array([[1.0], [2], [-1], [0.5]], "float32")


def network(rate=0.05):
    deepcore.utils.set_random_seed(1)
    model = deepcore.Sequential([Input((4,)), Dense(8, activation="relu"), Dense(1)])
    model.compile(deepcore.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model


def fit(model, *callbacks, **options):
    options = {"epochs": 3, "batch_size": 8, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=list(callbacks), **options)


class Losses(Callback):
    """Puts chosen values where the monitored one is."""

    def __init__(self, *values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.values[epoch]


def test_saves_every_epoch_under_formatted_names(tmp_path):
    model = network()
    path = tmp_path / "deep" / "m-{epoch:02d}-{loss:.3f}.keras"
    history = fit(model, ModelCheckpoint(path)).history
    expected = [f"m-{i + 1:02d}-{loss:.3f}.keras" for i, loss in enumerate(history["loss"])]
    assert sorted(os.listdir(path.parent)) == expected
    again = deepcore.models.load_model(path.parent / expected[-1])
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert int(again.optimizer.iterations.numpy()) == 9


def test_saves_weights_alone(tmp_path):
    model = network()
    fit(model, ModelCheckpoint(tmp_path / "m.weights.h5", save_weights_only=True))
    other = network()
    other.load_weights(tmp_path / "m.weights.h5")
    for mine, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert os.listdir(tmp_path) == ["m.weights.h5"]


@pytest.mark.parametrize(
    ("values", "mode", "threshold", "saved"),
    [
        ((3.0, 2.0, 2.5, 1.0), "auto", None, [1, 2, 4]),
        ((3.0, 2.0, 2.5, 1.0), "max", None, [1]),
        ((3.0, 2.0, 2.5, 1.0), "min", 2.2, [2, 4]),
        ((float("nan"), 2.0, float("nan"), 1.0), "min", None, [2, 4]),
    ],
)
def test_saves_the_best_alone(tmp_path, values, mode, threshold, saved):
    checkpoint = ModelCheckpoint(
        tmp_path / "{epoch}.keras",
        save_best_only=True,
        mode=mode,
        initial_value_threshold=threshold,
    )
    fit(network(), Losses(*values), checkpoint, epochs=4)
    assert sorted(os.listdir(tmp_path)) == [f"{epoch}.keras" for epoch in saved]


def test_the_best_model_is_kept(tmp_path):
    model = network(rate=0.02)
    checkpoint = ModelCheckpoint(tmp_path / "best.keras", "val_loss", save_best_only=True)
    history = fit(model, checkpoint, validation_data=(X[:8], Y[:8]), epochs=5).history
    best = deepcore.models.load_model(tmp_path / "best.keras")
    loss = best.evaluate(X[:8], Y[:8], verbose=0)[0]
    assert loss == pytest.approx(min(history["val_loss"]), rel=1e-5)
    assert checkpoint.best == min(history["val_loss"])


def test_saves_every_so_many_batches(tmp_path):
    path = tmp_path / "{epoch}-{batch}.weights.h5"
    fit(network(), ModelCheckpoint(path, save_weights_only=True, save_freq=2))
    # Three batches an epoch, counted on over epochs.
    expected = ["1-2", "2-1", "2-3", "3-2"]
    assert sorted(os.listdir(tmp_path)) == [f"{name}.weights.h5" for name in expected]


def test_tells_what_it_does(tmp_path, capsys):
    path = tmp_path / "m.keras"
    checkpoint = ModelCheckpoint(path, save_best_only=True, verbose=1)
    fit(network(), Losses(2.0, 3.0), checkpoint, epochs=2)
    told = capsys.readouterr().out
    assert "Epoch 1: val_loss improved from None to 2.0" in told
    assert f"Epoch 1: saved to {path}" in told
    assert "Epoch 2: val_loss did not improve from 2.0" in told


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"save_weights_only=False .* must end in \.keras"):
        ModelCheckpoint("m.h5")
    with pytest.raises(ValueError, match=r"save_weights_only=True .* must end in \.weights\.h5"):
        ModelCheckpoint("m.keras", save_weights_only=True)
    for freq in ("batch", 0, -1, 1.5, True):
        with pytest.raises(ValueError, match="save_freq must be 'epoch' or a positive integer"):
            ModelCheckpoint("m.keras", save_freq=freq)
    with pytest.raises(KeyError, match=r"names 'val_acc', which is not among the logs: .*loss"):
        fit(network(), ModelCheckpoint(tmp_path / "{val_acc}.keras"))
    with pytest.warns(UserWarning, match="`val_loss` which is not available"):
        fit(network(), ModelCheckpoint(tmp_path / "m.keras", save_best_only=True), epochs=1)
    assert not os.listdir(tmp_path)
