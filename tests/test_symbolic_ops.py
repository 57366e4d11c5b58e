"""Functions of ops on symbolic tensors: operations of a model, described as Keras does."""

from __future__ import annotations

import json

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops
from deepcore.models import Model
from functional_models import data

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


def test_errors_show_unknown_sizes_as_none():
    x = dc.Input((3,))
    with pytest.raises(ValueError, match=r"shapes \[None, 3\] and \[None, 4\]"):
        _ = x + dc.Input((4,))
    with pytest.raises(ValueError, match=r"\[None, 3\] has 3 \* None elements, .* has 16"):
        ops.reshape(x, (4, 4))

    class Fails(layers.Layer):
        def call(self, x):
            raise ValueError("there are 83 reasons")

    with pytest.raises(ValueError, match="there are 83 reasons"):
        Fails()(x)


@pytest.mark.parametrize(
    "left", [ops.ones((3,)), dc.Variable(np.ones(3)), np.ones((1, 3), "float32"), 1.0]
)
def test_values_on_the_left_of_symbols(left):
    x = dc.Input((3,))
    values = np.float32([[1, 2, 3]])
    for made, want in ((left + x, 1 + values), (left - x, 1 - values), (left <= x, values >= 1)):
        np.testing.assert_array_equal(Model(x, made)(values).numpy(), want)


def test_ops_know_the_shapes_of_symbols():
    x = dc.Input((4,))
    assert ops.shape(x) == (None, 4)
    assert ops.ndim(x) == 2
    assert ops.dtype(x) == "float32"
    assert not ops.is_tensor(x)
