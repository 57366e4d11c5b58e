"""A sample's prediction has the same bits alone as in any batch, at any place in it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from networks import attentive, cnn, digits, mlp, residual

import deepcore as dc
from deepcore import _core, layers

BATCHES = (1, 7, 32, 64)
SAMPLES = 64
RNG = np.random.default_rng(3)
IMAGES = (RNG.normal(size=(SAMPLES, 13, 11, 6)) * 2).astype("float32")
ROWS = (RNG.normal(size=(SAMPLES, 37)) * 2).astype("float32")
# As many magnitudes as float32 has, with zeros of both signs: sums depend on their order.
WILD = (ROWS * 10.0 ** RNG.integers(-12, 12, ROWS.shape)).astype("float32")
WILD[::5, ::3] = -0.0

ACTIVATIONS = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "tanh",
    "tanh_shrink",
]


def assert_same_bits(got: np.ndarray, want: np.ndarray) -> None:
    got, want = np.ascontiguousarray(got), np.ascontiguousarray(want)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    differ = got.view("u4") != want.view("u4")
    assert not differ.any(), (
        f"{differ.sum()} of {differ.size} differ, first {np.argwhere(differ)[0]}"
    )


def check(model: dc.Model, x: np.ndarray) -> None:
    """predict(x)[i] is predict(x[i:i+1]), for all i and batch sizes, planned and called."""
    alone = np.concatenate([model.predict_on_batch(x[i : i + 1]) for i in range(len(x))])
    for batch in BATCHES:
        assert_same_bits(model.predict(x, batch_size=batch, verbose=0), alone)
        assert_same_bits(model(x[:batch]).numpy(), alone[:batch])
    for rows in (slice(5, 42), slice(None, None, -1), [3, 63, 3, 0, 8]):
        assert_same_bits(model.predict_on_batch(x[rows]), alone[rows])


def of(*stack: dc.Layer, x: np.ndarray = IMAGES) -> dc.Sequential:
    return dc.Sequential([dc.Input(x.shape[1:]), *stack])


SEQUENCES = IMAGES.reshape(SAMPLES, -1, 6)
OF_SEQUENCES = {
    "average_pooling": lambda: layers.AveragePooling1D(3, 2, "same"),
    "batch_normalization": lambda: normed(SEQUENCES),
    "bidirectional": lambda: layers.Bidirectional(layers.LSTM(9, return_sequences=True)),
    "causal": lambda: layers.Conv1D(7, 3, padding="causal", dilation_rate=4),
    "conv": lambda: layers.Conv1D(7, 5, strides=3, padding="same"),
    "conv_channels_first": lambda: layers.Conv1D(5, 3, data_format="channels_first"),
    "depthwise": lambda: layers.DepthwiseConv1D(4, depth_multiplier=2),
    "global_average_pooling": lambda: layers.GlobalAveragePooling1D(),
    "global_max_pooling": lambda: layers.GlobalMaxPooling1D(),
    "gru": lambda: layers.GRU(7, go_backwards=True),
    "gru_before": lambda: layers.GRU(17, reset_after=False, return_sequences=True),
    "lstm": lambda: layers.LSTM(33),
    "masking": lambda: layers.Masking(),
    "max_pooling": lambda: layers.MaxPooling1D(3, 2),
    "separable": lambda: layers.SeparableConv1D(9, 3),
    "simple_rnn": lambda: layers.SimpleRNN(10, "relu"),
    "stacked_cells": lambda: layers.RNN([layers.GRUCell(4), layers.LSTMCell(3)]),
    "time_distributed": lambda: layers.TimeDistributed(layers.Dense(19)),
}


def normed(x: np.ndarray, axis: int = -1) -> dc.Layer:
    """A normalization with statistics of its own."""
    layer = layers.BatchNormalization(axis, momentum=0.2)
    layer(x * 3 + 1, training=True)
    return layer


LAYERS = {
    "activation": lambda: layers.Activation("gelu"),
    "batch_normalization": lambda: normed(IMAGES),
    "batch_normalization_of_rows": lambda: normed(IMAGES, axis=1),
    "conv_lstm": lambda: layers.ConvLSTM1D(5, 3, padding="same"),
    "cropping": lambda: layers.Cropping2D(((1, 2), (0, 3))),
    "depthwise": lambda: layers.DepthwiseConv2D(3, strides=2, padding="same"),
    "depthwise_deep": lambda: layers.DepthwiseConv2D((2, 3), depth_multiplier=3),
    "prelu": lambda: layers.PReLU("normal", shared_axes=[1]),
    "separable": lambda: layers.SeparableConv2D(7, 3, padding="same"),
    "up_sampling": lambda: layers.UpSampling2D((1, 2)),
    "zero_padding": lambda: layers.ZeroPadding2D(((0, 1), (2, 3))),
    "average_pooling": lambda: layers.AveragePooling2D((3, 2), strides=(1, 2), padding="same"),
    "average_pooling_valid": lambda: layers.AveragePooling2D(3),
    "conv": lambda: layers.Conv2D(5, 3),
    "conv_channels_first": lambda: layers.Conv2D(5, 3, data_format="channels_first"),
    "dense": lambda: layers.Dense(19),
    "dropout": lambda: layers.Dropout(0.5),
    "flatten": lambda: layers.Flatten(),
    "global_average_pooling": lambda: layers.GlobalAveragePooling2D(),
    "global_max_pooling": lambda: layers.GlobalMaxPooling2D(keepdims=True),
    "max_pooling": lambda: layers.MaxPooling2D((3, 2), strides=(1, 2), padding="same"),
    "relu": lambda: layers.ReLU(max_value=2.0, negative_slope=0.3, threshold=0.1),
    "rescaling": lambda: layers.Rescaling(1 / 7, 0.3),
    "reshape": lambda: layers.Reshape((-1, 22)),
    "recurrent_steps": lambda: dc.Sequential(
        [layers.Reshape((13, 66)), layers.RNN([layers.GRUCell(4), layers.LSTMCell(3, "elu")])]
    ),
    "softmax": lambda: layers.Softmax(),
    "softmax_over_two": lambda: layers.Softmax(axis=(1, 2)),
}


def test_attention_over_more_than_a_block_of_keys():
    check(attentive(143, 6), SEQUENCES)
    check(attentive(270, 6), np.resize(SEQUENCES, (SAMPLES, 270, 6)))


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer(name):
    check(of(LAYERS[name]()), IMAGES)


@pytest.mark.parametrize("name", OF_SEQUENCES)
def test_every_layer_of_sequences(name):
    check(of(OF_SEQUENCES[name](), x=SEQUENCES), SEQUENCES)


def test_tokens_under_masks():
    tokens = np.maximum(RNG.integers(-99, 100, (SAMPLES, 31)), 0)
    stack = [layers.Embedding(100, 13, mask_zero=True), layers.Dense(7, activation="tanh")]
    check(of(*stack, layers.GlobalAveragePooling1D(), x=tokens), tokens)


def test_padded_sequences():
    """Whose padded steps are skipped, of some samples or of all."""
    x = SEQUENCES[:, :31].copy()
    for row, length in enumerate(RNG.integers(0, 32, SAMPLES)):
        x[row, length:] = 0
    for make in (layers.SimpleRNN, layers.LSTM, layers.GRU):
        stack = [layers.Bidirectional(make(9, return_sequences=True)), make(17)]
        check(of(layers.Masking(), *stack, x=x), x)


@pytest.mark.parametrize("network", [mlp, cnn, residual])
def test_the_reference_networks_after_training(network):
    x, y = digits(200)
    x = x.reshape(200, 784) if network is mlp else x
    model = network()
    model.fit(x, y, verbose=0)
    check(model, x[:SAMPLES])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    check(of(layers.Dense(21, activation=name), x=ROWS), ROWS)
    check(of(layers.Activation(name), x=ROWS), ROWS)


@pytest.mark.parametrize("units", [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 130])
@pytest.mark.parametrize("inputs", [1, 2, 7, 8, 37, 300, 1025])
def test_dense_of_any_size(inputs, units):
    x = np.resize(WILD, (SAMPLES, inputs))
    check(of(layers.Dense(units, bias_initializer="normal"), x=x), x)


@pytest.mark.parametrize("filters", [1, 3, 7, 8, 16, 17, 33])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 1},
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": (2, 5), "strides": (3, 2)},
        {"kernel_size": (4, 3), "strides": 2, "padding": "same"},
        {"kernel_size": 3, "dilation_rate": (2, 3), "padding": "same"},
        {"kernel_size": (13, 11)},
    ],
    ids=str,
)
def test_convolutions_of_any_size(options, filters):
    check(of(layers.Conv2D(filters, activation="tanh", **options)), IMAGES)


@pytest.mark.parametrize("groups", [2, 3, 6])
@pytest.mark.parametrize("per_group", [1, 2, 5])
@pytest.mark.parametrize("channels", [6, 24])
def test_grouped_convolutions(groups, per_group, channels):
    x = np.resize(IMAGES, (SAMPLES, 9, 7, channels))
    for options in ({}, {"strides": 2, "padding": "same"}, {"dilation_rate": 2}):
        check(of(layers.Conv2D(groups * per_group, 3, groups=groups, **options), x=x), x)
    depthwise = layers.Conv2D(channels * per_group, 3, groups=channels)
    check(of(depthwise, x=x), x)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 8, 16, 19])
def test_images_of_any_channels(channels):
    x = np.resize(IMAGES, (SAMPLES, 10, 9, channels))
    for pool in (layers.MaxPooling2D, layers.AveragePooling2D):
        stack = [layers.Conv2D(channels + 1, 3, padding="same", activation="relu"), pool(2)]
        check(of(*stack, layers.Flatten(), layers.Dense(10, activation="softmax"), x=x), x)


def test_deep_stacks_of_fused_layers():
    """Chains that a planner would fuse, at sizes where vectors have tails."""
    for units, rate in itertools.product((3, 20, 67), (1, 4)):
        stack = []
        for name in ("relu", "gelu", "tanh", "softmax", "silu", "elu"):
            stack += [layers.Dense(units, activation=name), layers.Rescaling(rate, -0.1)]
        check(of(*stack, x=ROWS), ROWS)


def test_not_a_number_stays_in_its_row():
    x = ROWS.copy()
    x[[0, 20, 63]] = np.nan
    x[21, 3] = np.inf
    model = of(layers.Dense(19, activation="relu"), layers.Dense(5, activation="softmax"), x=x)
    check(model, x)
    found = np.isnan(model.predict(x, verbose=0)).any(-1)
    assert set(np.flatnonzero(found)) - {21} == {0, 20, 63}


def test_dropout_draws_only_when_it_trains():
    """By position in the batch then, so that predict must not."""
    model = of(layers.Dropout(0.5))
    assert (model(IMAGES, training=True).numpy() == 0).mean() > 0.3
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), IMAGES)


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int32", "bool"])
def test_inputs_of_any_dtype(dtype):
    x = np.abs(ROWS).astype(dtype)
    check(of(layers.Dense(19, activation="sigmoid"), x=x), x)


@pytest.mark.parametrize("team", [1, 2, 3, 8])
def test_on_any_team(team):
    """Both promises at once: alone on one thread, in a batch on many."""
    model = cnn()
    x, _ = digits(40)
    _core.force_team_size(1)
    alone = np.concatenate([model.predict_on_batch(x[i : i + 1]) for i in range(40)])
    _core.force_team_size(team)
    for batch in (7, 40):
        assert_same_bits(model.predict(x, batch_size=batch, verbose=0), alone)
