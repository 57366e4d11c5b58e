"""Lambda: functions as layers, with masks, shapes and files."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops
from deepcore.models import load_model

X = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
HIDDEN = X * (np.arange(5) < 3)[:, None]


@dc.saving.register_keras_serializable("tests")
def scaled(x, by=2.0):
    return x * by


@dc.saving.register_keras_serializable("tests")
def kept(x, mask=None):
    return x if mask is None else x * ops.expand_dims(ops.cast(mask, x.dtype), -1)


def test_a_function_of_one_input_or_several():
    np.testing.assert_array_equal(layers.Lambda(lambda x: x**2)(X), X**2)
    layer = layers.Lambda(lambda xs: xs[0] - xs[1])
    np.testing.assert_array_equal(layer([X, X / 2]), X - X / 2)
    np.testing.assert_array_equal(layers.Lambda(scaled, arguments={"by": 3})(X), X * 3)


def test_training_reaches_the_function():
    layer = layers.Lambda(lambda x, training: x * 2 if training else x)
    np.testing.assert_array_equal(layer(X, training=True), X * 2)
    np.testing.assert_array_equal(layer(X, training=False), X)


def test_the_shape_is_traced_or_told():
    x = dc.Input((5, 2))
    assert layers.Lambda(lambda x: ops.sum(x, axis=1))(x).shape == (None, 2)
    assert layers.Lambda(lambda x: x, output_shape=(5, 2))(x).shape == (None, 5, 2)
    assert layers.Lambda(lambda x: x, lambda shape: (*shape, 1)).compute_output_shape((3,)) == (
        3,
        1,
    )
    two = layers.Lambda(lambda xs: xs[0], output_shape=(7,))
    assert two.compute_output_shape([(4, 1), (4, 2)]) == (4, 7)


def test_masks():
    x = layers.Masking()(HIDDEN)
    layer = layers.Lambda(kept, mask=lambda x, mask: mask)
    y = layer(layers.Masking()(HIDDEN))
    np.testing.assert_array_equal(y, HIDDEN)
    np.testing.assert_array_equal(y._keras_mask, x._keras_mask)
    given = np.ones((3, 5), bool)
    assert layers.Lambda(scaled, mask=given)(X)._keras_mask is given
    with pytest.warns(UserWarning, match="destroy the mask"):
        assert layers.Lambda(scaled)(x)._keras_mask is None


def test_a_named_function_is_saved_and_a_lambda_is_not(tmp_path):
    model = dc.Sequential([dc.Input((5, 2)), layers.Lambda(scaled, (5, 2), arguments={"by": 3.0})])
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(X), X * 3)
    assert again.layers[0].get_config() == model.layers[0].get_config()
    model = dc.Sequential([dc.Input((5, 2)), layers.Lambda(lambda x: x)])
    with pytest.raises(ValueError, match="A lambda cannot be saved"):
        model.save(tmp_path / "l.keras")
    code = {"class_name": "__lambda__", "config": {"code": "", "defaults": None, "closure": None}}
    for safe_mode in (True, False):
        with pytest.raises(ValueError, match="A lambda cannot be saved or loaded"):
            dc.saving.deserialize_keras_object(
                {
                    "module": "keras.layers",
                    "class_name": "Lambda",
                    "config": {"function": code},
                    "registered_name": None,
                },
                safe_mode=safe_mode,
            )


def test_what_cannot_be_called():
    with pytest.raises(TypeError, match=r"Lambda: function must be callable.*3"):
        layers.Lambda(3)
