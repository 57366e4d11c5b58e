"""Finds who did what to whom: a bidirectional LSTM and a CRF tag the semantic roles of a verb.

    python examples/semantic_roles.py [--data FOLDER]

FOLDER holds en_ewt-up-dev.conllu, to train on, and en_ewt-up-test.conllu, to test on, of the
Universal Proposition Banks: an F1 of 0.62, after a minute of training on two cores, where the
baseline has 0.29. Without it the example runs on 36 invented sentences, in seconds: too few to tell
which of the two is better.

In this data a role stands at one word, the head of its phrase, so that each word has at most one
role for a predicate: precision, recall and F1 count words, and leave out the predicate's own `V`.
The baseline gives a word the role that is most frequent for its part of speech and its distance
to the predicate; giving all words the most frequent role, none, would find nothing at all.
"""

import argparse
from collections import Counter, defaultdict

import numpy as np

import deepcore as keras
from deepcore import layers
from deepcore.datasets.semantic_roles import Proposition

FEATURES = {"word": 64, "suffix": 24, "tag": 24, "verb": 64, "place": 32}  # sizes of the vectors
NOT_SCORED = ("_", "V")


def features(one: Proposition) -> dict[str, list[str]]:
    """What the network sees of each word: all strings."""
    words = [word.lower() for word in one.words]
    away = [int(np.clip(place - one.predicate, -8, 8)) for place in range(len(words))]
    return {
        "word": words,
        "suffix": [word[-3:] for word in words],
        "tag": one.tags,
        "verb": [words[one.predicate]] * len(words),
        "place": [f"{steps:+d}" for steps in away],
    }


def columns(propositions: list[Proposition]) -> dict[str, np.ndarray]:
    """An array of strings (N, T) for each feature; short sentences are filled up with ""."""
    rows = [features(one) for one in propositions]
    return {
        name: keras.utils.pad_sequences(
            [row[name] for row in rows], dtype=object, padding="post", value=""
        )
        for name in FEATURES
    }


def build_model(x: dict[str, np.ndarray], roles: int) -> keras.Model:
    """From strings to roles; a string seen once in `x` is as good as unknown."""
    inputs, vectors = {}, []
    for name, size in FEATURES.items():
        seen = Counter(x[name].ravel().tolist())
        lookup = layers.StringLookup(
            vocabulary=sorted(text for text, times in seen.items() if text and times > 1),
            mask_token="",  # gets 0, which the mask of Embedding leaves out
        )
        inputs[name] = keras.Input((None,), dtype="string", name=name)
        embedding = layers.Embedding(lookup.vocabulary_size(), size, mask_zero=True)
        vectors.append(embedding(lookup(inputs[name])))
    h = layers.Dropout(0.4)(layers.Concatenate()(vectors))
    for _ in range(2):
        h = layers.Bidirectional(layers.LSTM(96, return_sequences=True))(h)
        h = layers.Dropout(0.4)(h)
    return keras.Model(inputs, layers.CRF(roles)(h))


def baseline(train: list[Proposition], test: list[Proposition]) -> list[list[str]]:
    """The most frequent role of a part of speech at a distance from the predicate."""

    def keys(one: Proposition) -> list[tuple[str, str]]:
        row = features(one)
        return list(zip(row["tag"], row["place"], strict=True))

    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in train:
        for key, role in zip(keys(one), one.roles, strict=True):
            counts[key][role] += 1
    best = {key: found.most_common(1)[0][0] for key, found in counts.items()}
    return [[best.get(key, "_") for key in keys(one)] for one in test]


def scores(gold: list[list[str]], found: list[list[str]]) -> dict[str, tuple[float, ...]]:
    """Precision, recall, F1 and the number of words of each role, and of all together."""
    right, given, wanted = Counter(), Counter(), Counter()
    for true, guess in zip(gold, found, strict=True):
        for a, b in zip(true, guess, strict=True):
            for name in ("all", a):
                wanted[name] += a not in NOT_SCORED
                right[name] += a == b and a not in NOT_SCORED
            for name in ("all", b):
                given[name] += b not in NOT_SCORED
    table = {}
    for name, count in wanted.most_common():
        if count:
            precision, recall = right[name] / max(given[name], 1), right[name] / count
            f1 = 2 * right[name] / (given[name] + count)
            table[name] = (precision, recall, f1, count)
    return table


def main() -> None:
    """Loads, trains, tests beside the baseline, and shows a sentence."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="the folder of the .conllu files")
    parser.add_argument("--epochs", type=int, help="15, or 150 of the small sample")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    keras.utils.set_random_seed(args.seed)
    train, test = keras.datasets.semantic_roles.load_data(args.data)
    print(f"{len(train)} predicates to train on, {len(test)} to test")
    names = sorted({role for one in train for role in one.roles})
    number = {role: i for i, role in enumerate(names)}
    x = columns(train)
    y = keras.utils.pad_sequences([[number[r] for r in one.roles] for one in train], padding="post")

    model = build_model(x, len(names))
    model.compile(keras.optimizers.Adam(2e-3))  # the CRF brings its own loss
    epochs = args.epochs or (15 if len(train) > 1000 else 150)
    model.fit(x, y, epochs=epochs, bucket_by_length=True, verbose=2)

    tags = np.argmax(model.predict(columns(test), verbose=0), axis=-1)
    found = [[names[i] for i in row[: len(one.words)]] for row, one in zip(tags, test, strict=True)]
    gold = [one.roles for one in test]
    ours, theirs = scores(gold, found), scores(gold, baseline(train, test))
    print(f"{'role':<12}{'precision':>10}{'recall':>8}{'F1':>8}{'baseline F1':>13}{'words':>8}")
    for role, (precision, recall, f1, count) in list(ours.items())[:20]:  # the frequent ones
        other = theirs[role][2]
        print(f"{role:<12}{precision:>10.3f}{recall:>8.3f}{f1:>8.3f}{other:>13.3f}{count:>8}")
    tagged = zip(test[0].words, found[0], strict=True)
    print(" ".join(word if role == "_" else f"{word}/{role}" for word, role in tagged))
    print(f"test F1: {ours['all'][2]:.4f}, baseline: {theirs['all'][2]:.4f}")


if __name__ == "__main__":
    main()
