"""Masks of tensors: attached, passed on by layers and models, heeded by losses and metrics."""

from __future__ import annotations

import copy
import gc
import re
import warnings

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, masks, ops

TOKENS = np.array([[3, 1, 4, 0, 0], [5, 0, 2, 6, 5], [4, 0, 0, 0, 0]])
COUNTS = TOKENS != 0


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def embedded(tokens=TOKENS):
    return layers.Embedding(7, 3, mask_zero=True)(tokens)


class Recorder(layers.Layer):
    """Keeps the masks that it is given."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.told = []

    def call(self, inputs, mask=None):
        self.told.append(mask)
        return inputs * 1


def same(mask, wanted=COUNTS):
    np.testing.assert_array_equal(np.asarray(mask), wanted)


# ---- tensors


def test_masks_go_with_their_tensors():
    gc.collect()
    before = len(masks._of_tensors)
    x = embedded()
    same(x._keras_mask)
    assert len(masks._of_tensors) == before + 1
    x._keras_mask = COUNTS[:, ::-1]
    same(masks.get(x), COUNTS[:, ::-1])
    x._keras_mask = None
    assert masks.get(x) is None
    x._keras_mask = COUNTS
    del x
    assert len(masks._of_tensors) == before


def test_operations_give_tensors_without_masks():
    assert (embedded() * 2)._keras_mask is None
    assert ops.convert_to_tensor(TOKENS)._keras_mask is None


def test_a_traced_step_leaves_no_masks():
    gc.collect()
    before = len(masks._of_tensors)
    model = dc.Sequential([layers.Embedding(7, 3, mask_zero=True), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(TOKENS, np.ones((3, 5, 2)), verbose=0)
    model.predict(TOKENS, verbose=0)
    gc.collect()
    assert len(masks._of_tensors) == before


# ---- layers


def test_a_cast_keeps_the_mask():
    recorder = Recorder(dtype="float64")
    assert recorder(embedded()).dtype == "float64"
    same(recorder.told[0])


def test_a_given_mask_wins_and_becomes_the_outputs():
    recorder = Recorder()
    y = recorder(embedded(), mask=COUNTS[:, ::-1])
    same(recorder.told[0], COUNTS[:, ::-1])
    same(y._keras_mask, COUNTS[:, ::-1])
    same(Recorder()(np.ones((3, 5, 2)), mask=COUNTS)._keras_mask)


def test_without_masks_there_are_none():
    recorder = Recorder()
    assert recorder(np.ones((3, 5, 2), "float32"))._keras_mask is None
    assert recorder.told == [None]


def test_nested_inputs_bring_nested_masks():
    class Several(Recorder):
        def call(self, inputs, mask=None):
            self.told.append(mask)
            return inputs[0] * 1

        def compute_mask(self, inputs, mask=None):
            return mask[1]

    layer = Several()
    y = layer([np.ones((3, 5, 3)), embedded()])
    assert layer.told[0][0] is None
    same(layer.told[0][1])
    same(y._keras_mask)


def test_several_outputs_have_a_mask_each():
    class Two(layers.Layer):
        def call(self, inputs):
            return {"a": inputs * 1, "b": inputs[:, 1:]}

        def compute_mask(self, inputs, mask=None):
            return {"a": mask, "b": mask[:, 1:]}

    y = Two()(embedded())
    same(y["a"]._keras_mask)
    same(y["b"]._keras_mask, COUNTS[:, 1:])


def test_a_lost_mask_is_told_and_names_the_layer():
    with pytest.warns(UserWarning, match=r"Layer 'flat' \(of type Flatten\).*destroy the mask"):
        assert layers.Flatten(name="flat")(embedded())._keras_mask is None


def test_masks_reach_layers_inside_layers():
    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.embedding = layers.Embedding(7, 3, mask_zero=True)
            self.recorder = Recorder()

        def call(self, tokens):
            return self.recorder(self.embedding(tokens))

    outer = Outer()
    same(outer(TOKENS)._keras_mask)
    same(outer.recorder.told[0])


@pytest.mark.parametrize("layer", [layers.Add(), layers.Concatenate()])
def test_merging_asks_for_a_mask_each(layer):
    x = embedded()
    with pytest.raises(ValueError, match=r"same length.*2 inputs and 1 masks"):
        layer.compute_mask([x, x], [None])
    with pytest.raises(ValueError, match="should be a list"):
        layer.compute_mask(x, x)


# ---- layers that compute with masks


@pytest.mark.parametrize(
    ("layer", "x", "mask"),
    [
        (layers.GlobalAveragePooling1D(), (2, 5, 3), (2, 4)),
        (layers.GlobalAveragePooling1D(), (2, 5, 3), (5,)),
        (layers.GlobalAveragePooling1D(), (2, 5, 3), (2, 5, 1)),
        (layers.BatchNormalization(), (2, 5, 3), (2, 4)),
        (layers.Softmax(), (2, 5), (2, 4)),
        (layers.Softmax(), (2, 5), (1, 2, 5)),
        (layers.TimeDistributed(layers.Dense(2)), (2, 5, 3), (2, 4)),
        (layers.TimeDistributed(layers.Dense(2)), (2, 5, 3), (2,)),
    ],
)
def test_a_mask_of_another_shape_names_the_layer_and_both_shapes(layer, x, mask):
    told = rf"{type(layer).__name__}: the mask.*{re.escape(str(mask))}.*{re.escape(str(x))}"
    with pytest.raises(ValueError, match=told):
        layer(np.ones(x, "float32"), mask=np.ones(mask, bool), training=True)


@pytest.mark.parametrize("axis", [-1, (0, 1)])
def test_softmax_gives_nothing_to_what_is_hidden(axis):
    x = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    mask = np.float32([[1, 0.4, 0.6, 1, 0], [0, 0, 0, 0, 0]])  # above a half counts
    weight = np.exp(x) * (mask > 0.5)
    total = weight.sum(axis, keepdims=True)
    wanted = np.divide(weight, total, out=np.zeros_like(x), where=total > 0)
    np.testing.assert_allclose(layers.Softmax(axis)(x, mask=mask), wanted, rtol=1e-6)
    kept = np.array([True, False, True, True, True])
    assert (layers.Softmax()(x, mask=kept).numpy()[:, 1] == 0).all()


# ---- models


def test_models_pass_masks_on_at_calls_in_traces_and_when_nested():
    def stack(recorder):
        return dc.Sequential([layers.Embedding(7, 3, mask_zero=True), recorder])

    def graph(recorder):
        x = dc.Input((5,), dtype="int32")
        return dc.Model(x, recorder(layers.Embedding(7, 3, mask_zero=True)(x)))

    def nested(recorder):
        x = dc.Input((5,), dtype="int32")
        inner = dc.Sequential([dc.Input((5,)), layers.Embedding(7, 3, mask_zero=True)])
        return dc.Model(x, recorder(inner(x)))

    for make in (stack, graph, nested):
        recorder = Recorder()
        model = make(recorder)
        recorder.told.clear()
        same(model(TOKENS)._keras_mask)
        same(recorder.told[-1])
        model.predict(TOKENS, verbose=0)
        assert recorder.told[-1] is not None, make


def test_a_model_takes_masks_of_its_inputs():
    recorder = Recorder()
    x = dc.Input((5, 3))
    for model in (dc.Sequential([x, recorder]), dc.Model(x, recorder(x))):
        recorder.told.clear()
        given = np.ones((3, 5, 3), "float32")
        model(ops.convert_to_tensor(given), mask=COUNTS)
        same(recorder.told[-1])
        model(given)
        assert recorder.told[-1] is None


def test_symbolic_tensors_have_symbolic_masks():
    x = dc.Input((5,), dtype="int32")
    layer = layers.Embedding(7, 3, mask_zero=True)
    y = layers.Dense(2)(layer(x))
    assert y._keras_mask.shape == (None, 5)
    assert y._keras_mask.dtype == "bool"
    del y
    assert layer.output._keras_mask.shape == (None, 5)
    model = dc.Model(x, layer.output._keras_mask)
    np.testing.assert_array_equal(model(TOKENS).numpy(), COUNTS)
    again = copy.deepcopy(model)
    np.testing.assert_array_equal(again(TOKENS).numpy(), COUNTS)


# ---- losses and metrics


def test_a_loss_is_the_mean_of_what_counts():
    y = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    prediction = layers.Dense(2)(embedded())
    each = ((prediction.numpy() - y) ** 2).mean(-1)
    mse = dc.losses.MeanSquaredError
    np.testing.assert_allclose(mse()(y, prediction), each[COUNTS].mean(), rtol=1e-6)
    np.testing.assert_allclose(mse("sum")(y, prediction), each[COUNTS].sum(), rtol=1e-6)
    np.testing.assert_allclose(mse(None)(y, prediction), each * COUNTS, rtol=1e-6)
    weight = np.float32([1, 2, 3])
    wanted = (each * weight[:, None])[COUNTS].mean()
    np.testing.assert_allclose(mse()(y, prediction, weight), wanted, rtol=1e-6)


def test_weights_of_samples_meet_samples_though_there_are_as_many_steps():
    x = layers.Masking()(np.ones((3, 3, 1), "float32"))
    weight = np.float32([1, 0, 0])
    y = np.arange(9, dtype="float32").reshape(3, 3, 1)
    loss = dc.losses.MeanAbsoluteError()(y, x, weight)
    np.testing.assert_allclose(loss, np.abs(y - 1)[0].sum() / 9, rtol=1e-6)


@pytest.mark.parametrize("eagerly", [False, True])
def test_metrics_of_training_leave_out_what_is_hidden(eagerly):
    dc.utils.set_random_seed(1)
    model = dc.Sequential(
        [layers.Embedding(7, 3, mask_zero=True), layers.Dense(3, activation="softmax")]
    )
    model.compile(
        dc.optimizers.SGD(0.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        run_eagerly=eagerly,
    )
    y = np.random.default_rng(0).integers(0, 3, TOKENS.shape)
    history = model.fit(TOKENS, y, batch_size=2, verbose=0).history
    right = model.predict(TOKENS, verbose=0).argmax(-1) == y
    np.testing.assert_allclose(history["accuracy"], [right[COUNTS].mean()], rtol=1e-6)
    evaluated = model.evaluate(TOKENS, y, batch_size=3, verbose=0)
    np.testing.assert_allclose(evaluated[1], right[COUNTS].mean(), rtol=1e-6)


def test_padding_changes_nothing():
    """A batch trains alike with more padding behind it."""
    losses = []
    y = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    for more in (0, 4):
        dc.utils.set_random_seed(1)
        model = dc.Sequential([layers.Embedding(7, 3, mask_zero=True), layers.Dense(2)])
        model.compile("adam", "mse")
        x = np.pad(TOKENS, ((0, 0), (0, more)))
        target = np.pad(y, ((0, 0), (0, more), (0, 0)))
        losses.append(model.fit(x, target, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
