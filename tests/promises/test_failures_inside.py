"""Generators, callbacks and layers that fail in the middle of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_bad_input import BATCH, X, classifier, fit

import deepcore as dc
from deepcore import layers


def test_a_generator_that_ends_early_warns():
    model = classifier()
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model.fit((b for b in [BATCH] * 2), steps_per_epoch=5, epochs=1, verbose=0)
    assert int(model.optimizer.iterations) == 2
    assert np.isfinite(history.history["loss"][0])
    with pytest.warns(UserWarning, match="ran out of data"):
        fit(steps_per_epoch=100)(model)
    fit()(model)


def test_a_generator_of_nothing():
    model = classifier()
    with (
        pytest.warns(UserWarning, match="ran out of data"),
        pytest.raises(ValueError, match="The data gave no batches"),
    ):
        model.fit(iter(()), verbose=0)
    fit()(model)


def test_a_generator_that_raises():
    def broken():
        yield BATCH
        raise KeyError("mine")

    model = classifier()
    with pytest.raises(KeyError, match="mine"):
        model.fit(broken(), verbose=0)
    assert int(model.optimizer.iterations) == 1
    assert np.isfinite(fit()(model).history["loss"][0])


HOOKS = [
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
    "on_train_end",
]


@pytest.mark.parametrize("hook", HOOKS)
def test_a_callback_that_raises(hook):
    class Broken(dc.callbacks.Callback):
        pass

    def fail(*_: Any, **__: Any) -> None:
        raise ArithmeticError("mine")

    setattr(Broken, hook, fail)
    model = classifier()
    with pytest.raises(ArithmeticError, match="mine"):
        fit(callbacks=[Broken()], validation_split=0.5, verbose=2)(model)
    assert np.isfinite(fit()(model).history["loss"][0])


def test_callbacks_of_another_kind():
    with pytest.raises(TypeError, match="must be instances of"):
        fit(callbacks=[3])(classifier())


def test_a_layer_that_raises_while_it_is_traced():
    class Moody(layers.Layer):
        broken = True

        def call(self, x):
            if self.broken:
                raise RuntimeError("mine")
            return x

    moody = Moody()
    dc.utils.set_random_seed(1)
    model = dc.Sequential([layers.Dense(6), moody, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(RuntimeError, match="mine"):
        fit()(model)
    with pytest.raises(RuntimeError, match="mine"):
        model.predict(X, verbose=0)
    moody.broken = False
    assert np.isfinite(fit()(model).history["loss"][0])
    assert float(dc.ops.sum(np.ones(3, "float32"))) == 3  # no trace stays open


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_step_that_a_bad_label_stops_does_not_count(optimizer):
    model = dc.Sequential([dc.Input((4,)), layers.Dense(3)])
    model.compile(optimizer, dc.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.ones((96, 4), "float32"), np.zeros(96, "int32")
    model.fit(x, y, verbose=0)
    assert int(model.optimizer.iterations) == 3
    y[40] = 7  # the second batch
    with pytest.raises(ValueError, match="outside the range"):
        model.fit(x, y, shuffle=False, verbose=0)
    assert int(model.optimizer.iterations) == 4
