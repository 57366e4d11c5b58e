"""Functional models: calls, structures, models in models, errors, lifetime."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers
from deepcore.models import Functional, Model, Sequential, clone_model
from functional_models import LOSSES, ONE, TWO, X, Z, data, two_inputs

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


@pytest.mark.parametrize("wrapped", [lambda y: [y], lambda y: (y,)], ids=["list", "tuple"])
def test_a_list_of_one_output_gives_that_output(wrapped):
    x = dc.Input((4,))
    model = Model([x], wrapped(layers.Dense(2)(x)))
    values = data((4,))
    want = model.get_layer(index=1)(values[0]).numpy()
    again = Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    for found in (model(values), model.predict(values, verbose=0), model.freeze()(values[0])):
        np.testing.assert_array_equal(np.asarray(found), want)
        assert found.shape == (6, 2)
    assert again(values).shape == (6, 2)
    # Symbols keep the structure, and so models around it are made and run alike.
    outputs = model(x)
    assert type(outputs) is type(wrapped(0))
    np.testing.assert_array_equal(Model(x, outputs[0])(values[0]).numpy(), want)
    model.compile("sgd", "mse")
    assert model.evaluate(values[0], want, verbose=0) == 0
    x, y = dc.Input((4,)), dc.Input((4,))
    assert len(Model([x, y], wrapped([x, y]))([values[0], values[0]])) == 2


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
