"""The recurrent layers that recurrent_peer.py compares: how each is made and what it is given."""

from types import MappingProxyType
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops


class Case(NamedTuple):
    """A layer, the shape of its input, shapes of initial states, arguments of the call."""

    make: Any
    shape: tuple
    states: Any = None
    call: dict = MappingProxyType({})


def masked(*shape):
    """Right-padded rows, holes, a row that begins masked, and one that is masked altogether."""
    mask = np.random.default_rng(5).random(shape) > 0.35
    mask[0] = np.arange(shape[1]) < 3
    mask[1, 0] = False
    mask[-1] = False
    return {"mask": mask}


@keras.saving.register_keras_serializable("recurrent")
class Decay(layers.Layer):
    """A user's cell: a nested state, and an output that is none of its states."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, [units, 2]]
        self.output_size = 3

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.out = self.add_weight(shape=(self.units, 3), name="out")

    def get_initial_state(self, batch_size=None):
        zeros = ops.zeros((batch_size, self.units))
        return [zeros, [zeros, ops.ones((batch_size, 2))]]

    def call(self, inputs, states):
        a, (b, c) = states
        h = ops.tanh(ops.matmul(inputs, self.kernel) + 0.5 * a)
        c = 0.9 * c + h[:, :2]
        return ops.matmul(h + b, self.out) + ops.sum(c, -1, keepdims=True), [h, [0.5 * b + h, c]]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("recurrent")
class Minimal(layers.Layer):
    """A user's cell of one state, without a word about how it begins."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

    def call(self, inputs, states):
        output = ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent)
        return output, [output]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


ALL = {"return_sequences": True, "return_state": True}
BACK = {**ALL, "go_backwards": True}
X = (5, 7, 3)
H = [(5, 4)]
KINDS = {
    "simple": (layers.SimpleRNN, H),
    "lstm": (layers.LSTM, H * 2),
    "gru": (layers.GRU, H),
    "gru_before": (lambda *a, **k: layers.GRU(*a, reset_after=False, **k), H),
}
CASES: dict[str, Any] = {}
for kind, (make, states) in KINDS.items():

    def of(make=make, **options):
        return lambda: make(4, **options)

    CASES |= {
        kind: (of(), X),
        f"{kind}_all": (of(**ALL), X, states),
        f"{kind}_back": (of(**BACK), X, states),
        f"{kind}_state": (of(return_state=True), X),
        f"{kind}_one_step": (of(**ALL), (2, 1, 1)),
        f"{kind}_bare": (of(use_bias=False, unroll=True), X),
        f"{kind}_masked": (of(**ALL), X, states, masked(5, 7)),
        f"{kind}_masked_back": (of(**BACK), X, states, masked(5, 7)),
        f"{kind}_masked_last": (of(), X, None, masked(5, 7)),
        f"{kind}_zeros": (of(zero_output_for_mask=True, **ALL), X, states, masked(5, 7)),
        f"{kind}_zeros_last": (of(zero_output_for_mask=True), X, None, masked(5, 7)),
        f"{kind}_relu": (of(activation="relu", **ALL), X, states, masked(5, 7)),
        f"{kind}_elu_back": (of(activation="elu", **BACK), X, states, masked(5, 7)),
        f"{kind}_elu_last": (of(activation="elu"), X, None, masked(5, 7)),
        f"{kind}_linear": (of(activation=None), X),
        f"{kind}_options": (
            of(
                kernel_regularizer="l2",
                recurrent_constraint="max_norm",
                bias_initializer="ones",
                # Keras's SimpleRNN forgets this one.
                activity_regularizer=None if kind == "simple" else "l1",
                dropout=0.25,
                recurrent_dropout=0.5,
                seed=3,
                recurrent_initializer="glorot_normal",
                name="o",
            ),
            X,
        ),
        f"{kind}_float64": (of(dtype="float64", **ALL), X, states, masked(5, 7)),
    }
CASES |= {
    "lstm_hard": (lambda: layers.LSTM(4, recurrent_activation="hard_sigmoid", **ALL), X),
    "lstm_no_forget": (lambda: layers.LSTM(4, unit_forget_bias=False), X),
    "gru_hard": (lambda: layers.GRU(4, recurrent_activation="hard_sigmoid", **ALL), X),
    "rnn_lstm": (lambda: layers.RNN(layers.LSTMCell(4), **ALL), X, H * 2, masked(5, 7)),
    "rnn_gru": (lambda: layers.RNN(layers.GRUCell(4, reset_after=False), **BACK), X, H),
    "rnn_simple": (lambda: layers.RNN(layers.SimpleRNNCell(4, "softplus"), **ALL), X, H),
    "rnn_stack": (
        lambda: layers.RNN([layers.LSTMCell(4), layers.LSTMCell(3)], **ALL),
        X,
        [H * 2, [(5, 3)] * 2],
        masked(5, 7),
    ),
    "rnn_stack_last": (
        lambda: layers.RNN(
            layers.StackedRNNCells([layers.GRUCell(4), layers.SimpleRNNCell(3)]),
            zero_output_for_mask=True,
        ),
        X,
        None,
        masked(5, 7),
    ),
    "rnn_stack_mixed": (lambda: layers.RNN([Minimal(3), layers.LSTMCell(4, "elu")]), X),
    "rnn_minimal": (lambda: layers.RNN(Minimal(4), **ALL), X, H, masked(5, 7)),
    "rnn_minimal_back": (lambda: layers.RNN(Minimal(4), go_backwards=True), X),
    "rnn_decay": (lambda: layers.RNN(Decay(4), return_sequences=True), X),
    "rnn_decay_last": (lambda: layers.RNN(Decay(4)), X),
}

Both = layers.Bidirectional
CASES |= {
    "both": (lambda: Both(layers.LSTM(4, name="l")), X),
    "both_sum": (lambda: Both(layers.GRU(4, name="g", return_sequences=True), "sum"), X),
    "both_ave": (lambda: Both(layers.SimpleRNN(4, name="s"), "ave"), X, None, masked(5, 7)),
    "both_mul": (
        lambda: Both(layers.LSTM(4, name="l", return_sequences=True), "mul"),
        X,
        None,
        masked(5, 7),
    ),
    "both_apart": (lambda: Both(layers.LSTM(4, name="l", **ALL), None), X, H * 4, masked(5, 7)),
    "both_state": (lambda: Both(layers.GRU(4, name="g", return_state=True)), X, H * 2),
    "both_all": (lambda: Both(layers.LSTM(4, name="l", **ALL)), X, H * 4, masked(5, 7)),
    "both_other": (
        lambda: Both(
            layers.LSTM(4, name="l", return_sequences=True),
            backward_layer=layers.GRU(4, name="b", go_backwards=True, return_sequences=True),
            name="pair",
        ),
        X,
        None,
        masked(5, 7),
    ),
    "both_cells": (
        lambda: Both(
            layers.RNN(layers.GRUCell(4, "elu", name="c"), name="r", return_sequences=True)
        ),
        X,
    ),
}

ROWS, IMAGES, VOLUMES = (2, 3, 6, 2), (2, 3, 5, 6, 2), (2, 2, 4, 5, 3, 2)
FIRST = {"data_format": "channels_first"}
CASES |= {
    "rows": (lambda: layers.ConvLSTM1D(3, 2), ROWS),
    "rows_all": (lambda: layers.ConvLSTM1D(3, 3, 2, "same", **ALL), ROWS, [(2, 3, 3)] * 2),
    "rows_dilated": (lambda: layers.ConvLSTM1D(3, 2, dilation_rate=2, use_bias=False), ROWS),
    "images": (lambda: layers.ConvLSTM2D(3, 3), IMAGES),
    "images_back": (lambda: layers.ConvLSTM2D(3, (2, 3), padding="same", **BACK), IMAGES),
    "images_first": (lambda: layers.ConvLSTM2D(3, 2, 2, **FIRST, **ALL), (2, 3, 2, 5, 6)),
    "images_options": (
        lambda: layers.ConvLSTM2D(
            2,
            2,
            activation="relu",
            recurrent_activation="hard_sigmoid",
            unit_forget_bias=False,
            activity_regularizer="l2",
            kernel_constraint="max_norm",
            dropout=0.1,
            recurrent_dropout=0.2,
            seed=1,
            name="o",
        ),
        IMAGES,
    ),
    "volumes": (lambda: layers.ConvLSTM3D(2, 2), VOLUMES),
    "volumes_same": (lambda: layers.ConvLSTM3D(2, (3, 2, 1), 2, "same", **ALL), VOLUMES),
    "volumes_first": (
        lambda: layers.ConvLSTM3D(2, 2, dilation_rate=(1, 2, 1), **FIRST),
        (2, 2, 2, 4, 5, 3),
    ),
    "both_images": (
        lambda: Both(layers.ConvLSTM2D(2, 2, name="c", return_sequences=True)),
        IMAGES,
    ),
}

# A layer and the shape of its input.
TRAINED = {
    "simple": (lambda: layers.SimpleRNN(5), (12, 6, 3)),
    "lstm": (lambda: layers.LSTM(5, return_sequences=True), (12, 6, 3)),
    "gru": (lambda: layers.GRU(5, kernel_regularizer="l2"), (12, 6, 3)),
    "gru_before": (
        lambda: layers.GRU(5, reset_after=False, recurrent_constraint="unit_norm"),
        (12, 6, 3),
    ),
    "stack": (lambda: layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)]), (12, 6, 3)),
    "both": (lambda: layers.Bidirectional(layers.GRU(4)), (12, 6, 3)),
    "padded": (
        lambda: keras.Sequential(
            [
                layers.Masking(0.0),
                layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
                layers.GRU(3),
            ]
        ),
        (12, 6, 3),
    ),
}
