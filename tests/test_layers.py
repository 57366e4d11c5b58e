"""Layers: values against NumPy, shapes, configuration, errors."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers

RNG = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


# Layer, input shape, oracle (x, weights) -> y
def conv_oracle(x, kernel, stride=(1, 1), same=False):
    kh, kw, _, filters = kernel.shape
    if same:
        pads = []
        for size, k, s in zip(x.shape[1:3], (kh, kw), stride, strict=True):
            total = max(0, (-(-size // s) - 1) * s + k - size)
            pads.append((total // 2, total - total // 2))
        x = np.pad(x, [(0, 0), *pads, (0, 0)])
    rows = (x.shape[1] - kh) // stride[0] + 1
    cols = (x.shape[2] - kw) // stride[1] + 1
    y = np.zeros((len(x), rows, cols, filters), "float64")
    for i in range(rows):
        for j in range(cols):
            patch = x[:, i * stride[0] : i * stride[0] + kh, j * stride[1] : j * stride[1] + kw]
            y[:, i, j] = np.tensordot(patch, kernel, 3)
    return y


def pool_oracle(x, size, stride, reduce):
    rows = (x.shape[1] - size[0]) // stride[0] + 1
    cols = (x.shape[2] - size[1]) // stride[1] + 1
    out = np.empty((len(x), rows, cols, x.shape[3]))
    for i in range(rows):
        for j in range(cols):
            a, b = i * stride[0], j * stride[1]
            out[:, i, j] = reduce(x[:, a : a + size[0], b : b + size[1]], axis=(1, 2))
    return out


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


CASES = {
    "dense": (lambda: layers.Dense(4), (3, 5), lambda x, w, b: x @ w + b),
    "dense_rank3": (
        lambda: layers.Dense(4, activation="relu", use_bias=False),
        (2, 3, 5),
        lambda x, w: np.maximum(x @ w, 0),
    ),
    "conv_valid": (
        lambda: layers.Conv2D(6, (3, 2)),
        (2, 7, 6, 3),
        lambda x, w, b: conv_oracle(x, w) + b,
    ),
    "conv_same_strided": (
        lambda: layers.Conv2D(5, 3, strides=2, padding="same"),
        (2, 7, 6, 3),
        lambda x, w, b: conv_oracle(x, w, (2, 2), same=True) + b,
    ),
    "conv_channels_first": (
        lambda: layers.Conv2D(5, 3, data_format="channels_first"),
        (2, 3, 7, 6),
        lambda x, w, b: (conv_oracle(x.transpose(0, 2, 3, 1), w) + b).transpose(0, 3, 1, 2),
    ),
    "conv_groups": (
        lambda: layers.Conv2D(4, 3, groups=2, use_bias=False),
        (2, 5, 5, 6),
        lambda x, w: np.concatenate(
            [conv_oracle(x[..., :3], w[..., :2]), conv_oracle(x[..., 3:], w[..., 2:])], -1
        ),
    ),
    "max_pool": (
        lambda: layers.MaxPooling2D(),
        (2, 7, 6, 3),
        lambda x: pool_oracle(x, (2, 2), (2, 2), np.max),
    ),
    "average_pool": (
        lambda: layers.AveragePooling2D((3, 2), strides=1),
        (2, 7, 6, 3),
        lambda x: pool_oracle(x, (3, 2), (1, 1), np.mean),
    ),
    "global_max": (lambda: layers.GlobalMaxPooling2D(), (2, 4, 5, 3), lambda x: x.max((1, 2))),
    "global_average_kept": (
        lambda: layers.GlobalAveragePooling2D(keepdims=True),
        (2, 4, 5, 3),
        lambda x: x.mean((1, 2), keepdims=True),
    ),
    "global_average_first": (
        lambda: layers.GlobalAveragePooling2D("channels_first"),
        (2, 3, 4, 5),
        lambda x: x.mean((2, 3)),
    ),
    "flatten": (lambda: layers.Flatten(), (2, 3, 4), lambda x: x.reshape(2, 12)),
    "flatten_vector": (lambda: layers.Flatten(), (3,), lambda x: x[:, None]),
    "flatten_first": (
        lambda: layers.Flatten("channels_first"),
        (2, 3, 4, 5),
        lambda x: x.transpose(0, 2, 3, 1).reshape(2, 60),
    ),
    "reshape": (lambda: layers.Reshape((-1, 2)), (3, 4, 3), lambda x: x.reshape(3, 6, 2)),
    "dropout_off": (lambda: layers.Dropout(0.5), (3, 4), lambda x: x),
    "activation": (lambda: layers.Activation("tanh"), (3, 4), np.tanh),
    "relu": (
        lambda: layers.ReLU(max_value=1, negative_slope=0.1, threshold=0.2),
        (5, 7),
        lambda x: np.where(x >= 1, 1, np.where(x >= 0.2, x, 0.1 * (x - 0.2))),
    ),
    "softmax": (lambda: layers.Softmax(), (3, 4), softmax),
    "rescaling": (lambda: layers.Rescaling(0.5, 1.0), (3, 4), lambda x: x * 0.5 + 1),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_shape(name):
    make, shape, oracle = CASES[name]
    layer = make()
    x = values(*shape)
    y = layer(x)
    for weight in layer.weights:  # biases start at zero, which would hide them
        weight.assign(values(*weight.shape))
    y = layer(x).numpy()
    want = oracle(x, *layer.get_weights())
    np.testing.assert_allclose(y, want, rtol=2e-5, atol=2e-5)
    assert layer.compute_output_shape(shape) == y.shape
    symbolic = layer(dc.KerasTensor((None, *shape[1:]), "float32"))
    assert symbolic.shape == (None, *y.shape[1:])


@pytest.mark.parametrize("name", CASES)
def test_config_makes_the_same_layer(name):
    make, shape, _ = CASES[name]
    layer = make()
    x = values(*shape)
    y = layer(x)
    config = layer.get_config()
    twin = type(layer).from_config(config)
    assert twin.get_config() == config
    twin(x)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(twin(x).numpy(), y.numpy())
    described = layers.serialize(layer)
    assert described["module"] == "keras.layers"
    again = layers.deserialize(described)
    assert again.name == layer.name
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


def test_float64_and_integer_inputs():
    layer = layers.Dense(3, dtype="float64")
    assert layer(values(2, 4)).dtype == "float64"
    assert layer.kernel.dtype == "float64"
    images = np.arange(8, dtype="uint8").reshape(2, 4)
    np.testing.assert_allclose(layers.Rescaling(1 / 255)(images).numpy(), images / 255, rtol=1e-6)
    assert layers.Dense(3)(np.ones((2, 4))).dtype == "float32"


def test_dropout_masks_and_scales():
    layer = layers.Dropout(0.25, seed=1)
    x = np.ones((200, 50), "float32")
    y = layer(x, training=True).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    assert (layer(x, training=True).numpy() != y).any()
    rows = layers.Dropout(0.5, noise_shape=(None, 1), seed=1)(x, training=True).numpy()
    assert (rows == rows[:, :1]).all()


ERRORS = {
    "units": (lambda: layers.Dense(-1), "Dense: units must be a positive integer"),
    "units_float": (lambda: layers.Dense(1.5), "positive integer"),
    "filters": (lambda: layers.Conv2D(-3, 3), "Conv2D: filters must be a positive integer"),
    "kernel": (lambda: layers.Conv2D(3, 0), "kernel_size"),
    "groups": (lambda: layers.Conv2D(3, 3, groups=2), "divisible by groups"),
    "padding": (lambda: layers.Conv2D(3, 3, padding="full"), "padding must be one of"),
    "both": (lambda: layers.Conv2D(3, 3, strides=2, dilation_rate=2), "cannot both be above 1"),
    "activation": (lambda: layers.Dense(3, activation="rellu"), "Did you mean 'relu'"),
    "rate": (lambda: layers.Dropout(1.5), "rate must be in"),
    "argument": (lambda: layers.Dense(3, colour=1), "Unrecognized keyword arguments"),
    "large": (
        lambda: layers.Conv2D(3, 5)(np.ones((1, 4, 4, 1), "float32")),
        "larger than the input",
    ),
    "large_pool": (
        lambda: layers.MaxPooling2D(5)(np.ones((1, 4, 4, 1), "float32")),
        "larger than the input",
    ),
    "rank": (
        lambda: layers.Dense(3, name="d")(np.ones(4, "float32")),
        'Input 0 of layer "d" is incompatible with the layer: expected min_ndim=2, found ndim=1',
    ),
    "reshape": (
        lambda: layers.Reshape((5,))(np.ones((2, 4), "float32")),
        "cannot take the shape",
    ),
    "list": (lambda: layers.Dense(3)([[1.0, 2.0]]), "np.array"),
    "name": (lambda: layers.Dense(3, name="a/b"), "name must be a string"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


def test_constraints():
    w = values(3, 4)
    got = dc.constraints.MaxNorm(0.5)(w).numpy()
    assert np.linalg.norm(got, axis=0).max() <= 0.5001
    np.testing.assert_allclose(
        np.linalg.norm(dc.constraints.get("unit_norm")(w).numpy(), axis=0), 1, rtol=1e-5
    )
    assert dc.constraints.get("non_neg")(w).numpy().min() >= 0
    norms = np.linalg.norm(dc.constraints.MinMaxNorm(0.2, 0.4)(w).numpy(), axis=0)
    assert norms.min() >= 0.199
    assert norms.max() <= 0.401
