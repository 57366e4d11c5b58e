"""Activations by name, against Keras's numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepcore import activations
from deepcore.serialization import custom_object_scope, register_keras_serializable

X = np.array([-7, -3.5, -1, -0.3, 0, 0.4, 1, 2.9, 6.5], "f4")
# By Keras 3.15 on JAX.
KERAS = {
    "celu": [-0.999088, -0.969803, -0.632121, -0.259182, 0.0, 0.4, 1.0, 2.9, 6.5],
    "elu": [-0.999088, -0.969803, -0.632121, -0.259182, 0.0, 0.4, 1.0, 2.9, 6.5],
    "exponential": [
        0.000911882,
        0.0301974,
        0.367879,
        0.740818,
        1.0,
        1.49182,
        2.71828,
        18.1741,
        665.142,
    ],
    "gelu": [
        -8.95869e-12,
        -0.000814202,
        -0.158655,
        -0.114627,
        0.0,
        0.262169,
        0.841345,
        2.89459,
        6.5,
    ],
    "hard_shrink": [-7.0, -3.5, -1.0, 0.0, 0.0, 0.0, 1.0, 2.9, 6.5],
    "hard_sigmoid": [0.0, 0.0, 0.333333, 0.45, 0.5, 0.566667, 0.666667, 0.983333, 1.0],
    "hard_silu": [-0.0, -0.0, -0.333333, -0.135, 0.0, 0.226667, 0.666667, 2.85167, 6.5],
    "hard_tanh": [-1.0, -1.0, -1.0, -0.3, 0.0, 0.4, 1.0, 1.0, 1.0],
    "leaky_relu": [-1.4, -0.7, -0.2, -0.06, 0.0, 0.4, 1.0, 2.9, 6.5],
    "linear": [-7.0, -3.5, -1.0, -0.3, 0.0, 0.4, 1.0, 2.9, 6.5],
    "log_sigmoid": [
        -7.00091,
        -3.52975,
        -1.31326,
        -0.854355,
        -0.693147,
        -0.513015,
        -0.313262,
        -0.0535628,
        -0.00150231,
    ],
    "log_softmax": [
        -13.5362,
        -10.0362,
        -7.53621,
        -6.83621,
        -6.53621,
        -6.13621,
        -5.53621,
        -3.63621,
        -0.036207,
    ],
    "mish": [
        -0.00638026,
        -0.104096,
        -0.303401,
        -0.151133,
        0.0,
        0.289031,
        0.865098,
        2.88427,
        6.49997,
    ],
    "relu": [0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 1.0, 2.9, 6.5],
    "relu6": [0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 1.0, 2.9, 6.0],
    "selu": [-1.7565, -1.70501, -1.11133, -0.455667, 0.0, 0.42028, 1.0507, 3.04703, 6.82956],
    "sigmoid": [
        0.000911051,
        0.0293122,
        0.268941,
        0.425557,
        0.5,
        0.598688,
        0.731059,
        0.947846,
        0.998499,
    ],
    "silu": [
        -0.00637736,
        -0.102593,
        -0.268941,
        -0.127667,
        0.0,
        0.239475,
        0.731059,
        2.74875,
        6.49024,
    ],
    "soft_shrink": [-6.5, -3.0, -0.5, 0.0, 0.0, 0.0, 0.5, 2.4, 6.0],
    "softmax": [
        1.32221e-06,
        4.37855e-05,
        0.000533417,
        0.00107417,
        0.00144998,
        0.00216311,
        0.00394145,
        0.0263521,
        0.964441,
    ],
    "softplus": [
        0.000911466,
        0.0297504,
        0.313262,
        0.554355,
        0.693147,
        0.913015,
        1.31326,
        2.95356,
        6.5015,
    ],
    "softsign": [-0.875, -0.777778, -0.5, -0.230769, 0.0, 0.285714, 0.5, 0.74359, 0.866667],
    "sparse_plus": [0.0, 0.0, 0.0, 0.1225, 0.25, 0.49, 1.0, 2.9, 6.5],
    "sparse_sigmoid": [0.0, 0.0, 0.0, 0.35, 0.5, 0.7, 1.0, 1.0, 1.0],
    "sparsemax": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    "squareplus": [0.140055, 0.265564, 0.618034, 0.861187, 1.0, 1.2198, 1.61803, 3.21139, 6.65037],
    "tanh": [
        -0.999998,
        -0.998178,
        -0.761594,
        -0.291313,
        0.0,
        0.379949,
        0.761594,
        0.993963,
        0.999995,
    ],
    "tanh_shrink": [-6.0, -2.50182, -0.238406, -0.00868741, 0.0, 0.020051, 0.238406, 1.90604, 5.5],
}
KERAS_RELU = [
    ({"negative_slope": 0.1}, [-0.7, -0.35, -0.1, -0.03, 0.0, 0.4, 1.0, 2.9, 6.5]),
    ({"max_value": 2.0}, [0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 1.0, 2.0, 2.0]),
    ({"max_value": 6.0}, [0.0, 0.0, 0.0, 0.0, 0.0, 0.4, 1.0, 2.9, 6.0]),
    ({"threshold": 1.0}, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.9, 6.5]),
    (
        {"negative_slope": 0.2, "max_value": 3.0, "threshold": 0.5},
        [-1.5, -0.8, -0.3, -0.16, -0.1, -0.02, 1.0, 2.9, 3.0],
    ),
]


@pytest.mark.parametrize("name", KERAS)
def test_values_are_those_of_keras(name):
    y = activations.get(name)(X[None]).numpy()[0]
    np.testing.assert_allclose(y, KERAS[name], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("arguments", "expected"), KERAS_RELU, ids=str)
def test_relu_arguments(arguments, expected):
    np.testing.assert_allclose(activations.relu(X, **arguments).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("limit", [None, 5.0, 6.0])
def test_relu_of_infinities_is_finite_below(limit):
    y = activations.relu(np.float32([-np.inf, np.inf]), max_value=limit).numpy()
    np.testing.assert_array_equal(y, [0, limit or np.inf])


def test_get_and_serialize():
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get(np.tanh) is np.tanh
    assert activations.serialize(activations.relu) == "relu"
    assert activations.serialize(activations.silu) == "silu"
    for name in KERAS:
        assert activations.get(activations.serialize(activations.get(name))) is activations.get(
            name
        )
    config = {
        "module": "builtins",
        "class_name": "function",
        "config": "relu",
        "registered_name": "function",
    }
    assert activations.get(config) is activations.relu
    with pytest.raises(ValueError, match=r"Unknown activation: 'rellu'. Did you mean 'relu'"):
        activations.get("rellu")


def test_custom_activations():
    @register_keras_serializable("tests")
    def cube(x):
        return x * x * x

    config = json.loads(json.dumps(activations.serialize(cube)))
    assert config["config"] == "tests>cube"
    assert activations.deserialize(config) is cube

    def fourth(x):
        return x**4

    with custom_object_scope({"fourth": fourth}):
        assert activations.get("fourth") is fourth
    with pytest.raises(ValueError, match="Unknown activation"):
        activations.get("fourth")
    with pytest.raises(ValueError, match="lambda"):
        activations.serialize(lambda x: x)
