"""Models that begin with strings: fit, evaluate and predict take them as they are."""

import numpy as np
import pandas as pd
import pytest

import deepcore as dc
from deepcore import layers
from deepcore.training import prepared
from peers import each_checks_the_other

TEXTS = ["good film", "bad film", "very good", "very bad", "good", "bad", "so good", "so bad"] * 4
LABELS = np.array([1, 0] * 16)


def words(**arguments):
    layer = layers.TextVectorization(output_mode="multi_hot", **arguments)
    layer.adapt(TEXTS)
    return layer


def classifier(shape=(), layer=None, entry=True):
    dc.utils.set_random_seed(0)
    stack = [layer or words(), layers.Dense(4, "relu"), layers.Dense(1, "sigmoid")]
    model = dc.Sequential([dc.Input(shape, dtype="string"), *stack] if entry else stack)
    model.compile(dc.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_model_learns_from_strings(shape):
    model = classifier(shape)
    data = (np.array(TEXTS[:8]), LABELS[:8])
    history = model.fit(TEXTS, LABELS, epochs=20, verbose=0, validation_data=data)
    assert history.history["val_accuracy"][-1] == 1
    assert model.evaluate(pd.Series(TEXTS), LABELS, verbose=0)[1] == 1
    expected = model.predict(TEXTS, verbose=0)
    assert expected.shape == (32, 1)
    for x in (np.array(TEXTS), np.array(TEXTS)[:, None], pd.DataFrame({"text": TEXTS})):
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
        np.testing.assert_array_equal(model.predict(x, batch_size=5, verbose=0), expected)
    np.testing.assert_array_equal(model(np.array(TEXTS)), expected)
    np.testing.assert_array_equal(model.freeze()(TEXTS), expected)
    np.testing.assert_array_equal(model.predict_on_batch(TEXTS[:3]), expected[:3])


def test_training_on_strings_is_training_on_their_rows():
    rows = words()(TEXTS).numpy()
    on_text = classifier()
    dc.utils.set_random_seed(0)
    on_rows = dc.Sequential([dc.Input((rows.shape[1],)), *on_text.layers[1:]])
    weights = on_text.get_weights()
    on_text.fit(TEXTS, LABELS, epochs=3, verbose=0, shuffle=False)
    moved = on_text.get_weights()
    on_text.set_weights(weights)
    on_rows.compile(dc.optimizers.Adam(0.05), "binary_crossentropy")
    on_rows.fit(rows, LABELS, epochs=3, verbose=0, shuffle=False)
    for a, b in zip(moved, on_rows.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_large_rows_are_made_batch_by_batch(monkeypatch):
    """The same bits, however the rows come about."""
    whole = classifier()
    whole.fit(TEXTS, LABELS, epochs=2, batch_size=5, verbose=0)
    expected = whole.predict(TEXTS, verbose=0)
    parts = classifier()
    monkeypatch.setattr(prepared, "MAX_BYTES", 64)
    parts.fit(TEXTS, LABELS, epochs=2, batch_size=5, verbose=0)
    np.testing.assert_array_equal(parts.predict(TEXTS, verbose=0), expected)


def test_generators_of_strings_and_validation_split():
    model = classifier(entry=False)
    model.fit(((np.array(TEXTS[i : i + 8]), LABELS[:8]) for i in range(0, 32, 8)), verbose=0)
    assert model.input_shape == (None,)
    assert model.inputs[0].dtype == "string"
    history = model.fit(TEXTS, LABELS, validation_split=0.25, verbose=0).history
    assert {"loss", "val_loss"} <= set(history)
    assert np.isfinite(model.train_on_batch(TEXTS, LABELS)[0])


def test_strings_and_numbers_go_into_one_model():
    text = dc.Input((), dtype="string", name="text")
    topic = dc.Input((1,), dtype="string", name="topic")
    number = dc.Input((2,), name="number")
    lookup = layers.StringLookup(vocabulary=["x", "y"], output_mode="one_hot")
    both = layers.concatenate([words()(text), lookup(topic), number])
    model = dc.Model([text, topic, number], layers.Dense(3)(both))
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = [np.array(TEXTS), np.array(["x", "q"] * 16), rng.normal(size=(32, 2)).astype("float32")]
    model.fit(x, np.zeros((32, 3)), epochs=2, verbose=0)
    expected = model(x).numpy()
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    named = dict(zip(("text", "topic", "number"), x, strict=True))
    np.testing.assert_array_equal(model.predict(named, verbose=0), expected)
    with pytest.raises(ValueError, match=r'Input 1 of layer ".*" takes strings'):
        model.predict([x[0], np.zeros((32, 1)), x[2]], verbose=0)
    with pytest.raises(ValueError, match=r"expected shape=|takes float32"):
        model.predict([x[0], x[1], np.array([["a", "b"]] * 32)], verbose=0)


def test_a_model_of_lookups_begins_another():
    text = dc.Input((), dtype="string")
    inner = dc.Model(text, words()(text))
    model = classifier(layer=inner)
    outer = dc.Input((), dtype="string")
    functional = dc.Model(outer, layers.Dense(1)(inner(outer)))
    for one in (model, functional):
        x = np.array(TEXTS)
        np.testing.assert_array_equal(one.predict(x, verbose=0), one(x))


def test_strings_that_no_layer_takes_are_refused():
    model = dc.Sequential([dc.Input((3,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"predict: x must hold numbers.*shape \(32,\)"):
        model.predict(TEXTS, verbose=0)
    inverted = layers.StringLookup(vocabulary=["a"], invert=True)
    gives = dc.Sequential([dc.Input((2,), dtype="int64"), inverted])
    with pytest.raises(ValueError, match="gives strings, which no later layer takes"):
        gives.predict(np.zeros((2, 2), "int64"), verbose=0)
    text = dc.Input((), dtype="string")
    together = dc.Model(text, layers.Hashing(5, output_mode="count")(text))
    with pytest.raises(ValueError, match=r"values of shape \(5,\) of 32 samples"):
        together.predict(TEXTS, verbose=0)
    with pytest.raises(ValueError, match="computes before the planned step"):
        dc.function(lambda x: layers.IntegerLookup(vocabulary=[1])(x))(np.zeros((2,), "int64"))


def test_a_model_of_ones_own_takes_strings_eagerly():
    class Own(dc.Model):
        def __init__(self):
            super().__init__()
            self.words = words()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(self.words(x))

    model = Own()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(TEXTS, LABELS, verbose=0)
    assert model.predict(TEXTS, verbose=0).shape == (32, 1)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="begin a Sequential or functional model with"):
        model.fit(TEXTS, LABELS, verbose=0)


def test_numbers_that_are_looked_up_come_before_the_step():
    model = dc.Sequential(
        [
            dc.Input((2,), dtype="int64"),
            layers.IntegerLookup(vocabulary=[7, 9], output_mode="count"),
            layers.Dense(2),
        ]
    )
    x = np.array([[7, 9], [9, 9], [0, 1]])
    np.testing.assert_array_equal(model.predict(x, verbose=0), model(x))


def test_traced_preprocessing_layers_stay_in_the_plan():
    x = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    normal, bins = layers.Normalization(), layers.Discretization(num_bins=3, output_mode="one_hot")
    normal.adapt(x)
    bins.adapt(x)
    model = dc.Sequential([dc.Input((4,)), normal, bins, layers.Flatten(), layers.Dense(2)])
    np.testing.assert_array_equal(model.predict(x, verbose=0), model(x))
    dc.Sequential([dc.Input((4,), dtype="int32"), layers.CategoryEncoding(5)]).predict(
        np.array([[0, 1, 7, 4]]), verbose=0
    )


@pytest.mark.slow
def test_models_of_texts_go_both_ways_with_keras(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    each_checks_the_other("text_file_peer.py", tmp_path, ".keras")
