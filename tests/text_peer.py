"""What layers for texts and categories compute, with whatever `keras` is.

    python text_peer.py FILE.json     records it: Keras must run on TensorFlow

The other side of test_text_like_keras.py.
"""

import json
import sys

import numpy as np

TEXTS = [
    "The cat sat on the mat.",
    "A cat, a dog & a Cat!",
    "",
    "dogs can't FLY; cats   can\tnot\n",
    "Élan ÉTÉ café naïve",
    "x\x1cy z\u00a0w [UNK] the-end",
    "1 2 3 1 2 1",
]
ASKED = ["the cat dog", "", "unknown words only", "A a a CAT'S Élan 1 2", " \t "]
WORDS = ["b", "a", "c", "a", "", "[UNK]", "ä", "b"]
LONG = ["", "q", *["word" * n for n in (1, 2, 3, 4, 6, 8, 12, 16, 17, 33, 40)], "häß", "日本語"]
NUMBERS = [[5, 3], [3, 9], [5, -1], [0, 12345678901]]

# The layer, its arguments, what it adapts to (or None), and what it is called on.
CASES = {
    "default": ("TextVectorization", {}, TEXTS, ASKED),
    "column": ("TextVectorization", {}, TEXTS, [[text] for text in ASKED]),
    "one": ("TextVectorization", {}, TEXTS, "the cat dog"),
    "empty": ("TextVectorization", {}, TEXTS, ["", " "]),
    "lower": ("TextVectorization", {"standardize": "lower"}, TEXTS, ASKED),
    "strip": ("TextVectorization", {"standardize": "strip_punctuation"}, TEXTS, ASKED),
    "as_is": ("TextVectorization", {"standardize": None}, TEXTS, ASKED),
    "characters": ("TextVectorization", {"split": "character"}, TEXTS, ASKED),
    "few": ("TextVectorization", {"max_tokens": 7}, TEXTS, ASKED),
    "one_word": ("TextVectorization", {"max_tokens": 3}, TEXTS, ASKED),
    "cut": ("TextVectorization", {"output_sequence_length": 3}, TEXTS, ASKED),
    "long": ("TextVectorization", {"output_sequence_length": 9}, TEXTS, ASKED),
    "bigrams": ("TextVectorization", {"ngrams": 2}, TEXTS, ASKED),
    "trigrams": ("TextVectorization", {"ngrams": [1, 3], "split": "character"}, TEXTS, ASKED),
    "tokens": ("TextVectorization", {"split": None, "ngrams": 2}, [["a", "b"]], [["a", "b", "c"]]),
    "tokens_only": ("TextVectorization", {"split": None}, TEXTS, ASKED),
    "multi_hot": ("TextVectorization", {"output_mode": "multi_hot"}, TEXTS, ASKED),
    "count": ("TextVectorization", {"output_mode": "count", "ngrams": 2}, TEXTS, ASKED),
    "count_one": ("TextVectorization", {"output_mode": "count"}, TEXTS, "the cat the"),
    "tf_idf": ("TextVectorization", {"output_mode": "tf_idf"}, TEXTS, ASKED),
    "tf_idf_padded": (
        "TextVectorization",
        {"output_mode": "tf_idf", "max_tokens": 60, "pad_to_max_tokens": True},
        TEXTS,
        ASKED,
    ),
    "given": ("TextVectorization", {"vocabulary": ["cat", "the"]}, None, ASKED),
    "given_whole": ("TextVectorization", {"vocabulary": ["", "[UNK]", "cat", "a"]}, None, ASKED),
    "given_idf": (
        "TextVectorization",
        {"vocabulary": ["cat", "a"], "idf_weights": [0.5, 2.0], "output_mode": "tf_idf"},
        None,
        ASKED,
    ),
    "strings": ("StringLookup", {}, WORDS, WORDS),
    "strings_masked": ("StringLookup", {"mask_token": ""}, WORDS, [WORDS]),
    "strings_no_oov": ("StringLookup", {"num_oov_indices": 0}, WORDS[:4], ["a", "c"]),
    "strings_oov": ("StringLookup", {"num_oov_indices": 5, "vocabulary": ["q"]}, None, LONG),
    "strings_salted": (
        "StringLookup",
        {"num_oov_indices": 7, "vocabulary": ["q"], "salt": [11, -3]},
        None,
        LONG,
    ),
    "strings_inverted": (
        "StringLookup",
        {"invert": True, "vocabulary": ["a", "b"], "mask_token": ""},
        None,
        [[0, 1, 2], [3, 4, -1]],
    ),
    "integers": ("IntegerLookup", {}, NUMBERS, NUMBERS),
    "integers_floats": ("IntegerLookup", {}, NUMBERS, [5.7, 3.0]),
    "integers_mod": (
        "IntegerLookup",
        {"num_oov_indices": 3, "vocabulary": [12, 36], "mask_token": 0},
        None,
        [12, 0, 5, -7, 36],
    ),
    "integers_farmhash": (
        "IntegerLookup",
        {"num_oov_indices": 3, "vocabulary": [12, 36], "oov_method": "farmhash"},
        None,
        [12, 0, 5, -7, 36],
    ),
    "integers_tf_idf": ("IntegerLookup", {"output_mode": "tf_idf"}, NUMBERS, NUMBERS),
    "integers_inverted": (
        "IntegerLookup",
        {"invert": True, "vocabulary": [5, 3]},
        None,
        [1, 2, 0, 9],
    ),
    "hash": ("Hashing", {"num_bins": 97}, None, LONG),
    "hash_salted": ("Hashing", {"num_bins": 97, "salt": 133}, None, [LONG]),
    "hash_masked": ("Hashing", {"num_bins": 5, "mask_value": ""}, None, LONG),
    "hash_integers": ("Hashing", {"num_bins": 11}, None, NUMBERS),
    "hash_floats": ("Hashing", {"num_bins": 11}, None, [1.7, -2.3]),
    "hash_bools": ("Hashing", {"num_bins": 11, "dtype": "int32"}, None, [True, False]),
    "bins_learned": ("Discretization", {"num_bins": 4}, "ramp", [[0.0, 50.0], [300.0, 9e9]]),
    "bins_coarse": (
        "Discretization",
        {"num_bins": 3, "epsilon": 0.1},
        "ramp",
        [[0.0, 50.0], [300.0, 9e9]],
    ),
    "normal": ("Normalization", {}, "table", [[1.0, 2.0, 3.0], [0.0, -1.0, 7.0]]),
    "normal_all": ("Normalization", {"axis": None}, "table", [[1.0, 2.0, 3.0]]),
    "normal_inverted": ("Normalization", {"invert": True}, "table", [[1.0, 2.0, 3.0]]),
    "normal_given": (
        "Normalization",
        {"mean": [1.0, 2.0, 0.0], "variance": [4.0, 1.0, 0.0]},
        None,
        [[1.0, 2.0, 3.0]],
    ),
}
# Rows of categories, for every output mode and rank.
for _mode in ("one_hot", "multi_hot", "count"):
    _of = {"output_mode": _mode}
    for _rank, _value in enumerate([2, [1, 2], [[1, 1, 3]], [[[1, 2], [3, 0]]]]):
        CASES[f"category_{_mode}_{_rank}"] = (
            "CategoryEncoding",
            {"num_tokens": 4, **_of},
            None,
            _value,
        )
    for _rank, _value in enumerate(["a", ["a", "z"], [["a", "z", "m"], ["b", "b", "a"]]]):
        _lookup = {"vocabulary": ["a", "b"], "mask_token": "m", **_of}
        CASES[f"lookup_{_mode}_{_rank}"] = ("StringLookup", _lookup, None, _value)
        if _rank:
            CASES[f"hash_{_mode}_{_rank}"] = ("Hashing", {"num_bins": 4, **_of}, None, _value)
    CASES[f"category_column_{_mode}"] = (
        "CategoryEncoding",
        {"num_tokens": 3, **_of},
        None,
        [[1], [2], [5]],
    )
    CASES[f"bins_{_mode}"] = (
        "Discretization",
        {"bin_boundaries": [0.0, 1.0, 2.0], **_of},
        None,
        [[-1.5, 1.0, 3.4, 0.5], [0.0, 1.0, 2.0, 9.0]],
    )
DATA = {
    "ramp": np.arange(1000.0) ** 1.5,
    "table": np.random.default_rng(0).normal(3, 2, (50, 3)).astype("float32"),
}


def computed(layers, name):
    """What a layer of `layers` gives: its outputs, and its vocabulary or boundaries."""
    kind, arguments, data, asked = CASES[name]
    arguments = {
        k: tuple(v) if k == "ngrams" and type(v) is list else v for k, v in arguments.items()
    }
    layer = getattr(layers, kind)(**arguments)
    if data is not None:
        layer.adapt(DATA[data] if isinstance(data, str) else np.array(data))
    output = layer(asked if isinstance(asked, str) else np.array(asked))
    output = output.numpy() if hasattr(output, "numpy") else output
    found = {"output": _plain(output), "dtype": str(output.dtype), "shape": list(output.shape)}
    if hasattr(layer, "get_vocabulary"):
        found["vocabulary"] = _plain(np.array(layer.get_vocabulary(), dtype=object))
    if kind == "Discretization":
        found["boundaries"] = _plain(np.array(layer.bin_boundaries))
    found["config"] = sorted(layer.get_config())
    return found


def _plain(array):
    return [_item(x) for x in array.ravel().tolist()]


def _item(x):
    if isinstance(x, bytes | str):
        return x.decode() if isinstance(x, bytes) else str(x)
    return int(x) if isinstance(x, np.integer) else x


if __name__ == "__main__":
    import keras

    found = {name: computed(keras.layers, name) for name in CASES}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(found, file, indent=0, sort_keys=True)
        file.write("\n")
