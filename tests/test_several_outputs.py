"""Training of functional models: targets, losses, metrics and weights by output."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops
from deepcore.models import Model
from functional_models import LOSSES, ONE, TWO, X, Z, data, losses_of, two_inputs


def test_eager_steps_learn_alike():
    told = [losses_of(two_inputs(), [ONE, TWO], run_eagerly=eager) for eager in (False, True)]
    assert list(told[0]) == ["loss", "one_loss", "two_loss"]
    for name, values in told[0].items():
        np.testing.assert_allclose(values, told[1][name], rtol=1e-5)


def test_targets_come_in_any_structure():
    want = losses_of(two_inputs(), [ONE, TWO])
    assert losses_of(two_inputs(), {"two": TWO, "one": ONE}) == want
    assert losses_of(two_inputs(), (ONE, TWO)) == want
    assert losses_of(two_inputs(dict), {"one": ONE, "two": TWO}) == want


def test_batches_of_several_arrays():
    def batches():
        for start in range(0, 21, 6):
            rows = slice(start, start + 6)
            yield {"a": X[rows], "b": Z[rows]}, [ONE[rows], TWO[rows]]

    want = losses_of(two_inputs(), [ONE, TWO])
    model = two_inputs()
    model.set_weights([w * 0 + 0.1 for w in model.get_weights()])
    model.compile(dc.optimizers.SGD(0.1), **LOSSES)
    told = [model.fit(batches(), epochs=1, verbose=0).history["loss"][0] for _ in range(3)]
    np.testing.assert_allclose(told, want["loss"], rtol=1e-6)


def test_one_batch_at_a_time():
    model = two_inputs()
    model.compile("sgd", **LOSSES, metrics={"one": ["mae"]})
    logs = model.train_on_batch([X, Z], [ONE, TWO], return_dict=True)
    assert list(logs) == ["loss", "one_loss", "two_loss", "one_mae"]
    assert [p.shape for p in model.predict_on_batch([X, Z])] == [(21, 2), (21, 1)]
    assert len(model.test_on_batch([X, Z], [ONE, TWO])) == 4


def test_one_sample_weight_is_for_all_outputs():
    weight = np.linspace(0, 1, 21).astype("float32")
    told = []
    for given in (weight, [weight, weight], {"one": weight, "two": weight}):
        model = two_inputs()
        model.set_weights([w * 0 + 0.1 for w in model.get_weights()])
        model.compile("sgd", **LOSSES)
        model.fit([X, Z], [ONE, TWO], sample_weight=given, shuffle=False, verbose=0)
        told.append(model.evaluate([X, Z], [ONE, TWO], sample_weight=given, verbose=0))
    assert told[0] == told[1] == told[2]


def test_an_output_without_a_loss_needs_no_target():
    model = two_inputs()
    model.compile("sgd", loss=[None, "mse"])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        model.fit([X, Z], [TWO], verbose=0)
    want = np.mean((model.predict([X, Z], verbose=0)[1] - TWO) ** 2)
    np.testing.assert_allclose(model.evaluate([X, Z], [TWO], verbose=0), want, rtol=1e-5)


def test_predictions_have_the_structure_of_the_outputs():
    predicted = two_inputs(dict).predict({"a": X, "b": Z}, batch_size=5, verbose=0)
    assert {name: value.shape for name, value in predicted.items()} == {
        "one": (21, 2),
        "two": (21, 1),
    }


WRONG_COMPILES = {
    "loss by another name": ({"loss": {"one": "mse", "three": "mse"}}, "Expected keys"),
    "a loss missing": ({"loss": {"one": "mse"}}, "Expected keys"),
    "too many losses": ({"loss": ["mse"] * 3}, "Invalid `loss`"),
    "metrics for all": ({**LOSSES, "metrics": ["mae"]}, "Invalid `metrics`"),
    "metrics by another name": ({**LOSSES, "metrics": {"three": "mae"}}, "in metrics dict"),
    "weights": ({**LOSSES, "loss_weights": [1.0]}, "must match the number of losses"),
    "no loss": ({"loss": [None, None]}, "no output has a loss"),
}


@pytest.mark.parametrize("wrong", WRONG_COMPILES)
def test_wrong_losses_and_metrics(wrong):
    arguments, message = WRONG_COMPILES[wrong]
    model = two_inputs()
    with pytest.raises(ValueError, match=message):  # noqa: PT012 - some need the first batch
        model.compile("sgd", **arguments)
        model.fit([X, Z], [ONE, TWO], verbose=0)


@pytest.mark.parametrize("y", [ONE, [ONE], [ONE, TWO, TWO], {"one": ONE}, {"one": ONE, "no": TWO}])
def test_wrong_targets(y):
    model = two_inputs()
    model.compile("sgd", **LOSSES)
    with pytest.raises(ValueError, match="y_true and y_pred have different structures"):
        model.fit([X, Z], y, verbose=0)


def test_class_weights_need_one_output():
    model = two_inputs()
    model.compile("sgd", **LOSSES)
    with pytest.raises(ValueError, match="class_weight needs one array of targets"):
        model.fit([X, Z], [ONE, TWO], class_weight={0: 1.0}, verbose=0)


def test_a_residual_network_learns():
    x = first = dc.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same")(x)
    for _ in range(2):
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        x = ops.relu(layers.add([x, layers.Conv2D(4, 3, padding="same")(y)]))
    model = Model(first, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    images = data((8, 8, 1), rows=32)[0]
    labels = (images.mean((1, 2, 3)) > 0).astype("int32")
    loss = dc.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(dc.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    told = model.fit(images, labels, epochs=30, batch_size=8, verbose=0).history
    assert told["loss"][-1] < 0.5 * told["loss"][0]
    assert told["accuracy"][-1] > 0.8


def test_a_sample_has_the_same_bits_in_any_batch_of_a_branched_model():
    a, b = dc.Input((16, 16, 3)), dc.Input((5,))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(a)
    y = layers.add([x, layers.Conv2D(8, 1)(a)])
    pooled = layers.GlobalAveragePooling2D()(layers.concatenate([x, y]))
    merged = ops.softmax(layers.Dense(16)(pooled) * layers.Dense(16, "tanh")(b))
    model = Model([a, b], [merged, layers.Dot(axes=1)([merged, layers.Dense(16)(b)])])
    images, rows = data((16, 16, 3), (5,), rows=9)
    whole = model.predict([images, rows], batch_size=9, verbose=0)
    for size in (1, 2, 4, 5):
        parts = model.predict([images, rows], batch_size=size, verbose=0)
        for part, all_of_it in zip(parts, whole, strict=True):
            np.testing.assert_array_equal(part, all_of_it)


def test_it_is_traced_once():
    calls = []

    class Counted(layers.Layer):
        def call(self, x):
            calls.append(1)
            return x

    x = dc.Input((4,))
    model = Model(x, layers.Dense(1)(Counted()(x)))
    calls.clear()
    model.compile("sgd", "mse")
    model.fit(np.ones((640, 4)), np.ones((640, 1)), batch_size=8, epochs=4, verbose=0)
    assert len(calls) == 1
