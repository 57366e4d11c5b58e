"""Learns to write, letter by letter: an LSTM that guesses the next character of a text.

    python examples/char_rnn.py [--data FILE] [--epochs 30]

FILE is any text, best of 100,000 characters or more. Without it the example learns the rhyme below
nearly by heart, in seconds. Prints how well it guesses the last tenth of the text, which it was not
trained on, and what it writes itself at some temperatures: the higher, the bolder.
"""

import argparse
import math
from pathlib import Path

import numpy as np

import deepcore as keras
from deepcore import layers

LENGTH = 64  # characters of a training sequence
TEMPERATURES = (0.3, 0.6, 1.0)
RHYME = """\
The river runs below the mill,
the miller's wheel is never still;
it turns by day, it turns by night,
it turns in dark, it turns in light.

The miller sleeps beside the mill,
the river sings and never will
be tired of the song it sings
of rain and snow and other things.

The winter comes, the river sleeps,
the snow is on the mill in heaps;
the wheel is still, the night is long,
the miller hums the river's song.

The summer comes, the river wakes,
and oh, what merry sounds it makes;
it turns the wheel, it fills the mill,
it runs and runs, and never will
be still.
"""


def windows(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of characters (N, LENGTH), and the characters that follow each of them."""
    step = LENGTH if len(codes) > 20_000 else 4  # a short text is read from many places
    cut = np.lib.stride_tricks.sliding_window_view(codes, LENGTH + 1)[::step]
    return cut[:, :-1], cut[:, 1:]


def build_model(characters: int, writers: int | None = None) -> keras.Sequential:
    """Scores for the next character, after each one.

    With `writers`, it takes a character a call for each of so many texts, and remembers their
    state from one call to the next: the same weights, to write with.
    """
    shape = (LENGTH,) if writers is None else (1,)
    return keras.Sequential(
        [
            keras.Input(shape, batch_size=writers, dtype="int32"),
            layers.Embedding(characters, 32),
            layers.LSTM(192, return_sequences=True, stateful=writers is not None),
            layers.Dropout(0.2),
            layers.Dense(characters),
        ]
    )


def write(model: keras.Sequential, alphabet: list[str], start: str, length: int) -> list[str]:
    """Goes on after `start`, at each of the temperatures."""
    rng = np.random.default_rng(0)
    writer = build_model(len(alphabet), writers=len(TEMPERATURES))
    writer.set_weights(model.get_weights())
    texts = [start] * len(TEMPERATURES)
    for place in range(len(start) + length - 1):
        codes = [[alphabet.index(text[place])] for text in texts]
        scores = writer.predict_on_batch(np.array(codes, dtype="int32"))[:, 0]
        if place + 1 >= len(start):
            # The largest of the scores with Gumbel noise is a draw from their softmax.
            noisy = scores / np.array(TEMPERATURES)[:, None] + rng.gumbel(size=scores.shape)
            drawn = [alphabet[code] for code in np.argmax(noisy, axis=1)]
            texts = [text + character for text, character in zip(texts, drawn, strict=True)]
    return texts


def main() -> None:
    """Reads, trains, tests, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a text file")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--length", type=int, default=300, help="how much to write")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    text = args.data.read_text("utf-8", "replace") if args.data else RHYME
    if len(text) < 4 * LENGTH:
        parser.error(f"--data: {len(text)} characters are too few; it takes {4 * LENGTH}")
    alphabet = sorted(set(text))
    number = {character: code for code, character in enumerate(alphabet)}
    codes = np.array([number[character] for character in text], dtype="int32")
    kept = len(codes) - max(len(codes) // 10, LENGTH + 1)
    train, test = codes[:kept], codes[kept:]
    print(f"{len(train)} characters to train on, {len(test)} to test; {len(alphabet)} different")

    model = build_model(len(alphabet))
    model.compile(
        keras.optimizers.Adam(4e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(*windows(train), epochs=args.epochs, verbose=2)
    loss, accuracy = model.evaluate(*windows(test), verbose=0)
    often = (np.bincount(train, minlength=len(alphabet)) + 1) / (len(train) + len(alphabet))
    print(f"bits per character: {loss / math.log(2):.2f}, {accuracy:.0%} guessed right")
    print(f"by frequency alone: {-np.log2(often[test]).mean():.2f}")
    texts = write(model, alphabet, text[:20], args.length)
    for temperature, written in zip(TEMPERATURES, texts, strict=True):
        print(f"--- temperature {temperature}\n{written}")


if __name__ == "__main__":
    main()
