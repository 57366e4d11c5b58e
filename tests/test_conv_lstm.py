"""ConvLSTM1D, 2D and 3D: what the table of Keras's numbers does not show."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore.layers import LSTM, Bidirectional, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from deepcore.saving import load_model

RNG = np.random.default_rng(0)
KINDS = {1: ConvLSTM1D, 2: ConvLSTM2D, 3: ConvLSTM3D}


def values(rank, channels=2, batch=3):
    return RNG.normal(size=(batch, 4, *(6, 5, 4)[:rank], channels)).astype("float32")


@pytest.mark.parametrize("rank", KINDS)
def test_windows_of_one_element_are_an_lstm_at_each_place(rank):
    """With mask and states: Keras's do not broadcast masks over images."""
    x = values(rank)
    layer = KINDS[rank](3, 1, return_sequences=True, return_state=True)
    plain = LSTM(3, return_sequences=True, return_state=True)
    layer(x)
    plain.build((None, 4, 2))
    plain.set_weights([w.reshape(w.shape[-2:]) if w.ndim > 1 else w for w in layer.get_weights()])
    mask = RNG.random((3, 4)) > 0.3
    places = int(np.prod(x.shape[2:-1]))
    rows = np.moveaxis(x.reshape(3, 4, places, 2), 2, 1).reshape(3 * places, 4, 2)
    wanted = plain(rows, mask=np.repeat(mask, places, 0))
    for a, b in zip(layer(x, mask=mask), wanted, strict=True):
        a = np.moveaxis(a.numpy().reshape(3, 4, places, 3), 2, 1) if a.shape[1] == 4 else a
        np.testing.assert_allclose(np.asarray(a).reshape(b.shape), b, atol=1e-5)


@pytest.mark.parametrize("rank", KINDS)
def test_what_is_dropped_is_in_the_cells_masks(rank):
    x = values(rank)
    one, two = (
        KINDS[rank](3, 2, padding="same", dropout=0.3, recurrent_dropout=0.3, seed=5)
        for _ in range(2)
    )
    one.build(x.shape)
    two.build(x.shape)
    two.set_weights(one.get_weights())
    found = one(x, training=True).numpy()
    states = two.cell.get_initial_state(3)
    for t in range(4):
        output, states = two.cell(x[:, t], states, training=True)
    np.testing.assert_allclose(found, output, atol=1e-5)
    assert np.abs(found - one(x).numpy()).max() > 1e-3


@pytest.mark.parametrize("rank", KINDS)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_models_files_and_states_that_stay(rank, data_format, tmp_path):
    x = values(rank)
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, 2)
    layer = KINDS[rank](3, 2, data_format=data_format, stateful=True, go_backwards=True)
    model = dc.Sequential([dc.Input(batch_shape=x.shape), layer])
    first = model.predict(x, batch_size=3, verbose=0)
    assert first.shape == model.output_shape
    assert (model.predict(x, batch_size=3, verbose=0) != first).any()
    layer.reset_state()
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, batch_size=3, verbose=0), first)


def test_training():
    """A square that moves: the next image is this one, moved on."""
    dc.utils.set_random_seed(2)
    frames = np.zeros((32, 6, 8, 8, 1), "float32")
    for row, (top, left) in enumerate(RNG.integers(0, 8, (32, 2))):
        for t in range(6):
            frames[row, t, (top + t) % 8, (left + 2 * t) % 8] = 1
    model = dc.Sequential(
        [
            dc.Input((5, 8, 8, 1)),
            ConvLSTM2D(6, 5, padding="same"),
            dc.layers.Conv2D(1, 1, activation="sigmoid"),
        ]
    )
    model.compile(dc.optimizers.Adam(0.02), "binary_crossentropy")
    losses = model.fit(frames[:, :-1], frames[:, -1], epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.25 * losses[0]


X = values(2)
ERRORS = {
    "filters": (lambda: ConvLSTM2D(0, 3), "ConvLSTM2D: filters must be a positive integer"),
    "kernel": (lambda: ConvLSTM1D(2, (3, 3)), "ConvLSTM1D: kernel_size must be"),
    "padding": (lambda: ConvLSTM3D(2, 3, padding="causal"), "ConvLSTM3D: padding must be one of"),
    "both": (lambda: ConvLSTM2D(2, 3, 2, dilation_rate=2), "cannot both be above 1"),
    "rank": (lambda: ConvLSTM1D(2, 3)(X), "expected ndim=4, found ndim=5"),
    "large": (lambda: ConvLSTM2D(2, 7)(X), "ConvLSTM2D: the window (7, 7) is larger"),
    "unknown": (
        lambda: ConvLSTM2D(2, 3)(dc.Input((4, None, 5, 2))),
        "ConvLSTM2D: the sizes of the images must be known",
    ),
    "channels": (
        lambda: ConvLSTM2D(2, 3)(dc.Input((4, 6, 5, None))),
        "the number of features must be known",
    ),
    "other_image": (
        lambda: [layer := ConvLSTM2D(2, 3), layer(X), layer(X[:, :, :5])],
        "expected shape=(None, None, 6, 5, 2), found shape=(3, 4, 5, 5, 2)",
    ),
    "state": (
        lambda: ConvLSTM2D(2, 3)(X, initial_state=[X[:, 0], X[:, 0]]),
        "ConvLSTM2D: initial_state 0 must have shape (3, 4, 3, 2). Received: shape (3, 6, 5, 2)",
    ),
    "symbolic_state": (
        lambda: ConvLSTM2D(2, 3)(
            dc.Input((4, 6, 5, 2)), initial_state=[dc.Input((4, 3, 2)), dc.Input((4, 2, 2))]
        ),
        "of shapes [(None, 4, 3, 2), (None, 4, 3, 2)]. Received: 2 of shapes [(None, 4, 3, 2), (",
    ),
    "mask": (lambda: ConvLSTM2D(2, 3)(X, mask=X[:, :3, 0, 0, 0] > 0), "must have shape (3, 4)"),
    "both_ways": (lambda: Bidirectional(ConvLSTM1D(2, 3))(X), "expected ndim=4, found ndim=5"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)
