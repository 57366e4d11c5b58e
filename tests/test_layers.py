"""Layers: values against NumPy, shapes, state, configuration, errors."""

from __future__ import annotations

import gc
import weakref

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


def test_names_count_up():
    dc.utils.clear_session()
    assert layers.Dense(1).name == "dense"
    assert layers.Dense(1).name == "dense_1"
    assert layers.MaxPooling2D().name == "max_pooling2d"
    assert layers.ReLU().name == "re_lu"
    assert layers.Conv2D(1, 1).name == "conv2d"


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


def test_tracking_and_trainable():
    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.stack = [layers.Dense(2)]
            self.stack.append(layers.Dense(3))
            self.table = {"a": layers.Dense(4)}
            self.count = self.add_weight(shape=(), trainable=False, name="count")

        def call(self, x):
            for layer in self.stack:
                x = layer(x)
            return self.table["a"](x)

    block = Block()
    assert block(values(2, 5)).shape == (2, 4)
    assert [tuple(w.shape) for w in block.weights] == [
        *[(), (5, 2), (2,), (2, 3), (3,), (3, 4), (4,)]
    ]
    assert len(block.trainable_weights) == 6
    assert block.count_params() == 1 + 12 + 9 + 16
    block.stack[0].trainable = False
    assert len(block.trainable_weights) == 4
    block.trainable = False
    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 7
    block.trainable = True
    block.stack.pop()
    assert len(block.weights) == 5


def test_variable_paths():
    dc.utils.clear_session()

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2)

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    outer(values(1, 3))
    assert [w.path for w in outer.weights] == ["outer/dense/kernel", "outer/dense/bias"]
    assert outer.inner.path == "outer/dense"


def test_training_reaches_sublayers():
    seen = []

    class Probe(layers.Layer):
        def call(self, x, training=False):
            seen.append(training)
            return x

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.probe = Probe()

        def call(self, x):
            return self.probe(x)

    x = values(1, 2)
    Outer()(x)
    Outer()(x, training=True)
    Probe()(x, training=True)
    assert seen == [False, True, True]


def test_losses():
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(dc.ops.sum(x))
            return x

    layer = layers.Dense(
        3, kernel_regularizer="l2", activity_regularizer="l2", kernel_initializer="ones"
    )
    x = np.ones((4, 2), "float32")
    layer(x)
    got = [float(loss) for loss in layer.losses]
    np.testing.assert_allclose(got, [0.01 * 4 * 12 / 4, 0.01 * 6], rtol=1e-6)
    penalty = Penalty()
    penalty(x)
    penalty(x)  # the second call starts anew
    assert [float(loss) for loss in penalty.losses] == [8.0]


def test_custom_layer_without_shapes():
    class Pairs(layers.Layer):
        def call(self, x):
            return dc.ops.concatenate([x, x], axis=-1)

    assert Pairs()(dc.Input((3,))).shape == (None, 6)
    assert Pairs().compute_output_shape((None, 3)) == (None, 6)


def test_custom_layer_config():
    class Times(layers.Layer):
        def __init__(self, factor, shift=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor, self.shift = factor, shift

        def call(self, x):
            return x * self.factor + self.shift

    config = Times(3, name="t").get_config()
    assert config["factor"] == 3
    assert config["name"] == "t"
    with pytest.raises(NotImplementedError, match="get_config"):
        Times(object()).get_config()


def test_weights_are_made_inside_a_trace():
    layer = layers.Dense(3)
    compiled = dc.function(lambda x: layer(x))
    x = values(2, 4)
    y = compiled(x).numpy()
    np.testing.assert_allclose(y, x @ layer.kernel.numpy(), rtol=1e-5, atol=1e-6)


def test_layer_is_freed_without_gc():
    gc.disable()
    try:
        layer = layers.Dense(3)
        layer(values(2, 4))
        freed = weakref.ref(layer)
        del layer
        assert freed() is None
    finally:
        gc.enable()


def test_set_weights_checks_before_it_assigns():
    layer = layers.Dense(3)
    layer.build((None, 2))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="expecting 2 weights"):
        layer.set_weights(before[:1])
    with pytest.raises(ValueError, match="not compatible"):
        layer.set_weights([before[0] + 1, np.zeros(4)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


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


def test_feature_count_error_leaves_the_layer_usable():
    layer = layers.Dense(3, name="wide")
    layer(values(2, 784))
    with pytest.raises(ValueError) as caught:
        layer(values(32, 783))
    assert str(caught.value) == (
        'Input 0 of layer "wide" is incompatible with the layer: expected axis -1 of input shape '
        "to have value 784, but received input with shape (32, 783)"
    )
    assert layer(values(1, 784)).shape == (1, 3)


def test_forgotten_init():
    class Bad(layers.Layer):
        def __init__(self):
            self.dense = layers.Dense(2)

    with pytest.raises(RuntimeError, match="super"):
        Bad()(values(1, 2))


def test_no_new_weights_after_build():
    layer = layers.Dense(3)
    layer.build((None, 2))
    with pytest.raises(ValueError, match="already built"):
        layer.add_weight(shape=(), name="late")


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
