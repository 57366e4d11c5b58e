"""Functional models: calls, structures, training with several inputs and outputs, errors, files."""

from __future__ import annotations

import copy
import gc
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops
from deepcore.models import Functional, Model, Sequential, clone_model, load_model

HERE = Path(__file__).parent
PEER = HERE / "functional_peer.py"
KERAS_FILES = HERE / "data" / "keras_functional"


def data(*shapes, rows=6, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(rows, *shape)).astype("float32") for shape in shapes]


def two_inputs(outputs=list):
    a, b = dc.Input((4,), name="a"), dc.Input((3,), name="b")
    x, y = layers.Dense(5, name="x")(a), layers.Dense(5, name="y")(b)
    one = layers.Dense(2, name="one")(layers.add([x, y]))
    two = layers.Dense(1, name="two")(layers.concatenate([x, y]))
    return Model([a, b], {"one": one, "two": two} if outputs is dict else [one, two], name="m")


# ---- making one


def test_model_of_inputs_and_outputs_is_functional():
    x = dc.Input((4,), name="x")
    model = Model(inputs=x, outputs=layers.Dense(3)(x), name="net")
    assert type(model) is Functional
    assert isinstance(model, Model)
    assert model.built
    assert model.name == "net"
    assert (model.input_shape, model.output_shape) == ((None, 4), (None, 3))
    assert next(layer.name for layer in model.layers) == "x"
    assert model.input is x
    assert model.inputs == [x]
    assert model.get_layer(index=1).output is model.output
    assert model.count_params() == 15
    (value,) = data((4,))
    np.testing.assert_array_equal(model(value).numpy(), model.layers[1](value).numpy())


def test_subclasses_may_give_inputs_and_outputs_to_init():
    class Net(Model):
        def __init__(self, width=3, **kwargs):
            x = dc.Input((4,))
            self.head = layers.Dense(width)
            super().__init__(inputs=x, outputs=self.head(x), **kwargs)
            self.width = width

        def get_config(self):
            return {"width": self.width, "name": self.name}

    for width in (2, 3):
        model = Net(width)
        assert isinstance(model, Net)
        assert isinstance(model, Functional)
        assert model.head in model.layers
        assert len(model.weights) == 2
        assert model(data((4,))[0]).shape == (6, width)
        assert Net.from_config(model.get_config()).output_shape == (None, width)


def test_arguments_of_a_subclass_are_its_config():
    class Net(Model):
        def __init__(self, width=3):
            x = dc.Input((4,))
            super().__init__(x, layers.Dense(width)(x))

    model = Net(width=7)
    assert model.get_config() == {"width": 7}
    assert Net.from_config(model.get_config()).output_shape == (None, 7)


def test_other_models_stay_what_they_are():
    class Net(Model):
        def call(self, x):
            return x

    assert type(Model()) is Model
    assert not isinstance(Net(), Functional)
    with pytest.raises(ValueError, match="pass both `inputs` and `outputs`"):
        Model(dc.Input((3,)))


def test_shared_layers_have_a_node_for_each_call():
    a, b = dc.Input((4,)), dc.Input((4,))
    dense = layers.Dense(4)
    model = Model([a, b], dense(dense(a)) - dense(b))
    assert len(dense._inbound_nodes) == 3
    assert len(model.weights) == 2
    x, y = data((4,), (4,))
    np.testing.assert_array_equal(model([x, y]).numpy(), (dense(dense(x)) - dense(y)).numpy())


def test_structures_of_inputs_and_outputs():
    a, b, c = (dc.Input((2,), name=name) for name in "abc")
    model = Model({"b": b, "a": (a, [c])}, {"sum": a + b, "many": [a * c, (b,)]})
    x, y, z = data((2,), (2,), (2,))
    found = model({"b": y, "a": (x, [z])})
    assert set(found) == {"sum", "many"}
    assert isinstance(found["many"][1], tuple)
    np.testing.assert_array_equal(found["sum"].numpy(), x + y)
    np.testing.assert_array_equal(found["many"][0].numpy(), x * z)
    np.testing.assert_array_equal(found["many"][1][0].numpy(), y)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda x, y: [x, y],
        lambda x, y: (x, y),
        lambda x, y: {"a": x, "b": y},
        lambda x, y: {"b": y, "a": x, "more": x},
    ],
)
def test_inputs_by_position_or_name(arrange):
    model = two_inputs()
    x, y = data((4,), (3,))
    want = model([x, y])
    for found in (model(arrange(x, y)), model.predict(arrange(x, y), verbose=0)):
        assert isinstance(found, list)
        for a, b in zip(found, want, strict=True):
            np.testing.assert_array_equal(np.asarray(a), b.numpy())


def test_keyword_tensors_and_call_arguments():
    class Scaled(layers.Layer):
        def call(self, x, other=None, factor=1.0, training=None):
            return (x + other) * (factor if training else 0.5)

    a, b = dc.Input((2,)), dc.Input((2,))
    model = Model([a, b], Scaled()(a, other=b, factor=3.0))
    x, y = data((2,), (2,))
    np.testing.assert_allclose(model([x, y], training=True).numpy(), (x + y) * 3, rtol=1e-6)
    np.testing.assert_allclose(model([x, y], training=False).numpy(), (x + y) / 2, rtol=1e-6)


def test_training_of_the_call_wins_over_that_of_the_graph():
    x = dc.Input((100,))
    model = Model(x, layers.Dropout(0.5)(x, training=True))
    ones = np.ones((2, 100), "float32")
    assert (model(ones).numpy() == 0).any()
    assert (model(ones, training=False).numpy() == 1).all()
    assert (model.predict(ones, verbose=0) == 1).all()


def test_several_outputs_of_a_layer():
    class Two(layers.Layer):
        def call(self, x):
            return x + 1, {"double": x * 2}

    x = dc.Input((3,))
    more, named = Two()(x)
    model = Model(x, more * named["double"])
    (value,) = data((3,))
    np.testing.assert_allclose(model(value).numpy(), (value + 1) * value * 2, rtol=1e-6)


def test_each_input_has_a_dtype_of_its_own():
    a, b = dc.Input((2,), dtype="int32"), dc.Input((2,), dtype="float64")
    model = Model([a, b], [a, b])
    found = model([np.ones((1, 2)), np.ones((1, 2), "float32")])
    assert [t.dtype for t in found] == ["int32", "float64"]
    predicted = model.predict([np.ones((3, 2)), np.ones((3, 2), "uint8")], verbose=0)
    assert [p.dtype.name for p in predicted] == ["int32", "float64"]


def test_a_last_axis_of_one_may_come_or_go():
    model = Model(x := dc.Input((1,)), x * 2)
    assert model(np.ones(3, "float32")).shape == (3, 1)
    model = Model(x := dc.Input((4,)), x * 2)
    assert model(np.ones((3, 4, 1), "float32")).shape == (3, 4)


def test_optional_inputs_may_be_none():
    class Maybe(layers.Layer):
        def call(self, x, other):
            return x if other is None else x + other

    a, b = dc.Input((2,), name="a"), dc.Input((2,), name="b", optional=True)
    model = Model([a, b], Maybe()(a, b))
    x, y = data((2,), (2,))
    np.testing.assert_array_equal(model([x, None]).numpy(), x)
    np.testing.assert_array_equal(model([x, y]).numpy(), x + y)
    with pytest.raises(ValueError, match="The input 'a' is not optional, but None was passed"):
        model([None, y])


def test_a_thousand_layers():
    x = first = dc.Input((2,))
    for _ in range(1200):
        x = x + 1.0
    model = Model(first, x)
    np.testing.assert_array_equal(model(np.zeros((1, 2), "float32")).numpy(), [[1200, 1200]])
    assert clone_model(model).output_shape == (None, 2)


# ---- models in models


def test_models_are_layers_of_models():
    i = dc.Input((3,))
    inner = Model(i, [layers.Dense(2)(i), i * 2], name="inner")
    stack = Sequential([dc.Input((2,)), layers.Dense(4), layers.Dense(2)], name="stack")
    a = dc.Input((3,))
    left, right = inner(a)
    model = Model(a, [stack(left), right])
    (x,) = data((3,))
    found, double = model(x)
    np.testing.assert_array_equal(found.numpy(), stack(inner(x)[0]).numpy())
    np.testing.assert_array_equal(double.numpy(), 2 * x)
    assert {layer.name for layer in model.layers} >= {"inner", "stack"}
    assert len(model.weights) == 6


def test_functional_models_are_layers_of_sequential_ones():
    x = dc.Input((4,))
    inner = Model(x, layers.add([x, layers.Dense(4)(x)]))
    model = Sequential([inner, layers.Dense(2)])
    assert model.built
    assert model.input_shape == (None, 4)
    (value,) = data((4,))
    np.testing.assert_array_equal(model(value).numpy(), model.layers[1](inner(value)).numpy())


def test_an_unbuilt_sequential_model_is_built_by_a_symbolic_call():
    stack = Sequential([layers.Dense(4), layers.Dense(2)])
    out = stack(dc.Input((3,)))
    assert out.shape == (None, 2)
    assert stack.built
    assert len(stack.weights) == 4


def test_parts_of_a_model_share_its_weights():
    stack = Sequential([dc.Input((4,)), layers.Dense(5), layers.ReLU(), layers.Dense(2)])
    features = Model(stack.inputs, stack.layers[1].output)
    (x,) = data((4,))
    np.testing.assert_array_equal(features(x).numpy(), stack.layers[1](stack.layers[0](x)).numpy())
    assert features.weights[0] is stack.weights[0]
    head = Model(stack.layers[1].output, stack.output)
    np.testing.assert_array_equal(head(features(x)).numpy(), stack(x).numpy())
    assert len(head.weights) == 2
    stack.layers[0].kernel.assign(np.zeros((4, 5)))
    assert (features(x).numpy() == 0).all()


def test_all_features_at_once():
    x = dc.Input((8, 8, 1))
    y = layers.Conv2D(3, 3)(x)
    z = layers.MaxPooling2D()(y)
    model = Model(x, layers.Dense(2)(layers.Flatten()(z)))
    features = Model(model.inputs, [layer.output for layer in model.layers[1:]])
    shapes = [f.shape for f in features(np.ones((2, 8, 8, 1), "float32"))]
    assert shapes == [(2, 6, 6, 3), (2, 3, 3, 3), (2, 27), (2, 2)]


def test_other_sizes_pass_through():
    x = dc.Input((None, 3))
    inner = Model(x, layers.Dense(2)(x))
    assert inner.output_shape == (None, None, 2)
    assert inner(dc.Input((7, 3))).shape == (None, 7, 2)
    assert inner.compute_output_shape((4, 5, 3)) == (4, 5, 2)
    assert inner(np.ones((2, 9, 3), "float32")).shape == (2, 9, 2)


# ---- operations

C = np.array([[1.0, -2.0, 3.0, 0.5]], "float32")
OPERATIONS = {
    "add": lambda x: 1 + x + x,
    "subtract": lambda x: 2.0 - (x - 1),
    "divide": lambda x: 3 / (x / 2 + 10),
    "power": lambda x: x**2 + 2**x,
    "floor": lambda x: x // 2 + x % 2 + 7 // (x + 10) + 7 % (x + 10),
    "compare": lambda x: ops.where((x > 0) & ~(x >= 3) | (x < -1) ^ (x <= -5), x, 0.0),
    "differ": lambda x: ops.cast(x != 1.0, "float32"),
    "negative": lambda x: -abs(x),
    "matmul": lambda x: x @ np.ones((4, 2), "float32"),
    "array_left": lambda x: C + x,
    "item": lambda x: x[:, 1],
    "slices": lambda x: x[..., ::2],
    "new_axis": lambda x: x[:, None, 1:],
    "list_of_indices": lambda x: x[:, [0, 2]],
    "concatenate": lambda x: ops.concatenate([x, x * 2], axis=-1),
    "split": lambda x: ops.split(x, 2, axis=-1)[1],
    "keywords": lambda x: ops.mean(x=x, keepdims=True, axis=1),
    "activation": dc.activations.gelu,
    "linear": lambda x: dc.activations.linear(x) + 0.0,
    "halves": lambda x: ops.reshape(x, (-1, 8)) if x.shape[0] != 1 else ops.reshape(x, (-1, 2)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_on_symbols_compute_what_they_do_on_values(name):
    function = OPERATIONS[name]
    (x,) = data((4,), rows=2)
    symbol = dc.Input((4,))
    out = function(symbol)
    assert isinstance(out, dc.KerasTensor)
    model = Model(symbol, out)
    want = np.asarray(function(ops.convert_to_tensor(x)))
    found = model(x)
    assert found.dtype == out.dtype
    assert len(found.shape) == len(out.shape)
    assert all(s in (None, n) for s, n in zip(out.shape, found.shape, strict=True))
    np.testing.assert_array_equal(found.numpy(), want)
    config = dc.saving.serialize_keras_object(model)
    again = dc.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    np.testing.assert_array_equal(again(x).numpy(), want)
    assert json.dumps(dc.saving.serialize_keras_object(again)) == json.dumps(config)


def test_methods_of_symbols():
    x = dc.Input((4,))
    y = round(x.reshape((-1, 1, 4)).squeeze(1), 1)
    (value,) = data((4,))
    found = Model(x, y)(value)
    np.testing.assert_array_equal(found.numpy(), ops.round(value, 1).numpy())


def test_operations_are_described_as_keras_does():
    x = dc.Input((4,), name="x")
    model = Model(x, ops.clip(ops.reshape(x, (-1, 2)), 0, 1))
    reshape, clip = model.get_config()["layers"][1:]
    assert (reshape["module"], reshape["class_name"]) == ("keras.src.ops.numpy", "Reshape")
    assert reshape["config"] == {"name": reshape["name"], "newshape": (-1, 2)}
    assert reshape["inbound_nodes"][0]["args"][0]["config"]["keras_history"] == ["x", 0, 0]
    assert clip["config"]["x_max"] == 1
    assert clip["registered_name"] == "Clip"
    assert repr(model.operations[1]) == f"<Operation name={reshape['name']}>"


def test_wrong_operations_tell_what_is_wrong():
    x = dc.Input((4,))
    with pytest.raises(ValueError, match="reshape"):
        ops.reshape(dc.Input(batch_shape=(2, 4)), (3,))
    with pytest.raises(ValueError, match="softmax"):
        ops.softmax(x, axis=5)
    with pytest.raises(TypeError):
        ops.mean(x, no_such=1)
    with pytest.raises(ValueError, match="All outputs of 'size' must be tensors"):
        ops.size(x)
    with pytest.raises(TypeError, match="is symbolic"):
        bool(x > 0)
    with pytest.raises(TypeError, match="is symbolic"):
        np.asarray(x)
    with pytest.raises(ValueError, match="symbolic tensors cannot stand"):
        ops.mean(x, axis=x)


def test_ops_know_the_shapes_of_symbols():
    x = dc.Input((4,))
    assert ops.shape(x) == (None, 4)
    assert ops.ndim(x) == 2
    assert ops.dtype(x) == "float32"
    assert not ops.is_tensor(x)


# ---- errors


def test_disconnected_graphs():
    a, b = dc.Input((2,), name="a"), dc.Input((2,), name="b")
    y = layers.Dense(2, name="first")(a)
    with pytest.raises(ValueError, match=r"cannot find parent for tensor .*name=b"):
        Model(a, layers.Add()([y, b]))
    with pytest.raises(ValueError, match="Graph disconnected"):
        Model(b, y)


def test_names_must_differ():
    x = dc.Input((2,))
    y = layers.Dense(2, name="same")(x)
    with pytest.raises(ValueError, match='The name "same" is used 2 times in the model'):
        Model(x, layers.Dense(2, name="same")(y))


def test_inputs_and_outputs_must_be_symbols():
    x = dc.Input((2,))
    y = layers.Dense(2)(x)
    with pytest.raises(ValueError, match="All `inputs` values must be KerasTensors"):
        Model(np.ones((1, 2)), y)
    with pytest.raises(ValueError, match="All `outputs` values must be KerasTensors"):
        Model(x, [y, 3])
    with pytest.raises(ValueError, match="All `inputs` values must come from `Input`"):
        Model(dc.KerasTensor((None, 2)), y)
    with pytest.raises(ValueError, match="`inputs` argument cannot be empty"):
        Model([], y)
    with pytest.warns(UserWarning, match="Received key 'k'"):
        Model({"k": x}, y)


WRONG_CALLS = {
    "too few": (lambda x, y: [x], r"expects 2 input\(s\), but it received 1"),
    "too many": (lambda x, y: [x, y, y], r"expects 2 input\(s\), but it received 3"),
    "one": (lambda x, y: x, r"expects 2 input\(s\), but it received 1"),
    "names": (lambda x, y: {"a": x, "c": y}, "doesn't match the expected structure"),
    "shape": (lambda x, y: [y, x], r"Input 0 .* expected shape=\(None, 4\), found shape=\(6, 3\)"),
    "rank": (lambda x, y: [x, y[None]], "Input 1 .* is incompatible"),
}


@pytest.mark.parametrize("wrong", WRONG_CALLS)
def test_wrong_calls(wrong):
    arrange, message = WRONG_CALLS[wrong]
    given = arrange(*data((4,), (3,)))
    model = two_inputs()
    with pytest.raises(ValueError, match=message):
        model(given)
    specs = dc.tree.map_structure(lambda t: dc.KerasTensor((None, *t.shape[1:])), given)
    if wrong != "shape":
        with pytest.raises(ValueError, match=message):
            model(specs)


def test_layers_without_symbols_have_no_input():
    layer = layers.Dense(2)
    with pytest.raises(ValueError, match="has never been called on a symbolic tensor"):
        _ = layer.output


# ---- training

X, Z = data((4,), (3,), rows=21)
ONE, TWO = data((2,), (1,), rows=21, seed=1)
LOSSES = {"loss": {"one": "mse", "two": "mae"}}


def losses_of(model, y, **compiled):
    model.set_weights([w * 0 + 0.1 for w in model.get_weights()])
    model.compile(dc.optimizers.SGD(0.1), **{**LOSSES, **compiled})
    return model.fit([X, Z], y, epochs=3, batch_size=6, shuffle=False, verbose=0).history


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


# ---- copies and files


def same_outputs(model, other):
    x = data(*(t.shape[1:] for t in model.inputs), seed=5)
    for a, b in zip(model(x), other(x), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_copies_stand_alone():
    model = two_inputs()
    other = copy.deepcopy(model)
    same_outputs(model, other)
    assert other.get_config() == model.get_config()
    features = Model(other.inputs, other.get_layer("x").output)
    assert features.weights[0] is other.get_layer("x").kernel
    assert features.weights[0] is not model.get_layer("x").kernel


def test_clones_have_weights_of_their_own():
    model = two_inputs()
    model.compile("sgd", **LOSSES)
    other = clone_model(model)
    assert other.compiled
    assert other.get_config() == model.get_config()
    assert not {id(v) for v in other.weights} & {id(v) for v in model.weights}
    other.set_weights(model.get_weights())
    same_outputs(model, other)
    wide = clone_model(model, clone_function=lambda layer: layer)
    assert wide.weights[0] is model.weights[0]


def test_clones_may_change_layers_and_calls():
    inner = Sequential([dc.Input((4,)), layers.Dense(4)], name="inner")
    x = dc.Input((4,))
    model = Model(x, layers.Dense(2)(inner(x)))
    seen = []

    def call(layer, *args, **kwargs):
        seen.append(layer.name)
        return layer(*args, **kwargs) * 2.0

    assert clone_model(model, call_function=call).output_shape == (None, 2)
    assert seen == [layer.name for layer in model.layers[1:]]
    names = []
    clone_model(model, clone_function=lambda layer: names.append(layer.name) or layer)
    assert "inner" in names
    names.clear()
    clone_model(
        model,
        clone_function=lambda layer: names.append(layer.name) or layer,
        recursive=True,
    )
    assert "inner" not in names
    assert len(names) == 2
    with pytest.raises(ValueError, match="`call_function` argument is not supported"):
        clone_model(inner, call_function=call)
    with pytest.raises(ValueError, match="must have the same structure as model\\.input"):
        clone_model(model, input_tensors=[x])
    assert clone_model(model, input_tensors=dc.Input((4,), name="new")).input_names == ["new"]
    assert clone_model(inner, input_tensors=dc.Input((4,))).built


def test_files_come_back_and_train_on_alike(tmp_path):
    model = two_inputs()
    losses_of(model, [ONE, TWO])
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert type(again) is Functional
    assert again.get_config() == model.get_config()
    same_outputs(model, again)
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    told = [m.fit([X, Z], [ONE, TWO], **options).history for m in (model, again)]
    assert told[0] == told[1]
    other = two_inputs()
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    same_outputs(model, other)


def test_files_that_keras_made():
    done = subprocess.run(
        [sys.executable, "-m", "deepcore", PEER, "check", KERAS_FILES],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("5 models, 6 fits, 0 differences")


@pytest.mark.slow
def test_keras_and_deepcore_read_each_other(tmp_path):
    keras_python = os.environ.get("DEEPCORE_KERAS_PYTHON")
    if not keras_python:
        pytest.skip("DEEPCORE_KERAS_PYTHON names no interpreter with Keras")
    environment = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", **os.environ}
    environment.pop("PYTHONPATH", None)
    ours = ([sys.executable, "-m", "deepcore"], dict(os.environ))
    theirs = ([keras_python], environment)
    for (make, made_in), (check, checked_in) in ((ours, theirs), (theirs, ours)):
        folder = tmp_path / str(len(make))
        for command, what, where in ((make, "make", made_in), (check, "check", checked_in)):
            done = subprocess.run(
                [*command, PEER, what, folder],
                capture_output=True,
                text=True,
                env=where,
                timeout=900,
            )
            assert done.returncode == 0, done.stdout + done.stderr


BAD_CONFIGS = {
    "unknown layer": (lambda c: _history(c).__setitem__(0, "no"), "Unknown layer: no"),
    "a loop": (lambda c: _history(c).__setitem__(1, 5), "either has loops or disconnected"),
    "no such output": (lambda c: c["output_layers"][0].__setitem__(1, 3), "There is no tensor"),
    "not a layer": (
        lambda c: c["layers"][2].update(module="keras", class_name="DTypePolicy"),
        "expected a layer or operation|DTypePolicy",
    ),
    "Keras 2": (lambda c: c["layers"][2].update(inbound_nodes=[[["a", 0, 0, {}]]]), "Keras 2"),
    "a call on nothing": (
        lambda c: c["layers"][2]["inbound_nodes"][0].update(args=[1]),
        "is called on no tensor",
    ),
}


def _history(config):
    return config["layers"][2]["inbound_nodes"][0]["args"][0]["config"]["keras_history"]


@pytest.mark.parametrize("wrong", BAD_CONFIGS)
def test_bad_configs(wrong):
    change, message = BAD_CONFIGS[wrong]
    config = json.loads(json.dumps(two_inputs().get_config()))
    change(config)
    with pytest.raises((ValueError, TypeError), match=message):
        Model.from_config(config)


def test_operations_of_files_are_ops_alone():
    config = json.loads(json.dumps(Model(x := dc.Input((2,)), x + 1.0).get_config()))
    for name in ("ConvertToNumpy", "FunctionType", "Cond"):
        config["layers"][1]["class_name"] = name
        with pytest.raises(ValueError, match="which is not known here"):
            Model.from_config(config)
    config["layers"][1]["class_name"] = "Add"
    config["layers"][1]["config"]["axis"] = 1
    with pytest.raises(ValueError, match="Add: unknown arguments"):
        Model.from_config(config)


# ---- the table


def test_summary_tells_what_is_connected_to_what():
    a, b = dc.Input((4,), name="a"), dc.Input((4,), name="b")
    dense = layers.Dense(4, name="shared")
    model = Model([a, b], layers.Add(name="both")([dense(a), dense(b)]), name="m")
    lines: list[str] = []
    model.summary(line_length=108, print_fn=lines.append)
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in lines[0].splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["a (InputLayer)", "(None, 4)", "0", "-"],
        ["b (InputLayer)", "(None, 4)", "0", "-"],
        ["shared (Dense)", "(None, 4)", "20", "a[0][0], b[0][0]"],
        ["both (Add)", "(None, 4)", "0", "shared[0][0], shared[1][0]"],
    ]
    assert "Connected to" in lines[0]


def test_summary_of_a_chain_has_no_connections():
    x = dc.Input((4,))
    model = Model(x, ops.relu(layers.Dense(3)(x)))
    lines: list[str] = []
    model.summary(print_fn=lines.append, show_trainable=True, line_length=80)
    assert "Connected to" not in lines[0]
    assert "(Relu)" in lines[0]
    assert "┃ Trainable ┃" in lines[0]


def test_summary_breaks_lines_at_spaces():
    model = Sequential([dc.Input((4,)), layers.Dense(3, name="a_rather_long_name")])
    lines: list[str] = []
    model.summary(print_fn=lines.append, line_length=72, show_trainable=True)
    rows = [line.split("│")[1].strip() for line in lines[0].splitlines() if line.startswith("│")]
    assert rows == ["a_rather_long_name", "(Dense)"]


# ---- lifetime


def test_a_model_goes_when_its_last_reference_goes():
    gc.collect()
    gc.disable()
    try:
        model = two_inputs()
        model.compile("adam", **LOSSES)
        model.fit([X, Z], [ONE, TWO], verbose=0)
        model.predict([X, Z], verbose=0)
        model.summary(print_fn=lambda text: None)
        model.get_config()
        parts = [weakref.ref(part) for part in (model, *model.layers, *model.weights)]
        del model
        assert [part() for part in parts if part() is not None] == []
    finally:
        gc.enable()
