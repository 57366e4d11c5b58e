"""compile, fit, evaluate, predict: what a step computes, and what surrounds it."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

import deepcore as dc
from classifiers import X, Y, classifier, linear, softmax
from deepcore import layers


@pytest.mark.parametrize("eager", [False, True])
def test_sgd_steps_are_the_textbooks(eager):
    y = X @ np.arange(6.0)[:, None]
    model = linear(run_eagerly=eager)
    history = model.fit(X, y, batch_size=20, epochs=2, shuffle=False, verbose=0)
    w, b, losses = np.zeros((6, 1)), np.zeros(1), []
    for _ in range(2):
        total = 0.0
        for i in range(0, 50, 20):
            x, t = X[i : i + 20].astype("float64"), y[i : i + 20]
            error = x @ w + b - t
            total += (error**2).sum()
            w = w - 0.1 * 2 * x.T @ error / len(x)
            b = b - 0.1 * 2 * error.mean(0)
        losses.append(total / 50)
    np.testing.assert_allclose(model.get_weights()[0], w, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.get_weights()[1], b, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-4)


def test_a_variable_frozen_between_batches_stays():
    model = linear()
    y = X @ np.arange(6.0)[:, None]
    model.train_on_batch(X, y)
    kernel, bias = model.layers[-1].variables
    kernel.trainable = False
    before = [np.array(kernel), np.array(bias)]
    model.train_on_batch(X, y)
    np.testing.assert_array_equal(kernel, before[0])
    assert (np.array(bias) != before[1]).all()


def test_eager_and_planned_agree():
    planned, eager = classifier(), classifier(run_eagerly=True)
    dc.utils.set_random_seed(3)
    a = planned.fit(X, Y, epochs=3, verbose=0).history
    dc.utils.set_random_seed(3)
    b = eager.fit(X, Y, epochs=3, verbose=0).history
    assert a.keys() == b.keys() == {"loss", "accuracy"}
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4)
    for v, w in zip(planned.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-3, atol=1e-5)


def test_evaluate_and_predict_against_numpy():
    model = classifier()
    w1, b1, w2, b2 = model.get_weights()
    p = softmax(np.maximum(X @ w1 + b1, 0) @ w2 + b2)
    np.testing.assert_allclose(model.predict(X, verbose=0), p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(X[:7]), p[:7], rtol=1e-4, atol=1e-6)
    loss, accuracy = model.evaluate(X, Y, batch_size=16, verbose=0)
    assert abs(loss + np.log(p[np.arange(50), Y]).mean()) < 1e-4
    assert abs(accuracy - (p.argmax(-1) == Y).mean()) < 1e-6
    logs = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "accuracy"]


def test_it_learns():
    y = (X[:, 0] > 0).astype(int)
    model = classifier(optimizer=dc.optimizers.Adam(0.01))
    history = model.fit(X, y, epochs=60, batch_size=10, verbose=0)
    assert history.history["accuracy"][-1] > 0.9
    assert history.history["loss"][-1] < history.history["loss"][0] / 2
    assert history.epoch == list(range(60))


@pytest.mark.parametrize(
    ("y", "outputs", "loss", "kind"),
    [
        (Y, 3, "sparse_categorical_crossentropy", "SparseCategoricalAccuracy"),
        (Y[:, None], 3, "sparse_categorical_crossentropy", "SparseCategoricalAccuracy"),
        (np.eye(3)[Y], 3, "categorical_crossentropy", "CategoricalAccuracy"),
        (Y > 0, 1, "binary_crossentropy", "BinaryAccuracy"),
    ],
)
def test_accuracy_is_chosen_by_the_shapes(y, outputs, loss, kind):
    last = layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax")
    model = dc.Sequential([dc.Input((6,)), last])
    model.compile("sgd", loss, metrics=["accuracy"])
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    assert type(model.metrics[1].metrics[0]).__name__ == kind
    p = model.predict(X, verbose=0)
    labels = np.asarray(y).reshape(50, -1)
    if outputs == 1:
        want = ((p > 0.5) == labels).mean()
    else:
        truth = labels.argmax(-1) if labels.shape[1] > 1 else labels[:, 0]
        want = (p.argmax(-1) == truth).mean()
    assert abs(logs["accuracy"] - want) < 1e-6


def test_targets_without_the_last_axis_are_aligned():
    y = X @ np.arange(6.0)
    logs = linear(metrics=["mae"]).evaluate(X, y, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], (y**2).mean(), rtol=1e-4)
    np.testing.assert_allclose(logs["mae"], np.abs(y).mean(), rtol=1e-4)


def test_sample_and_class_weights():
    y = X @ np.arange(6.0)
    weights = np.random.default_rng(3).uniform(size=50)
    model = linear(weighted_metrics=["mae"], metrics=["mse"])
    logs = model.evaluate(X, y, sample_weight=weights, batch_size=50, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["loss"], (weights * y**2).mean(), rtol=1e-4)
    np.testing.assert_allclose(logs["mse"], (y**2).mean(), rtol=1e-4)
    np.testing.assert_allclose(logs["mae"], (weights * np.abs(y)).sum() / weights.sum(), rtol=1e-4)
    by_class = {0: 2.0, 2: 0.5}
    a, b = classifier(), classifier()
    a.fit(X, Y, class_weight=by_class, shuffle=False, verbose=0)
    per_sample = np.array([by_class.get(int(label), 1.0) for label in Y])
    b.fit(X, Y, sample_weight=per_sample, shuffle=False, verbose=0)
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


def test_regularizers_and_added_losses_count():
    class Adds(layers.Layer):
        def call(self, x):
            self.add_loss(3.0 * dc.ops.mean(dc.ops.square(x)))
            return x

    adds = Adds()
    model = dc.Sequential(
        [dc.Input((6,)), adds, layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")]
    )
    model.compile("sgd", "mse")
    y = X.sum(-1)
    got = model.evaluate(X, y, batch_size=50, verbose=0)
    np.testing.assert_allclose(got, 3 * (X**2).mean() + 0.01 * 6, rtol=1e-4)
    assert adds._losses == []  # nothing symbolic stays behind
    model.fit(X, y, verbose=0)
    assert adds._losses == []


def test_validation_split_holds_out_the_last_part():
    model = classifier()
    history = model.fit(X, Y, epochs=2, validation_split=0.2, verbose=0).history
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    loss, accuracy = model.evaluate(X[40:], Y[40:], verbose=0)
    np.testing.assert_allclose(history["val_loss"][-1], loss, rtol=1e-6)
    np.testing.assert_allclose(history["val_accuracy"][-1], accuracy, rtol=1e-6)
    changed = X.copy()
    changed[40:] = 7  # must not reach training
    other = classifier()
    other.fit(changed, Y, epochs=2, validation_split=0.2, verbose=0)
    for v, w in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)


def test_validation_data_and_frequency():
    model = classifier()
    history = model.fit(
        X, Y, epochs=4, validation_data=(X[:20], Y[:20]), validation_freq=2, verbose=0
    ).history
    assert len(history["loss"]) == 4
    assert len(history["val_loss"]) == 2
    history = model.fit(X, Y, epochs=3, validation_data=[X, Y], validation_freq=[3], verbose=0)
    assert len(history.history["val_loss"]) == 1


def test_initial_epoch():
    assert classifier().fit(X, Y, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]


def test_the_seed_governs_everything():
    def train():
        dc.utils.set_random_seed(5)
        model = dc.Sequential([layers.Dense(8, activation="relu"), layers.Dropout(0.5)])
        model.add(layers.Dense(3, activation="softmax"))
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(X, Y, epochs=2, batch_size=8, verbose=0)
        return model.get_weights()

    for v, w in zip(train(), train(), strict=True):
        np.testing.assert_array_equal(v, w)


@pytest.mark.parametrize("batch", [1, 7, 32, 50])
def test_predictions_have_the_same_bits_in_any_batch(batch):
    model = classifier()
    whole = model.predict(X, batch_size=50, verbose=0)
    np.testing.assert_array_equal(model.predict(X, batch_size=batch, verbose=0), whole)


def test_one_batch_at_a_time():
    model = classifier()
    first = model.train_on_batch(X[:10], Y[:10], return_dict=True)
    assert list(first) == ["loss", "accuracy"]
    loss, accuracy = model.test_on_batch(X[:10], Y[:10])
    assert 0 <= accuracy <= 1
    assert loss > 0
    assert model.predict_on_batch(X[:10]).shape == (10, 3)
    assert isinstance(classifier(metrics=None).train_on_batch(X, Y), float)


def test_a_batch_gives_its_own_metrics():
    model = classifier()
    model.train_on_batch(X[:10], Y[:10])
    expected = model.evaluate(X[10:30], Y[10:30], verbose=0)
    np.testing.assert_allclose(model.train_on_batch(X[10:30], Y[10:30]), expected, rtol=1e-5)


def test_metrics_are_named_as_keras_names_them():
    def camelCase(y_true, y_pred):
        return dc.ops.mean(y_pred, axis=-1)

    model = classifier(
        metrics=["accuracy", lambda y, p: dc.ops.mean(p, axis=-1), camelCase],
        weighted_metrics=["accuracy"],
    )
    logs = model.evaluate(X, Y, sample_weight=np.ones(len(X)), verbose=0, return_dict=True)
    assert set(logs) == {"loss", "accuracy", "lambda", "camel_case", "weighted_accuracy"}


def test_metrics_of_compile_are_held_once():
    model = classifier(metrics=[dc.metrics.SparseCategoricalAccuracy(), "accuracy"])
    model.evaluate(X, Y, verbose=0)
    assert model.metrics_names == ["loss", "compile_metrics"]


def test_a_generator_that_ends_early_ends_training():
    model = classifier()
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model.fit(((X[i : i + 10], Y[i : i + 10]) for i in (0, 10)), epochs=3, verbose=0)
    assert history.epoch == [0]


def test_inputs_by_name():
    model = classifier()
    model.predict(X[:2], verbose=0)
    (name,) = [tensor.name for tensor in model.inputs]
    np.testing.assert_array_equal(
        model.predict({name: X[:4]}, verbose=0), model.predict(X[:4], verbose=0)
    )
    with pytest.raises(ValueError, match="takes one input"):
        model.predict({"other": X[:4]}, verbose=0)


def test_frozen_layers_stay():
    model = classifier()
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()


def test_learning_rate_can_change_between_epochs():
    model = linear()
    y = X @ np.arange(6.0)
    model.fit(X, y, verbose=0)
    before = model.get_weights()
    model.optimizer.learning_rate = 0.0
    model.fit(X, y, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])


def test_custom_steps():
    class Custom(dc.Sequential):
        def train_step(self, data):
            logs = super().train_step(data)
            return {**logs, "twice": logs["loss"] * 2}

    model = Custom([dc.Input((6,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(X, X.sum(-1), batch_size=50, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["twice"], np.multiply(history["loss"], 2), rtol=1e-6)


def test_subclassed_models_train():
    class Net(dc.Model):
        def __init__(self):
            super().__init__()
            self.one = layers.Dense(8, activation="relu")
            self.drop = layers.Dropout(0.1)
            self.two = layers.Dense(3, activation="softmax")

        def call(self, x):
            return self.two(self.drop(self.one(x)))

    model = Net()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert len(history["loss"]) == 2
    assert model.drop.seed_generator.state.numpy()[1] == 4  # two steps of two epochs


def test_custom_losses_and_metrics():
    def twice(y_true, y_pred):
        return 2.0 * dc.ops.mean(dc.ops.square(y_true - y_pred), axis=-1)

    model = linear(loss=twice, metrics=[twice, dc.metrics.MeanAbsoluteError(name="off")])
    y = X @ np.arange(6.0)[:, None]
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    assert list(logs) == ["loss", "twice", "off"]
    np.testing.assert_allclose(logs["loss"], 2 * (y**2).mean(), rtol=1e-4)
    np.testing.assert_allclose(logs["twice"], logs["loss"], rtol=1e-4)


def test_nan_does_not_crash():
    model = linear()
    x = X.copy()
    x[3] = np.nan
    history = model.fit(x, X.sum(-1), epochs=2, verbose=0).history
    assert np.isnan(history["loss"]).all()


def test_plans_are_bounded():
    model = classifier()
    for n in range(1, 51):
        model.predict(X[:n], batch_size=n, verbose=0)
    assert len(model._steps) == 16


def test_python_sleeps_between_updates():
    """Without batch hooks an epoch that takes a moment is a handful of calls, not one a step."""
    model = classifier()
    x, y = np.tile(X, (200, 1)), np.tile(Y, 200)
    model.fit(x, y, verbose=0)
    calls = []
    find = model._steps.find
    model._steps.find = lambda *a: calls.append(1) or find(*a)
    start = time.perf_counter()
    model.fit(x, y, verbose=0)
    assert len(calls) <= 3 + (time.perf_counter() - start) / 0.1


def test_ctrl_c_in_the_middle_of_an_epoch():
    model = classifier()
    x, y = np.tile(X, (1000, 1)), np.tile(Y, 1000)
    model.fit(X, Y, verbose=0)
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    start = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, batch_size=1, epochs=10_000, verbose=0)
    assert time.perf_counter() - start < 2
    assert all(np.isfinite(w).all() for w in model.get_weights())
    model.fit(X, Y, verbose=0)


# By Keras 3.15 on JAX.
CURVES = {
    "accuracy": [0.371429, 0.4, 0.542857, 0.571429],
    "loss": [1.320672, 1.078876, 1.064839, 1.118846],
    "val_accuracy": [0.266667, 0.066667, 0.2, 0.2],
    "val_loss": [1.306266, 1.611987, 2.009871, 2.323612],
}


def test_the_loss_curve_is_keras():
    model = dc.Sequential(
        [
            dc.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    rng = np.random.default_rng(5)
    weights = [rng.normal(scale=0.5, size=w.shape) for w in model.get_weights()]
    model.set_weights([w.astype("float32") for w in weights])
    model.compile(dc.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = model.fit(X, Y, epochs=4, shuffle=False, verbose=0, validation_split=0.3).history
    assert found.keys() == CURVES.keys()
    for name, curve in CURVES.items():
        np.testing.assert_allclose(found[name], curve, rtol=1e-4, err_msg=name)
