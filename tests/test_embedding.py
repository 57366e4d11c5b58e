"""Embedding, Masking and TimeDistributed: arguments, errors, and what Keras's tables leave out."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64"])
def test_tokens_of_any_dtype(dtype):
    table = RNG.normal(size=(7, 3)).astype("float32")
    tokens = np.array([[1, 0, 6], [2, 2, 5]])
    layer = layers.Embedding(7, 3, weights=table)
    np.testing.assert_array_equal(layer(tokens.astype(dtype)), table[tokens])
    np.testing.assert_array_equal(layers.Embedding(7, 3, weights=[table])(tokens), table[tokens])
    assert layer(tokens[:0]).shape == (0, 3, 3)
    assert layer(np.array(3)).shape == (3,)


def test_the_gradient_adds_up_the_uses_of_a_row():
    layer = layers.Embedding(5, 2)
    tokens = np.array([[1, 3, 1], [1, 0, 3]])
    weigh = RNG.normal(size=(2, 3, 2)).astype("float32")
    layer.build()
    with dc.transforms.GradientTape() as tape:
        loss = ops.sum(layer(tokens) * weigh)
    wanted = np.zeros((5, 2))
    np.add.at(wanted, tokens, weigh)
    np.testing.assert_allclose(tape.gradient(loss, layer.embeddings.value), wanted, rtol=1e-6)


def test_bfloat16_counts_tokens_exactly():
    layer = layers.Embedding(1001, 2, dtype="bfloat16")
    layer.build()
    y = layer(np.array([999, 1000]))
    assert y.dtype == "bfloat16"
    np.testing.assert_array_equal(
        ops.cast(y, "float32"), ops.cast(layer.embeddings.value, "float32").numpy()[[999, 1000]]
    )


def test_the_table_is_regularized_and_constrained():
    layer = layers.Embedding(
        4, 2, "ones", embeddings_regularizer="l2", embeddings_constraint="unit_norm"
    )
    model = dc.Sequential([dc.Input((3,)), layer])
    np.testing.assert_allclose(layer.losses[0], 0.01 * 8)
    model.compile(dc.optimizers.SGD(0.0), "mse")
    model.fit(np.zeros((1, 3)), np.zeros((1, 3, 2)), verbose=0)
    np.testing.assert_allclose(np.linalg.norm(layer.embeddings.numpy(), axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("token", [-1, 7, -8, 2**31 - 1])
def test_tokens_out_of_range(token):
    """The layer tells its name, out of a planned step and of many batches, too."""
    tokens = np.ones((9, 2), "int32")
    targets = np.zeros((9, 2, 3))
    model = dc.Sequential([dc.Input((2,), dtype="int32"), layers.Embedding(7, 3, name="words")])
    model.compile("sgd", "mse")
    model.predict(tokens, verbose=0)
    frozen, first = model.freeze(), model.freeze()
    frozen(tokens)
    before = model.get_weights()[0]
    bad = tokens.copy()
    bad[5, 1] = token
    batches = [(bad[i : i + 2], targets[i : i + 2]) for i in range(0, 9, 2)]
    told = dc.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
    for run in (
        lambda: model.layers[0](bad),
        lambda: model(bad),
        lambda: model.predict(bad, verbose=0),
        lambda: model.predict(bad, batch_size=2, verbose=0),
        lambda: model.evaluate(bad, targets, batch_size=2, verbose=0),
        lambda: model.train_on_batch(bad, targets),
        lambda: model.fit(bad[4:], targets[4:], batch_size=2, shuffle=False, verbose=0),
        lambda: model.fit(bad[4:], targets[4:], shuffle=False, verbose=0, callbacks=[told]),
        lambda: model.fit(iter(batches[2:]), verbose=0),
        lambda: frozen(bad),
        lambda: first(bad),
    ):
        with pytest.raises(
            IndexError, match=rf"layer 'words' has 7 ids.*0 to 6.*({token} to 1|1 to {token})\."
        ):
            run()
    np.testing.assert_array_equal(model.get_weights()[0], before)
    model.fit(tokens, targets, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "Embedding: input_dim must be a positive integer.*0"),
        ((5, 2.5), "Embedding: output_dim must be a positive integer.*2.5"),
        ((5, True), "Embedding: output_dim must be a positive integer.*True"),
    ],
)
def test_sizes_must_be_positive_integers(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.Embedding(*arguments)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="lora_rank=4"):
        layers.Embedding(5, 2, lora_rank=4)
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        layers.Embedding(5, 2, weights=np.zeros((4, 2)))
    with pytest.raises(AttributeError, match="must build"):
        layers.Embedding(5, 2).embeddings  # noqa: B018
    with pytest.warns(UserWarning, match="input_length"):
        layers.Embedding(5, 2, input_length=3)


# ---- TimeDistributed


class OverBatch(layers.Layer):
    """What a sample gives depends on the others."""

    def call(self, inputs):
        return inputs - ops.mean(inputs, axis=0, keepdims=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(4, activation="relu"),
        lambda: layers.Conv1D(2, 2),
        lambda: layers.Flatten(),
        lambda: layers.GlobalMaxPooling1D(),
        lambda: layers.BatchNormalization(),
        lambda: dc.Sequential([layers.Dense(3), layers.ReLU()]),
        lambda: OverBatch(),
        lambda: layers.Lambda(lambda x: x - ops.mean(x, axis=0, keepdims=True)),
        lambda: layers.Dense(3, activation=lambda x: x / ops.max(x, axis=0)),
    ],
)
def test_each_step_is_what_the_layer_gives(make):
    x = RNG.normal(size=(3, 5, 4, 2)).astype("float32")
    layer = make()
    y = layers.TimeDistributed(layer)(x)
    for step in range(5):
        np.testing.assert_array_equal(y[:, step], layer(x[:, step]))
    assert layers.TimeDistributed(layer).compute_output_shape((None, 5, 4, 2))[1] == 5
    empty = layers.TimeDistributed(layer)(x[:, :0])
    assert empty.shape == (3, 0, *y.shape[2:])


def test_statistics_move_with_every_step():
    norm = layers.BatchNormalization(momentum=0.5)
    x = RNG.normal(size=(4, 3, 2)).astype("float32")
    layers.TimeDistributed(norm)(x, training=True)
    mean = np.zeros(2)
    for step in range(3):
        mean = 0.5 * mean + 0.5 * x[:, step].mean(0)
    np.testing.assert_allclose(norm.moving_mean, mean, rtol=1e-5)


def test_each_step_gets_its_mask():
    class Kept(layers.Layer):
        def call(self, inputs, mask=None):
            return inputs * ops.expand_dims(ops.cast(mask, inputs.dtype), -1)

    x = RNG.normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[True, True, False, False], [False, True, True, True]])
    y = layers.TimeDistributed(Kept())(x, mask=mask)
    np.testing.assert_array_equal(y, x * mask[..., None])
    np.testing.assert_array_equal(y._keras_mask, mask)
    again = layers.TimeDistributed(Kept())(x, mask=mask.tolist())
    np.testing.assert_array_equal(again.numpy(), y.numpy())
    with pytest.raises(ValueError, match=r"TimeDistributed: the mask.*\(2, 3\).*\(2, 4, 3\)"):
        layers.TimeDistributed(Kept())(x, mask=mask[:, 1:])


def test_time_distributed_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"TimeDistributed: expected a layer.*'relu'"):
        layers.TimeDistributed("relu")
    with pytest.raises(ValueError, match="at least 3 axes"):
        layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3), "float32"))


def test_time_distributed_comes_back_from_its_config():
    layer = layers.TimeDistributed(layers.Dense(3, name="inner"), name="outer")
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config()
    assert again.layer.units == 3
