"""Tells praise from blame in sentences of film reviews, with a bidirectional LSTM.

    python examples/sentiment.py [--data FOLDER]

FOLDER holds the sentence polarity data set v1.0 (rt-polarity.pos and rt-polarity.neg, 10,662
sentences; Pang & Lee 2005). A fifth of them is kept for testing: 77% right, after some seconds of
training on two cores. Without it the example runs on 72 invented sentences: enough to show the way,
too few to tell how well it works.
"""

import argparse

import deepcore as keras
from deepcore import layers


def build_model(texts: list[str]) -> keras.Sequential:
    """From a sentence to the probability that it praises; knows the words of `texts`.

    Little data and many words: what the network may learn by heart is dropped at random, words'
    vectors by channels and the summary of the sentence by units.
    """
    words = layers.TextVectorization(max_tokens=12_000, standardize="lower")
    words.adapt(texts)
    return keras.Sequential(
        [
            keras.Input((), dtype="string"),
            words,
            # 0 fills short sentences up; the mask tells the layers that follow to skip it.
            layers.Embedding(words.vocabulary_size(), 64, mask_zero=True),
            layers.SpatialDropout1D(0.5),
            layers.Bidirectional(layers.LSTM(48, return_sequences=True)),
            layers.GlobalAveragePooling1D(),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def main() -> None:
    """Loads, trains, tests, and judges a few sentences of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="the folder of rt-polarity.pos and rt-polarity.neg")
    parser.add_argument("--epochs", type=int, help="12 at most, or 60 of the small sample")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    (x, y), (x_test, y_test) = keras.datasets.polarity.load_data(args.data)
    small = len(x) < 1000
    held = len(x) // 10  # says when to stop
    x_train, y_train, x_val, y_val = x[held:], y[held:], x[:held], y[:held]
    print(f"{len(x_train)} sentences to train on, {held} to validate, {len(x_test)} to test")

    model = build_model(x_train)
    model.summary()
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    # A handful of sentences could not say when to stop.
    patience = 60 if small else 2
    stop = keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=not small)
    model.fit(
        x_train,
        y_train,
        epochs=args.epochs or (60 if small else 12),
        validation_data=(x_val, y_val),
        callbacks=[stop],
        bucket_by_length=True,  # batches of like sentences: little time goes into padding
        verbose=2,
    )
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test accuracy: {accuracy:.4f}")

    own = ["a warm and funny film", "dull , predictable and far too long"]
    for text, praise in zip(own, model.predict(own, verbose=0)[:, 0], strict=True):
        print(f"{praise:.0%} praise: {text}")


if __name__ == "__main__":
    main()
