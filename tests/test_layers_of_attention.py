"""Attention, row normalization and EinsumDense as Keras has them.

attention_peer.py has the table.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deepcore as dc
import peers
from deepcore import layers

PEER = "attention_peer.py"
FILE = Path(__file__).parent / "data" / "keras_attention.npz"
RNG = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def test_numbers_that_keras_made():
    assert ", 0 differences" in peers.on_deepcore(PEER, "check", FILE)


@pytest.mark.slow
def test_keras_and_deepcore_compute_the_same(tmp_path):
    peers.each_checks_the_other(PEER, tmp_path, suffix=".npz")


LAYERS = {
    "multi_head": lambda: layers.MultiHeadAttention(2, 5),
    "grouped": lambda: layers.GroupedQueryAttention(5, 4, 2),
}


@pytest.mark.parametrize("name", LAYERS)
def test_weights_are_those_of_the_results(name):
    """The fused way, and the one that keeps all weights."""
    layer = LAYERS[name]()
    query, value = values(3, 9, 6), values(3, 11, 6)
    mask = RNG.random((3, 9, 11)) > 0.4
    mask[..., 0] = True  # Keras lets queries that see nothing attend to all, or to none here
    for options in ({}, {"attention_mask": mask}, {"use_causal_mask": True}):
        result = layer(query, value, **options)
        again, weights = layer(query, value, return_attention_scores=True, **options)
        np.testing.assert_allclose(result.numpy(), again.numpy(), rtol=0, atol=2e-6)
        np.testing.assert_allclose(weights.numpy().sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_drops_weights_while_training(name):
    layer = LAYERS[name]()
    dropping = type(layer).from_config({**layer.get_config(), "dropout": 0.5, "seed": 1})
    x = values(2, 30, 6)
    layer(x, x), dropping(x, x)
    dropping.set_weights([*layer.get_weights()])
    np.testing.assert_allclose(dropping(x, x).numpy(), layer(x, x).numpy(), rtol=0, atol=2e-6)
    one, two = (dropping(x, x, training=True).numpy() for _ in range(2))
    assert (one != two).any()


def test_a_network_with_attention_learns_and_is_saved(tmp_path):
    dc.utils.set_random_seed(1)
    inputs = dc.Input((6, 8))
    x = layers.LayerNormalization()(inputs)
    x = layers.Add()([inputs, layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)])
    x = layers.RMSNormalization()(x)
    x = layers.GroupQueryAttention(4, 4, 2)(x, x)
    model = dc.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    model.compile("adam", "mse")
    x, y = values(64, 6, 8), values(64, 1)
    history = model.fit(x, y, epochs=12, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    model.save(tmp_path / "m.keras")
    again = dc.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", LAYERS)
def test_masks_of_inputs_hide_keys_and_are_passed_on(name):
    embedding, layer = layers.Embedding(9, 6, mask_zero=True), LAYERS[name]()
    short, padded = np.array([[3, 5, 1]]), np.array([[3, 5, 1, 0, 0]])
    x, y = embedding(short), embedding(padded)
    result = layer(y, y)
    np.testing.assert_allclose(result.numpy()[:, :3], layer(x, x).numpy(), rtol=0, atol=1e-6)
    assert result._keras_mask.tolist() == [[True, True, True, False, False]]
    assert y._keras_mask is not None


def test_symbolic_calls_know_their_shapes():
    query, value = dc.Input((5, 8)), dc.Input((7, 8))
    result, weights = layers.MultiHeadAttention(2, 3)(query, value, return_attention_scores=True)
    assert result.shape == (None, 5, 8)
    assert weights.shape == (None, 2, 5, 7)
    result, weights = layers.Attention()([query, value], return_attention_scores=True)
    assert result.shape == (None, 5, 8)
    assert weights.shape == (None, 5, 7)
    assert layers.EinsumDense("...x,xy->...y", 3)(query).shape == (None, 5, 3)
    assert layers.LayerNormalization()(query).shape == (None, 5, 8)


X = values(2, 5, 6)
BAD = [
    (lambda: layers.MultiHeadAttention(0, 3), "num_heads must be a positive integer"),
    (lambda: layers.MultiHeadAttention(2, 3, dropout=2), r"dropout must be in \[0, 1\]"),
    (
        lambda: layers.MultiHeadAttention(2, 3, dropout=0.5, flash_attention=True),
        "flash_attention=True has no dropout",
    ),
    (
        lambda: layers.MultiHeadAttention(2, 3, flash_attention=True)(
            X, X, return_attention_scores=True
        ),
        "flash_attention=True keeps no scores",
    ),
    (lambda: layers.MultiHeadAttention(2, 3)(X, X, X[:, :3]), "value and key must have the same"),
    (
        lambda: layers.MultiHeadAttention(2, 3)(X, X, attention_mask=np.ones((2, 4, 5), bool)),
        r"MultiHeadAttention: attention_mask must have the shape \(2, 5, 5\).*shape \(2, 4, 5\)",
    ),
    (
        lambda: layers.MultiHeadAttention(2, 3)(X, X, attention_mask=np.ones((2, 3, 5, 5), bool)),
        r"attention_mask must have the shape \(2, 2, 5, 5\)",
    ),
    (
        lambda: layers.GroupQueryAttention(3, 4, 2)(X, X, value_mask=np.ones((2, 4), bool)),
        r"GroupedQueryAttention: value_mask must have the shape \(2, 5\).*shape \(2, 4\)",
    ),
    (
        lambda: layers.MultiHeadAttention(2, 3)(X, X, query_mask=np.ones((3, 5), bool)),
        r"query_mask must have the shape \(2, 5\)",
    ),
    (
        lambda: layers.Attention()([X, X], mask=[None, np.ones((2, 4), bool)]),
        r"Attention: the value's mask must have the shape \(2, 5\)",
    ),
    (
        lambda: layers.AdditiveAttention()([X, X], mask=[np.ones(4, bool), None]),
        r"AdditiveAttention: the query's mask must have the shape \(2, 5\)",
    ),
    (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window must be a posit"),
    (lambda: layers.GroupedQueryAttention(3, 4, 3), "num_query_heads must be a multiple"),
    (lambda: layers.GroupedQueryAttention(3, 4, 2)(X[0], X[0]), "the query must have axes"),
    (lambda: layers.Attention()(X), "expected a list of inputs"),
    (lambda: layers.Attention(score_mode="sum"), "score_mode must be one of 'dot', 'concat'"),
    (lambda: layers.Attention()([X, X], mask=X), "mask must be a list"),
    (lambda: layers.LayerNormalization(axis=3)(X), "axis 3 is out of bounds"),
    (lambda: layers.RMSNormalization()(dc.Input((3, None))), "normalized axes must be known"),
    (lambda: layers.EinsumDense("ab->ab", 3)(X), "the equation must be like"),
    (lambda: layers.EinsumDense("abc,cd->abd", (4, 3))(X), "axis 'b' has size 5 in the input"),
    (lambda: layers.EinsumDense("abc,cd->abd", 3)(X), "output_shape must have 2 sizes"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3)(X), "the input must have 2 axes"),
    (lambda: layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="x")(X), "bias's axis 'x'"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_masks_may_be_spread():
    """As Keras has it: axes of size 1, or none, stand for all."""
    seen = np.array([True, False, True, True, False])
    layer = layers.MultiHeadAttention(2, 3)
    whole = layer(X, X, value_mask=np.tile(seen, (2, 1))).numpy()
    for mask in ({"value_mask": seen}, {"attention_mask": seen[None]}):
        np.testing.assert_array_equal(layer(X, X, **mask).numpy(), whole)
    whole = layers.Attention()([X, X], mask=[None, np.tile(seen, (2, 1))]).numpy()
    np.testing.assert_array_equal(layers.Attention()([X, X], mask=[None, seen]).numpy(), whole)


def test_an_axis_is_an_integer():
    with pytest.raises(TypeError, match="axis must be an integer or a list of integers"):
        layers.LayerNormalization(axis="last")
