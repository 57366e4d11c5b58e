"""A model goes when its last reference goes, without the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from networks import cnn, digits, mlp

import deepcore as dc
from deepcore import layers

X, Y = digits(64)
FLAT = X.reshape(-1, 784)


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def build(model: dc.Sequential) -> None:
    pass


def fit(model: dc.Sequential) -> None:
    model.fit(FLAT, Y, epochs=2, verbose=0)


def use_all(model: dc.Sequential) -> None:
    callbacks = [
        dc.callbacks.EarlyStopping("loss", restore_best_weights=True),
        dc.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        dc.callbacks.TerminateOnNaN(),
    ]
    model.fit(FLAT, Y, epochs=2, verbose=0, validation_split=0.3, callbacks=callbacks)
    model.evaluate(FLAT, Y, verbose=0)
    model.predict(FLAT, verbose=0)
    model.train_on_batch(FLAT, Y)
    model(FLAT)
    model.summary(print_fn=lambda line: None)
    model.get_config()


def fail(model: dc.Sequential) -> None:
    for x, y in ((FLAT[:, :5], Y), (FLAT, Y - 5), (FLAT, Y[:3]), (FLAT[:0], Y[:0])):
        with pytest.raises(ValueError):
            model.fit(x, y, verbose=0)


def run_eagerly(model: dc.Sequential) -> None:
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    fit(model)


def tape(model: dc.Sequential) -> None:
    with dc.GradientTape() as taped:
        loss = dc.ops.mean(model(FLAT, training=True))
    model.optimizer.apply(
        taped.gradient(loss, model.trainable_variables), model.trainable_variables
    )


def compile_a_function(model: dc.Sequential) -> None:
    dc.function(lambda x: model(x) * 2)(FLAT)


def save(model: dc.Sequential, tmp_path=None) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m.keras")
        model.load_weights(f"{folder}/m.keras")


@pytest.mark.parametrize(
    "use", [build, fit, use_all, fail, run_eagerly, tape, compile_a_function, save]
)
def test_a_model_is_freed_when_its_last_reference_goes(use):
    model = mlp()
    use(model)
    parts = [model, *model.layers, *model.variables, model.optimizer]
    gone = [weakref.ref(part) for part in parts]
    weight = weakref.ref(model.layers[0].kernel)
    parts.clear()
    del model
    left = [ref() for ref in gone if ref() is not None]
    assert not left, [type(part).__name__ for part in left]
    assert weight() is None


def test_the_cnn_too():
    model = cnn()
    model.fit(X, Y, verbose=0)
    gone = weakref.ref(model)
    del model
    assert gone() is None


def test_its_history_does_not_keep_it():
    model = mlp()
    history = model.fit(FLAT, Y, verbose=0).history
    gone = weakref.ref(model)
    del model
    assert gone() is None
    assert history["loss"]


def test_predictions_and_weights_outlive_it():
    model = mlp()
    predicted, called, weights = model.predict(FLAT, verbose=0), model(FLAT), model.get_weights()
    shared = called.numpy()
    before = [a.copy() for a in (predicted, shared, *weights)]
    del model, called
    mlp().fit(FLAT, Y, verbose=0)
    for a, b in zip(before, (predicted, shared, *weights), strict=True):
        np.testing.assert_array_equal(a, b)


def test_predictions_are_not_written_again():
    model = mlp()
    first = model.predict(FLAT, verbose=0)
    copy = first.copy()
    model.fit(FLAT, Y, verbose=0)
    second = model.predict(FLAT, verbose=0)
    np.testing.assert_array_equal(first, copy)
    assert (first != second).any()
    first[:] = 0  # ours to write
    np.testing.assert_array_equal(model.predict(FLAT, verbose=0), second)


def test_data_goes_after_fit():
    class Array(np.ndarray):
        pass  # can be weakly referred to

    x = FLAT.copy().view(Array)
    gone = weakref.ref(x)
    model = mlp()
    model.fit(x, Y, verbose=0)
    model.predict(x, verbose=0)
    del x
    assert gone() is None


def test_subclassed_models_too():
    class Net(dc.Model):
        def __init__(self):
            super().__init__()
            self.inner = [layers.Dense(5, activation="relu"), layers.Dropout(0.5)]
            self.last = layers.Dense(10, activation="softmax")

        def call(self, x):
            for layer in self.inner:
                x = layer(x)
            return self.last(x)

    model = Net()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(FLAT, Y, verbose=0)
    gone = weakref.ref(model)
    del model
    assert gone() is None
