"""A model that begins with strings, categories and numbers, in a file, with whatever `keras` is.

    python text_file_peer.py make FILE.keras
    python text_file_peer.py check FILE.keras

Keras must run on TensorFlow: elsewhere its models do not take strings.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers

TEXTS = np.array(["the cat sat", "a cat sat sat", "Dogs, run! naïve", "the dogs"])
NUMBERS = np.random.default_rng(0).normal(2, 3, (4, 3)).astype("float32")
CODES = np.array([[1, 5], [7, 5], [9, 1], [0, 0]])
TOPICS = np.array([["x"], ["y"], ["x"], ["zz"]])


def build():
    """A layer of each kind."""
    text = keras.Input((), dtype="string", name="text")
    topic = keras.Input((1,), dtype="string", name="topic")
    words = layers.TextVectorization(ngrams=2, name="words")
    words.adapt(TEXTS)
    # Without pad_to_max_tokens: Keras cannot read its own files of that.
    weighed = layers.TextVectorization(output_mode="tf_idf", name="weighed")
    weighed.adapt(TEXTS)
    topics = layers.StringLookup(output_mode="one_hot", num_oov_indices=2, name="topics")
    topics.adapt(TOPICS[:3])
    hashed = layers.Hashing(5, output_mode="multi_hot", name="hashed")
    mean = layers.GlobalAveragePooling1D(name="mean")(
        layers.Embedding(40, 3, mask_zero=True, name="embedding")(words(text))
    )
    number = keras.Input((3,), name="number")
    code = keras.Input((2,), dtype="int64", name="code")
    normal, bins = layers.Normalization(name="normal"), layers.Discretization(num_bins=3)
    normal.adapt(NUMBERS)
    bins.adapt(NUMBERS)
    codes = layers.IntegerLookup(output_mode="count", name="codes")
    codes.adapt(CODES)
    ranges = layers.CategoryEncoding(3, name="ranges")(bins(number))
    joined = layers.Concatenate(name="joined")(
        [mean, weighed(text), topics(topic), hashed(topic), normal(number), ranges, codes(code)]
    )
    return keras.Model(
        [text, topic, number, code], layers.Dense(2, name="out")(joined), name="texts"
    )


def outputs(model):
    return np.asarray(model([TEXTS, TOPICS, NUMBERS, CODES]))


if __name__ == "__main__":
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "make":
        model = build()
        model.save(path)
        np.save(path.with_suffix(".npy"), outputs(model))
    else:
        model = keras.saving.load_model(path)
        expected = np.load(path.with_suffix(".npy"))
        np.testing.assert_allclose(outputs(model), expected, rtol=1e-5, atol=1e-6)
        assert model.get_layer("words").get_vocabulary()[:3] == ["", "[UNK]", "sat"], (
            model.get_layer("words").get_vocabulary()
        )
