"""Bidirectional: what the table of Keras's numbers does not show."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers
from deepcore.layers import GRU, LSTM, RNN, Bidirectional, GRUCell, SimpleRNN
from deepcore.saving import load_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 7, 3)).astype("float32")


def test_it_is_two_layers():
    both = Bidirectional(LSTM(4, return_sequences=True, name="l"), merge_mode=None)
    y, y_back = both(X)
    assert both.forward_layer.name == "forward_l"
    assert both.backward_layer.name == "backward_l"
    np.testing.assert_array_equal(y, both.forward_layer(X))
    np.testing.assert_array_equal(y_back, both.backward_layer(X).numpy()[:, ::-1])
    other = LSTM(4, return_sequences=True)
    other.build(X.shape)
    other.set_weights(both.backward_layer.get_weights())
    np.testing.assert_allclose(y_back.numpy()[:, ::-1], other(X[:, ::-1]), atol=1e-6)


def test_the_layer_given_is_left_alone():
    layer = GRU(4, return_sequences=True)
    before = layer(X).numpy()
    both = Bidirectional(layer)
    both(X)
    assert not layer.zero_output_for_mask
    np.testing.assert_array_equal(layer(X), before)
    assert (both.get_weights()[0] != layer.get_weights()[0]).any()


def test_weights_given():
    one, two = Bidirectional(GRU(4)), Bidirectional(GRU(4))
    one.build((None, 7, 3))
    again = Bidirectional(GRU(4), weights=one.get_weights())
    np.testing.assert_array_equal(again(X), one(X))
    assert (two(X).numpy() != one(X).numpy()).any()


def test_padding_does_not_change_what_is_read():
    mask = np.arange(7) < np.array([7, 3, 5, 1, 4])[:, None]
    both = Bidirectional(LSTM(4, return_sequences=True))
    y = both(X, mask=mask).numpy()
    for row, length in enumerate(mask.sum(1)):
        np.testing.assert_allclose(y[row, :length], both(X[row : row + 1, :length])[0], atol=1e-6)
        assert not y[row, length:].any()
    last = Bidirectional(GRU(4))
    y = last(X, mask=mask).numpy()
    np.testing.assert_allclose(y[1:2], last(X[1:2, :3]), atol=1e-6)


def test_states_stay_in_both_directions():
    both = Bidirectional(GRU(4, stateful=True, return_state=True), merge_mode="sum")
    assert both.states is None
    _, h, back = both(X)
    found = both.states
    np.testing.assert_array_equal(found[0], h)
    np.testing.assert_array_equal(found[1], back)
    y = both(X)[0].numpy()
    wanted = both.forward_layer.__class__.from_config(
        {**both.forward_layer.get_config(), "stateful": False}
    )
    wanted.build(X.shape)
    wanted.set_weights(both.forward_layer.get_weights())
    _, again = wanted(X, initial_state=h)
    np.testing.assert_allclose(both.states[0], again, atol=1e-6)
    both.reset_state()
    assert not np.any(both.states[0].numpy())
    assert (both(X)[0].numpy() != y).any()
    both.reset_states()
    with pytest.raises(AttributeError, match="is not stateful"):
        Bidirectional(GRU(4)).reset_state()


@pytest.mark.parametrize("mode", ["concat", "sum", None])
@pytest.mark.parametrize("states", [False, True])
def test_models_and_files(mode, states, tmp_path):
    layer = LSTM(4, return_sequences=True, return_state=states)
    inputs = dc.Input((None, 3))
    model = dc.Model(inputs, Bidirectional(layer, mode)(inputs))
    found = model.predict(X, verbose=0)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert again.output_shape == model.output_shape
    loaded = again.predict(X, verbose=0)
    for a, b in zip(dc.tree.flatten(loaded), dc.tree.flatten(found), strict=True):
        np.testing.assert_array_equal(a, b)


def test_initial_states_may_be_symbolic():
    inputs, h = dc.Input((7, 3)), [dc.Input((4,)) for _ in range(4)]
    both = Bidirectional(LSTM(4))
    model = dc.Model([inputs, *h], both(inputs, initial_state=h))
    states = [RNG.normal(size=(5, 4)).astype("float32") for _ in h]
    found = model.predict([X, *states], verbose=0)
    np.testing.assert_allclose(found, both(X, initial_state=states), atol=1e-6)
    assert model.count_params() == both.count_params() == 2 * 4 * 4 * (3 + 4 + 1)


def test_masks_of_outputs():
    mask = object()
    assert Bidirectional(LSTM(4)).compute_mask(None, mask) is None
    assert Bidirectional(LSTM(4, return_sequences=True)).compute_mask(None, [mask]) is mask
    apart = Bidirectional(GRU(4, return_sequences=True, return_state=True), None)
    assert apart.compute_mask(None, mask) == (mask, mask, None, None)
    stack = RNN([GRUCell(4), GRUCell(3)], return_state=True)
    assert Bidirectional(stack).compute_mask(None, mask) == (None,) * 5


def test_training_learns_what_either_end_tells():
    """The label is the sign of the first step times that of the last."""
    dc.utils.set_random_seed(1)
    x = RNG.normal(size=(256, 9, 1)).astype("float32")
    y = (x[:, 0] * x[:, -1] > 0).astype("float32")
    model = dc.Sequential(
        [
            dc.Input((9, 1)),
            Bidirectional(LSTM(8)),
            layers.Dense(8, activation="tanh"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(dc.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=25, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.9


ERRORS = {
    "no_layer": (lambda: Bidirectional(3), "Bidirectional: layer must be a layer. Received: 3"),
    "dense": (lambda: Bidirectional(layers.Dense(2)), "which lacks go_backwards, return_sequences"),
    "back": (lambda: Bidirectional(GRU(2), backward_layer=3), "backward_layer must be a layer"),
    "mode": (lambda: Bidirectional(GRU(2), "cat"), "merge_mode must be one of 'sum'"),
    "same_way": (
        lambda: Bidirectional(GRU(2), backward_layer=GRU(2)),
        "must go in different directions. Received: go_backwards=False for both",
    ),
    "backwards": (lambda: Bidirectional(GRU(2, go_backwards=True)), "different directions"),
    "flags": (
        lambda: Bidirectional(GRU(2), backward_layer=GRU(2, go_backwards=True, return_state=True)),
        "same return_state. Received: False and True",
    ),
    "states": (
        lambda: Bidirectional(SimpleRNN(2))(X, initial_state=np.ones((5, 2))),
        "as many of the backward layer's. Received: 1 tensor(s)",
    ),
    "few_states": (
        lambda: Bidirectional(LSTM(2))(X, initial_state=[np.ones((5, 2))] * 2),
        "LSTM: initial_state must hold 2 tensor(s)",
    ),
    "mask": (lambda: Bidirectional(GRU(2))(X, mask=X[:3, :, 0] > 0), "must have shape (5, 7)"),
    "rank": (lambda: Bidirectional(GRU(2))(X[0]), "expected ndim=3, found ndim=2"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)
