"""Layers give Keras's outputs, gradients, statistics and configs; layer_peer.py has the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deepcore as dc
import peers
from deepcore import layers, ops
from deepcore.ops.nn import batch_normalization_training
from deepcore.transforms import GradientTape

PEER = "layer_peer.py"
FILE = Path(__file__).parent / "data" / "keras_layers.npz"
RNG = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def test_numbers_that_keras_made():
    assert ", 0 differences" in peers.on_deepcore(PEER, "check", FILE)


@pytest.mark.slow
def test_keras_and_deepcore_compute_the_same(tmp_path):
    """Keras's numbers of today; and Keras finds ours in its own."""
    peers.each_checks_the_other(PEER, tmp_path, suffix=".npz")


# ---- batch normalization in models


def normed(**options):
    layer = layers.BatchNormalization(**options)
    model = dc.Sequential([dc.Input((3,)), layers.Dense(4, name="d"), layer, layers.Dense(2)])
    model.compile(dc.optimizers.SGD(0.1), "mse")
    return model, layer


@pytest.mark.parametrize("eagerly", [False, True])
def test_fit_moves_the_statistics_a_step_a_batch(eagerly):
    dc.utils.set_random_seed(1)
    model, layer = normed(momentum=0.7)
    model.compile(dc.optimizers.SGD(0.0), "mse", run_eagerly=eagerly)
    x, y = values(24, 3), values(24, 2)
    h = model.layers[0](x).numpy().astype("float64")
    mean, variance = np.zeros(4), np.ones(4)
    for batch in (h[:8], h[8:16], h[16:], h[:8], h[8:16], h[16:]):
        mean = 0.7 * mean + 0.3 * batch.mean(0)
        variance = 0.7 * variance + 0.3 * batch.var(0)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-5)
    held = layer.get_weights()
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    model(x)
    for before, after in zip(held, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_frozen_layer_infers_while_the_model_trains():
    model, layer = normed()
    x, y = values(24, 3), values(24, 2)
    model.fit(x, y, verbose=0)
    layer.trainable = False
    model.compile(dc.optimizers.SGD(0.1), "mse")
    held = layer.get_weights()
    kernel = model.layers[0].kernel.numpy()
    model.fit(x, y, verbose=0)
    for before, after in zip(held, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert (model.layers[0].kernel.numpy() != kernel).any()
    h = values(5, 4)
    np.testing.assert_array_equal(layer(h, training=True).numpy(), layer(h).numpy())
    layer.trainable = True
    assert (layer(h, training=True).numpy() != layer(h).numpy()).any()


def test_weights_of_a_normalization_are_in_keras_order():
    layer = layers.BatchNormalization()
    layer.build((None, 3))
    assert [w.name for w in layer.weights] == ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in layer.trainable_weights] == ["gamma", "beta"]
    assert layer.count_params() == 12


def test_statistics_of_numbers_far_from_zero():
    x = (RNG.normal(size=(4000, 3)) * 0.1 + 1000).astype("float32")
    y = layers.BatchNormalization(epsilon=1e-6)(x, training=True).numpy()
    exact = x.astype("float64")
    np.testing.assert_allclose(y, (exact - exact.mean(0)) / exact.std(0), atol=3e-3)


def test_float64_is_normalized_in_float64():
    x = RNG.normal(size=(8, 5)) + 30
    y = layers.BatchNormalization(dtype="float64")(x, training=True).numpy()
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), atol=1e-12)


def test_a_mask_hides_what_it_covers():
    x, mask = values(4, 6, 3), np.ones((4, 6), bool)
    mask[1:, 4:] = False
    x[~mask] = np.nan
    layer = layers.BatchNormalization(momentum=0.0)
    layer(x, training=True, mask=mask)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x[mask].mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), x[mask].var(0), rtol=1e-5)


@pytest.mark.parametrize("shape", [(7, 3), (2, 5, 3), (2, 3, 4, 8)])
@pytest.mark.parametrize("gamma", [False, True])
def test_the_training_helper_is_its_definition(shape, gamma):
    """Values and gradients, through y and through both statistics."""
    x, scale, shift = values(*shape), values(shape[-1]), values(shape[-1])
    weigh = [values(*shape), values(shape[-1]), values(shape[-1])]
    inputs = [dc.ops.convert_to_tensor(v) for v in (x, scale, shift)]

    def defined(x, g, b):
        axes = tuple(range(len(shape) - 1))
        mean = ops.mean(x, axes)
        variance = ops.mean(ops.square(x - mean), axes)
        return (x - mean) / ops.sqrt(variance + 1e-3) * g + b, mean, variance

    def helped(x, g, b):
        return batch_normalization_training(x, g if gamma else None, b if gamma else None, 1e-3)

    found = []
    for function in (helped, defined):
        with GradientTape() as tape:
            tape.watch(inputs)
            x, g, b = inputs
            out = function(x, g if gamma else ops.ones_like(g), b if gamma else ops.zeros_like(b))
            loss = sum(ops.sum(o * w) for o, w in zip(out, weigh, strict=True))
        found.append([*out, *tape.gradient(loss, inputs if gamma else inputs[:1])])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=2e-4, atol=2e-4)


# ---- noise


def test_noise_comes_while_training_alone():
    x = np.ones((50, 40, 30), "float32")
    for layer, mean, deviation in (
        (layers.GaussianNoise(0.5, seed=1), 1, 0.5),
        (layers.GaussianDropout(0.2, seed=1), 1, 0.5),
    ):
        np.testing.assert_array_equal(layer(x).numpy(), x)
        y = layer(x, training=True).numpy()
        assert abs(y.mean() - mean) < 0.01
        assert abs(y.std() - deviation) < 0.01
        assert (layer(x, training=True).numpy() != y).any()
        again = type(layer)(layer.get_config().get("stddev", 0.2), seed=1)(x, training=True)
        np.testing.assert_array_equal(again.numpy(), y)


def test_spatial_dropout_drops_whole_channels():
    y = layers.SpatialDropout1D(0.25, seed=1)(np.ones((60, 5, 50)), training=True).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert (y == y[:, :1]).all()
    assert abs((y == 0).mean() - 0.25) < 0.03
    layer = layers.SpatialDropout2D(0.25, "channels_first", seed=1)
    y = layer(np.ones((60, 50, 4, 5)), training=True).numpy()
    assert (y == y[:, :, :1, :1]).all()
    assert abs((y == 0).mean() - 0.25) < 0.03


# ---- errors

IMAGE, SEQUENCE = np.ones((1, 4, 4, 2), "float32"), np.ones((1, 4, 2), "float32")
ERRORS = {
    "filters": (lambda: layers.Conv1D(0, 3), "Conv1D: filters must be a positive integer"),
    "kernel1d": (lambda: layers.Conv1D(2, (3, 3)), "Conv1D: kernel_size must be"),
    "padding2d": (lambda: layers.Conv2D(2, 3, padding="causal"), "Conv2D: padding must be one of"),
    "padding1d": (lambda: layers.Conv1D(2, 3, padding="full"), "'valid', 'same', 'causal'"),
    "both": (lambda: layers.Conv1D(2, 3, 2, dilation_rate=2), "cannot both be above 1"),
    "deep_padding": (lambda: layers.DepthwiseConv1D(3, padding="causal"), "padding must be one of"),
    "deep": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier must be a"),
    "separable": (lambda: layers.SeparableConv2D(-1, 3), "SeparableConv2D: filters must be"),
    "groups": (
        lambda: layers.Conv1D(3, 1, groups=3)(SEQUENCE),
        "channels must be divisible by groups. Received: 2 channels, groups=3",
    ),
    "rank": (lambda: layers.Conv1D(3, 1, name="c")(IMAGE), "expected ndim=3, found ndim=4"),
    "deep_rank": (lambda: layers.DepthwiseConv2D(1)(SEQUENCE), "expected ndim=4, found ndim=3"),
    "deep_large": (lambda: layers.DepthwiseConv2D(5)(IMAGE), "DepthwiseConv2D: the window (5, 5)"),
    "large": (lambda: layers.Conv1D(2, 3, dilation_rate=3)(SEQUENCE), "the window (7,) is larger"),
    "large_pool": (lambda: layers.MaxPooling1D(5)(SEQUENCE), "larger than the input"),
    "pool": (lambda: layers.AveragePooling1D(0), "AveragePooling1D: pool_size must be"),
    "unknown_channels": (
        lambda: layers.Conv1D(2, 3)(dc.Input((5, None))),
        "Conv1D: the input's channels must be known",
    ),
    "zeros": (lambda: layers.ZeroPadding2D(-1), "ZeroPadding2D: padding must be"),
    "zeros_three": (lambda: layers.ZeroPadding2D((1, 2, 3)), "ZeroPadding2D: padding must be"),
    "zeros_text": (lambda: layers.ZeroPadding2D("ab"), "ZeroPadding2D: padding must be"),
    "zeros1d": (lambda: layers.ZeroPadding1D((1, -1)), "ZeroPadding1D: padding must be"),
    "cropping": (lambda: layers.Cropping2D(2)(IMAGE), "must leave something of each axis"),
    "cropping1d": (lambda: layers.Cropping1D((4, 0))(SEQUENCE), "must leave something"),
    "up": (lambda: layers.UpSampling1D(0), "UpSampling1D: size must be a positive integer"),
    "up2d": (lambda: layers.UpSampling2D(interpolation="lanczos3"), "interpolation must be one of"),
    "leaky": (lambda: layers.LeakyReLU(-1), "negative_slope must be a non-negative number"),
    "permute": (lambda: layers.Permute((0, 1)), "dims must hold each of 1 to 2 once"),
    "permute_rank": (lambda: layers.Permute((2, 1))(IMAGE), "expected ndim=3, found ndim=4"),
    "repeat": (lambda: layers.RepeatVector(0), "RepeatVector: n must be a positive integer"),
    "prelu": (
        lambda: layers.PReLU()(dc.Input((5, None))),
        "PReLU: the axes that are not shared must be known",
    ),
    "noise": (lambda: layers.GaussianNoise(2), "GaussianNoise: stddev must be in [0, 1]"),
    "gaussian_dropout": (lambda: layers.GaussianDropout(1), "rate must be in [0, 1)"),
    "spatial": (lambda: layers.SpatialDropout1D(-1), "rate must be in [0, 1]"),
    "renorm": (lambda: layers.BatchNormalization(renorm=True), "renorm=True is not supported"),
    "synchronized": (
        lambda: layers.BatchNormalization(synchronized=True),
        "synchronized=True is not supported",
    ),
    "axis": (lambda: layers.BatchNormalization(axis=3)(SEQUENCE), "axis 3 is out of bounds"),
    "unknown_axis": (
        lambda: layers.BatchNormalization()(dc.Input((5, None))),
        "size of the normalized axis must be known",
    ),
    "mask": (
        lambda: layers.BatchNormalization()(SEQUENCE, training=True, mask=SEQUENCE > 0),
        "the mask must have one axis less",
    ),
    "norm_channels": (
        lambda: [layer := layers.BatchNormalization(), layer(SEQUENCE), layer(SEQUENCE[..., :1])],
        "expected axis -1 of input shape to have value 2",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


def test_names_count_up():
    dc.utils.clear_session()
    made = [layers.Conv1D(1, 1), layers.DepthwiseConv2D(1), layers.SeparableConv1D(1, 1)]
    made += [layers.BatchNormalization(), layers.ZeroPadding2D(), layers.GlobalMaxPooling1D()]
    assert [layer.name for layer in made] == [
        *["conv1d", "depthwise_conv2d", "separable_conv1d"],
        *["batch_normalization", "zero_padding2d", "global_max_pooling1d"],
    ]
    assert layers.Convolution1D is layers.Conv1D
    assert layers.MaxPool1D is layers.MaxPooling1D


def test_empty_batches():
    for layer, x in (
        (layers.Conv1D(3, 2, padding="causal"), SEQUENCE[:0]),
        (layers.DepthwiseConv2D(2), IMAGE[:0]),
        (layers.BatchNormalization(), IMAGE[:0]),
        (layers.ZeroPadding2D(), IMAGE[:0]),
        (layers.UpSampling2D(), IMAGE[:0]),
        (layers.AveragePooling1D(), SEQUENCE[:0]),
    ):
        assert layer(x).shape == layer.compute_output_shape(x.shape)
