"""Bad input gives a clear exception, and the model goes on as if nothing had been."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype("float32")
Y = RNG.integers(0, 3, 50)
BATCH = (X[:10], Y[:10])


def classifier(**compiled: Any) -> dc.Sequential:
    dc.utils.set_random_seed(1)
    model = dc.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(6,)),
            layers.Dense(3, activation="softmax"),
        ]
    )
    arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    model.compile(**{**arguments, "metrics": ["accuracy"], **compiled})
    return model


def fit(x: Any = X, y: Any = Y, **arguments: Any) -> Callable[[dc.Sequential], Any]:
    return lambda model: model.fit(x, y, **{"verbose": 0, **arguments})


def batches(*items: Any) -> Callable[[dc.Sequential], Any]:
    return lambda model: model.fit((item for item in items), verbose=0)


def objects() -> np.ndarray:
    found = np.empty(50, object)
    found[:] = [np.ones(5 + i % 2) for i in range(50)]
    return found


# What is done to a model of 6 inputs and 3 classes, and a part of what it must say.
DATA = {
    # shapes
    "rank": (fit(X[:, :, None, None]), "expected shape=(None, 6), found shape=(32, 6, 1, 1)"),
    "rank_below": (fit(X[:, 0]), "expected shape=(None, 6), found shape=(32,)"),
    "a_number": (fit(np.float32(3)), "x must have a batch axis"),
    "features": (fit(X[:, :5]), "made for inputs of shape (None, 6). Received: shape (32, 5)"),
    "no_features": (fit(X[:, :0]), "made for inputs of shape (None, 6). Received: shape (32, 0)"),
    "lengths": (fit(X, Y[:49]), "'x' sizes: 50\n'y' sizes: 49"),
    "more_targets": (fit(X, np.r_[Y, Y]), "'x' sizes: 50\n'y' sizes: 100"),
    "weights_length": (fit(sample_weight=np.ones(49)), "'sample_weight' sizes: 49"),
    "weights_shape": (fit(sample_weight=np.ones((50, 2))), "sample_weight of shape"),
    "two_labels": (fit(y=np.stack([Y, Y], 1)), "target.shape=(32, 2), output.shape=(32, 3)"),
    "one_hot_labels": (fit(y=np.eye(3)[Y]), "sparse_categorical_crossentropy: the labels must"),
    # emptiness
    "empty": (fit(X[:0], Y[:0]), "x is empty"),
    "empty_lists": (fit([], []), "x is empty"),
    "empty_targets": (fit(X, Y[:0]), "'y' sizes: 0"),
    "none": (fit(None), "x is missing"),
    "no_targets": (fit(y=None), "y is missing"),
    "no_prediction": (lambda m: m.predict(X[:0], verbose=0), "predict: x is empty"),
    "no_evaluation": (lambda m: m.evaluate(X[:0], Y[:0], verbose=0), "evaluate: x is empty"),
    # kinds
    "strings": (fit(X.astype(str)), "x must hold numbers. Received: strings"),
    "string_labels": (fit(y=np.array(list("abc"))[Y]), "y must hold numbers. Received: strings"),
    "string_list": (fit([["a"] * 6] * 50), "x must hold numbers. Received: strings"),
    "a_string": (fit("data.csv"), "Received: x of type str"),
    "bytes": (fit(b"data"), "Received: x of type bytes"),
    "an_int": (fit(5), "Received: x of type int"),
    "a_function": (fit(len), "Received: x of type builtin_function_or_method"),
    "a_dict": (fit({"a": 1}), "Received: x of type int"),
    "a_set": (fit({1, 2}), "Received: x of type set"),
    "objects": (fit(X.astype(object)), "x must hold numbers. Received: Python objects"),
    "object_rows": (fit(objects()), "x must hold numbers. Received: Python objects"),
    "object_labels": (fit(y=Y.astype(object)), "y must hold numbers. Received: Python objects"),
    "nones_inside": (fit([[None] * 6] * 50), "x must hold numbers. Received: Python objects"),
    "ragged": (fit([[1.0] * 6, [1.0, 2]], [0, 1]), "x does not make an array"),
    "complex": (fit(X.astype(complex)), "dtype complex128"),
    "dates": (fit(np.full((50, 6), np.datetime64("2020-01-01"))), "dtype datetime64[D]"),
    "durations": (fit(y=np.full(50, np.timedelta64(1, "D"))), "dtype timedelta64[D]"),
    "records": (fit(np.zeros(50, [("a", "f4")])), "x must hold numbers"),
    "string_weights": (fit(sample_weight=["a"] * 50), "sample_weight must hold numbers"),
    # labels
    "label_above": (fit(y=Y + 1), "outside the range [0, 3)"),
    "label_below": (fit(y=Y - 1), "outside the range [0, 3)"),
    "label_far_above": (fit(y=Y + 2**40), "outside the range [0, 3)"),
    "label_of_bytes": (fit(y=(Y + 1).astype("uint8")), "outside the range [0, 3)"),
    "label_of_floats": (fit(y=Y - 1.0), "outside the range [0, 3)"),
    "label_nan": (fit(y=np.where(Y == 1, np.nan, Y)), "outside the range [0, 3)"),
    "label_infinite": (fit(y=np.full(50, np.inf)), "outside the range [0, 3)"),
    "label_in_evaluate": (lambda m: m.evaluate(X, Y + 1, verbose=0), "outside the range [0, 3)"),
    "label_in_validation": (fit(validation_data=(X, Y + 1)), "outside the range [0, 3)"),
    "label_in_a_batch": (lambda m: m.train_on_batch(X, Y + 1), "outside the range [0, 3)"),
    # sizes
    "batch_0": (fit(batch_size=0), "batch_size must be a positive integer. Received: batch_size=0"),
    "batch_below_0": (fit(batch_size=-1), "Received: batch_size=-1"),
    "batch_of_float": (fit(batch_size=1.5), "Received: batch_size=1.5"),
    "batch_of_string": (fit(batch_size="a"), "Received: batch_size='a'"),
    "batch_in_predict": (lambda m: m.predict(X, batch_size=0, verbose=0), "Received: batch_size=0"),
    "epochs_below_0": (
        fit(epochs=-1),
        "epochs must be a non-negative integer. Received: epochs=-1",
    ),
    "epochs_of_float": (fit(epochs=1.5), "Received: epochs=1.5"),
    "epochs_of_string": (fit(epochs="a"), "Received: epochs='a'"),
    "epochs_none": (fit(epochs=None), "Received: epochs=None"),
    "initial_epoch": (fit(initial_epoch=-1), "initial_epoch must be a non-negative integer"),
    "split_1": (fit(validation_split=1.0), "validation_split must be between 0 and 1"),
    "split_below_0": (fit(validation_split=-0.1), "Received: validation_split=-0.1"),
    "split_of_string": (fit(validation_split="a"), "Received: validation_split='a'"),
    "split_too_near_1": (fit(validation_split=0.999), "one part would be empty"),
    "steps_0": (fit(steps_per_epoch=0), "steps must be a positive integer"),
    "steps_of_float": (fit(steps_per_epoch=1.5), "steps must be a positive integer"),
    "verbose": (fit(verbose=7), "verbose must be one of 'auto', 0, 1, 2"),
    "frequency": (fit(validation_data=(X, Y), validation_freq=0), "validation_freq must be"),
    # weights of classes
    "class_list": (fit(class_weight=[1, 2, 3]), "class_weight must be a dict"),
    "class_names": (fit(class_weight={"a": 1.0}), "class_weight must map classes (integers)"),
    "class_values": (fit(class_weight={0: "x"}), "class_weight must map classes (integers)"),
    "both_weights": (fit(class_weight={0: 1.0}, sample_weight=np.ones(50)), "at the same time"),
    # validation
    "validation_lengths": (fit(validation_data=(X, Y[:4])), "validation_data: Data cardinality"),
    "validation_features": (
        fit(validation_data=(X[:, :5], Y)),
        "to have value 6, but received input with shape (32, 5)",
    ),
    "validation_number": (fit(validation_data=3), "validation_data: x must be an array"),
    "validation_alone": (fit(validation_data=(X,)), "y is missing"),
    # batches
    "four_parts": (batches((X, Y, None, 3)), "Received: 4 parts"),
    "none_as_batch": (batches(None), "x is missing"),
    "strings_as_batches": (batches("ab"), "Received: x of type str"),
    "bad_second_batch": (
        batches(BATCH, (X[:, :4], Y)),
        "to have value 6, but received input with shape (50, 4)",
    ),
    "bad_second_labels": (batches(BATCH, (X, Y + 1)), "outside the range [0, 3)"),
    "uneven_batch": (batches(BATCH, (X, Y[:3])), "'x' sizes: 50\n'y' sizes: 3"),
    "batches_of_x": (batches(X), "y is missing"),
    "batches_and_y": (fit(iter([BATCH]), Y), "x gives whole batches"),
    # compile
    "loss": (lambda m: m.compile("adam", "sparse_crossentropy"), "Unknown loss"),
    "near_loss": (lambda m: m.compile("adam", "binary_crosentropy"), "'binary_crossentropy'"),
    "loss_of_number": (lambda m: m.compile("adam", 3), "Cannot make a loss from 3"),
    "near_optimizer": (lambda m: m.compile("addam", "mse"), "Did you mean 'adam'"),
    "optimizer_of_number": (lambda m: m.compile(3, "mse"), "Cannot make an optimizer from 3"),
    "near_metric": (lambda m: m.compile("adam", "mse", metrics=["acuracy"]), "'accuracy'"),
    # calls
    "call_features": (
        lambda m: m(X[:, :5]),
        "to have value 6, but received input with shape (50, 5)",
    ),
    "call_of_string": (lambda m: m("abc"), "Only tensors may be passed"),
    "set_too_few": (lambda m: m.set_weights([1]), "a weight list of length 1"),
    "set_shapes": (lambda m: m.set_weights([w.T for w in m.get_weights()]), "not compatible"),
}


# These learn something before they meet what is bad.
TRAINS_FIRST = {
    "label_in_validation",
    "validation_features",
    "validation_alone",
    "bad_second_batch",
    "bad_second_labels",
    "uneven_batch",
}


@pytest.fixture(scope="module")
def fresh() -> dict[str, float]:
    """The history of a model that has seen no bad input."""
    return fit(shuffle=False)(classifier()).history


@pytest.mark.parametrize("name", DATA)
def test_data(name, fresh):
    bad, message = DATA[name]
    model = classifier()
    before = model.get_weights()
    with pytest.raises(ValueError, match=re.escape(message)):
        bad(model)
    assert all(np.isfinite(a).all() for a in model.get_weights())
    if name not in TRAINS_FIRST:
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    if name not in TRAINS_FIRST and not name.startswith("label"):
        assert fit(shuffle=False)(model).history == fresh
    assert np.isfinite(fit()(model).history["loss"][0])
    assert np.isfinite(model.predict(X, verbose=0)).all()


LAYERS = {
    "units_0": (lambda: layers.Dense(0), "Dense: units must be a positive integer"),
    "units_below_0": (lambda: layers.Dense(-1), "Received: units=-1."),
    "units_of_float": (lambda: layers.Dense(1.5), "Received: units=1.5."),
    "units_of_string": (lambda: layers.Dense("3"), "Received: units='3'."),
    "units_none": (lambda: layers.Dense(None), "Received: units=None."),
    "filters_0": (lambda: layers.Conv2D(0, 3), "Conv2D: filters must be a positive integer"),
    "filters_below_0": (lambda: layers.Conv2D(-4, 3), "Received: filters=-4."),
    "filters_of_float": (lambda: layers.Conv2D(2.5, 3), "Received: filters=2.5."),
    "kernel_0": (lambda: layers.Conv2D(4, 0), "Received: kernel_size=0."),
    "kernel_below_0": (lambda: layers.Conv2D(4, (3, -1)), "Received: kernel_size=(3, -1)."),
    "kernel_of_three": (lambda: layers.Conv2D(4, (3, 3, 3)), "a tuple of 2 of them"),
    "strides_0": (lambda: layers.Conv2D(4, 3, strides=0), "Received: strides=0."),
    "padding": (lambda: layers.Conv2D(4, 3, padding="smae"), "one of 'valid', 'same'"),
    "data_format": (lambda: layers.Conv2D(4, 3, data_format="last"), "'channels_last'"),
    "filters_by_groups": (lambda: layers.Conv2D(4, 3, groups=3), "divisible by groups"),
    "pool_0": (lambda: layers.MaxPooling2D(0), "Received: pool_size=0."),
    "rate_above_1": (lambda: layers.Dropout(1.5), "Dropout: rate must be in [0, 1]"),
    "rate_below_0": (lambda: layers.Dropout(-0.1), "Received: rate=-0.1."),
    "rate_of_string": (lambda: layers.Dropout("a"), "Received: rate='a'."),
    "two_unknown_axes": (lambda: layers.Reshape((-1, -1)), "at most one -1"),
    "activation": (lambda: layers.Dense(3, activation="rellu"), "Did you mean 'relu'"),
    "activation_of_number": (lambda: layers.Activation(3), "Cannot make an activation from 3"),
    "initializer": (
        lambda: layers.Dense(3, kernel_initializer="glorot_unifrm"),
        "'glorot_uniform'",
    ),
    "regularizer": (lambda: layers.Dense(3, kernel_regularizer="l3"), "Unknown regularizer: 'l3'"),
    "constraint": (lambda: layers.Dense(3, kernel_constraint="maxnorm"), "'max_norm'"),
    "input_below_0": (lambda: dc.Input((-1,)), "shape=(-1,)"),
    "input_of_string": (lambda: dc.Input("a"), "shape='a'"),
    "learning_rate": (lambda: dc.optimizers.Adam("fast"), "learning_rate='fast'"),
    "momentum": (lambda: dc.optimizers.SGD(0.1, momentum=2.0), "momentum must be in [0, 1]"),
    "seed": (lambda: dc.utils.set_random_seed(-1), "seed must be an integer"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_arguments(name):
    make, message = LAYERS[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


STACKS = {
    "kernel_too_large": ((8, 8, 3), lambda: layers.Conv2D(4, 9), "the window (9, 9) is larger"),
    "dilated": (
        (8, 8, 3),
        lambda: layers.Conv2D(4, 3, dilation_rate=4),
        "is larger than the input",
    ),
    "pool_too_large": ((3, 3, 1), lambda: layers.MaxPooling2D(4), "the window (4, 4) is larger"),
    "groups": ((8, 8, 3), lambda: layers.Conv2D(4, 3, groups=2), "divisible by groups"),
    "rank": ((6,), lambda: layers.Conv2D(3, 3), "expected ndim=4, found ndim=2"),
    "size": ((7,), lambda: layers.Reshape((2, 3)), "cannot take the shape (2, 3)"),
    "not_a_layer": ((7,), lambda: 3, "can be added to a Sequential model"),
}


@pytest.mark.parametrize("name", STACKS)
def test_layers_that_do_not_fit(name):
    shape, make, message = STACKS[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        dc.Sequential([dc.Input(shape), make()])


def test_a_layer_that_does_not_fit_can_be_taken_off_again():
    model = dc.Sequential([dc.Input((4, 4, 1)), layers.Conv2D(2, 3)])
    with pytest.raises(ValueError, match="is larger than the input"):
        model.add(layers.Conv2D(2, 3))
    model.pop()
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.ones((6, 4, 4, 1)), [0, 1, 2] * 2, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_before_compile(method):
    model = dc.Sequential([dc.Input((6,)), layers.Dense(3)])
    with pytest.raises(ValueError, match=rf"call `compile\(\)` before calling `{method}\(\)`"):
        getattr(model, method)(X, Y)
    assert model.predict(X, verbose=0).shape == (50, 3)  # needs none


def test_before_build():
    model = dc.Sequential([layers.Dense(3)])
    assert model.get_weights() == []
    assert model.predict(X, verbose=0).shape == (50, 3)
    with pytest.raises(ValueError, match="it has no layers"):
        dc.Sequential().predict(X, verbose=0)


def test_no_epochs_train_nothing():
    model = classifier()
    before = model.get_weights()
    assert fit(epochs=0)(model).history == {}
    assert fit(epochs=2, initial_epoch=5)(model).history == {}
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_compile_that_fails_leaves_the_last_one():
    model = classifier()
    fit()(model)
    iterations = int(model.optimizer.iterations)
    with pytest.raises(ValueError):
        model.compile("adam", "no_such_loss")
    fit()(model)
    assert int(model.optimizer.iterations) == 2 * iterations


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("eager", [False, True])
def test_numbers_that_are_none_do_not_crash(bad, eager):
    x = X.copy()
    x[::3] = bad
    model = classifier(run_eagerly=eager)
    history = fit(x)(model)
    assert len(history.history["loss"]) == 1
    assert model.predict(x, verbose=0).shape == (50, 3)
    weights = classifier().get_weights()
    model.set_weights(weights)
    model.compile("adam", "sparse_categorical_crossentropy")
    assert np.isfinite(fit()(model).history["loss"][0])


@pytest.mark.parametrize("rate", [float("inf"), float("nan"), 1e38])
def test_rates_that_go_wild_do_not_crash(rate):
    model = classifier(optimizer=dc.optimizers.Adam(rate))
    fit(epochs=3)(model)
    model.set_weights(classifier().get_weights())
    model.compile("adam", "sparse_categorical_crossentropy")
    assert np.isfinite(fit()(model).history["loss"][0])


def test_missing_classes_weigh_one():
    a, b = classifier(), classifier()
    fit(class_weight={0: 2.0, 7: 3.0}, shuffle=False)(a)
    fit(sample_weight=np.where(Y == 0, 2.0, 1.0), shuffle=False)(b)
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)
