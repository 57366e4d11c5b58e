"""Tells English from French, twice: by bags of n-grams, and by convolutions over letters.

    python examples/text_classification.py [--data FOLDER]

FOLDER holds Multi30k (train.en, train.fr, ...: 29,000 sentences in each language); both get more
than 99.9% of the test sentences right, in half a minute. Without it the example runs on 40 invented
pairs, in seconds.
"""

import argparse

import numpy as np

import deepcore as keras
from deepcore import layers

LANGUAGES = ("English", "French")


def labelled(english: np.ndarray, french: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sentences of both languages in an order drawn at random, and their classes 0 and 1."""
    x = np.concatenate([english, french])
    y = np.repeat([0, 1], [len(english), len(french)])
    order = np.random.default_rng(0).permutation(len(x))
    return x[order], y[order]


def bag_of_ngrams(texts: np.ndarray) -> keras.Sequential:
    """Words and pairs of words, weighed by how rare they are; their order is lost."""
    grams = layers.TextVectorization(max_tokens=5000, ngrams=2, output_mode="tf_idf")
    grams.adapt(texts)
    return keras.Sequential(
        [
            keras.Input((), dtype="string"),
            grams,
            layers.Dropout(0.3),
            layers.Dense(16, activation="relu"),
            layers.Dense(len(LANGUAGES), activation="softmax"),
        ]
    )


def convolution(texts: np.ndarray) -> keras.Sequential:
    """Letters in their order: each filter looks for a piece of five of them, anywhere."""
    letters = layers.TextVectorization(
        standardize="lower", split="character", max_tokens=100, output_sequence_length=128
    )
    letters.adapt(texts)
    return keras.Sequential(
        [
            keras.Input((), dtype="string"),
            letters,
            layers.Embedding(letters.vocabulary_size(), 16),
            layers.Conv1D(64, 5, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.3),
            layers.Dense(len(LANGUAGES), activation="softmax"),
        ]
    )


def main() -> None:
    """Loads, trains and tests both, and asks them about a few sentences of ours."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="the folder of Multi30k's files")
    parser.add_argument("--epochs", type=int, help="2, or 30 of the small sample")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    train, val, test = keras.datasets.multi30k.load_data(args.data)
    (x_train, y_train), (x_test, y_test) = labelled(*train), labelled(*test)
    print(f"{len(x_train)} sentences to train on, {len(x_test)} to test")

    epochs = args.epochs or (2 if len(x_train) > 1000 else 30)
    own = np.array(["Where is the station?", "Je ne sais pas.", "Une table, please!"], dtype=object)
    for name, build in (("bag of n-grams", bag_of_ngrams), ("convolution", convolution)):
        model = build(x_train)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(
            x_train,
            y_train,
            epochs=epochs,
            validation_data=labelled(*val),
            verbose=2,
        )
        _, accuracy = model.evaluate(x_test, y_test, verbose=0)
        print(f"{name}: test accuracy: {accuracy:.4f}")
        for text, chances in zip(own, model.predict(own, verbose=0), strict=True):
            print(f"  {text} - {LANGUAGES[np.argmax(chances)]} ({np.max(chances):.0%})")


if __name__ == "__main__":
    main()
