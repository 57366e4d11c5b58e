"""Sequences filled up, and pretrained vectors of words."""

import gzip
import tracemalloc

import numpy as np
import pytest

import deepcore as dc
from deepcore.preprocessing import word_vectors
from deepcore.utils import load_word_vectors, pad_sequences


@pytest.mark.parametrize(
    ("arguments", "expected"),  # what Keras gives
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]),
        ({"value": -1}, [[-1, -1, 1], [-1, 2, 3], [4, 5, 6], [-1, -1, -1]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6], [0, 0, 0]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [4, 5], [0, 0]]),
        ({"maxlen": 0}, [[], [], [], []]),
    ],
)
def test_sequences_are_padded_as_keras_pads_them(arguments, expected):
    found = pad_sequences([[1], [2, 3], [4, 5, 6], []], **arguments)
    assert found.dtype == "int32"
    assert found.tolist() == expected
    assert dc.preprocessing.sequence.pad_sequences is pad_sequences


def test_sequences_of_rows_and_of_strings():
    rows = pad_sequences([np.ones((1, 2)), np.full((2, 2), 3.5)], dtype="float32")
    assert rows.tolist() == [[[0, 0], [1, 1]], [[3.5, 3.5], [3.5, 3.5]]]
    words = pad_sequences([["a"], ["b", "cd"]], dtype=object, value="", padding="post")
    assert words.tolist() == [["a", ""], ["b", "cd"]]
    assert pad_sequences([]).shape == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5,), "must be a list of sequences"),
        (([1, [2]],), "Received: 1 at place 0"),
        (([[1]], None, "int32", "left"), "padding must be one of 'pre', 'post'"),
        (([[1]], None, "int32", "pre", "left"), "truncating must be one of"),
        (([[1]], -1), "maxlen must be a non-negative integer"),
        (([["a"]], None, "int32", "pre", "pre", "x"), "pass dtype=object"),
        (([[[1, 2]], [[1]]],), "must have one shape"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(*arguments)


# ---- vectors of words

VECTORS = {"the": [0.5, -1.0, 2.0], "é": [1.0, 2.0, 3.0], "a b": [7.0, 8.0, 9.0], "cat": [0, 0, 1]}
VOCABULARY = ["", "[UNK]", "cat", "é", "new", "a b"]
EXPECTED = [[0, 0, 0], [0, 0, 0], [0, 0, 1], [1, 2, 3], [0, 0, 0], [7, 8, 9]]


def text(header=False, vectors=VECTORS):
    lines = [f"{word} {' '.join(map(str, vector))}\n" for word, vector in vectors.items()]
    first = f"{len(vectors)} 3\n" if header else ""
    return (first + "".join(lines)).encode()


def binary(newlines=True, vectors=VECTORS):
    end = b"\n" if newlines else b""
    parts = [
        word.encode().replace(b" ", b"_") + b" " + np.array(vector, "<f4").tobytes() + end
        for word, vector in vectors.items()
    ]
    return b"%d 3\n" % len(vectors) + b"".join(parts)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("glove.txt", text()),
        ("word2vec.txt", text(header=True)),
        ("word2vec.bin", binary()),
        ("google.bin", binary(newlines=False)),
    ],
)
def test_vectors_come_from_every_format(tmp_path, name, data, packed):
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(data) if packed else data)
    words = [word.replace(" ", "_") for word in VOCABULARY] if ".bin" in name else VOCABULARY
    found = load_word_vectors(path, words, dim=3)
    assert found.dtype == "float32"
    assert found.tolist() == EXPECTED
    by_word = load_word_vectors(path, {"cat": 2, "the": 0})
    assert by_word.tolist() == [VECTORS["the"], [0, 0, 0], VECTORS["cat"]]


def test_rows_that_are_lacking_are_made(tmp_path):
    (tmp_path / "v.txt").write_bytes(text())
    found = load_word_vectors(tmp_path / "v.txt", VOCABULARY, initializer="ones")
    assert found[[0, 1, 4]].tolist() == [[0, 0, 0], [1, 1, 1], [1, 1, 1]]
    layer = dc.layers.Embedding(*found.shape, weights=[found])
    assert layer(np.array([[2, 4]])).numpy().tolist() == [[[0, 0, 1], [1, 1, 1]]]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("e.txt", b"", "it is empty"),
        ("e.txt", b"\n\n", "it has no vectors"),
        ("e.txt", b"word\n", "vector 1 has 0 numbers"),
        ("e.txt", text() + b"dog 1 2\n", "vector 5 has 2 numbers, expected 3"),
        ("e.txt", text().replace(b"cat 0", b"cat x"), "vector 4 is not made of numbers"),
        ("e.txt", text().replace(b"cat 0", b"cat nan"), "vector 4 is not finite"),
        ("e.txt", text(True)[:-12], r"tells of 4 vectors, but it has 3"),
        ("e.txt", text(True) + b"dog 1 2 3\n", "tells of 4 vectors, but it has 5"),
        ("e.txt", b"9" * 14 + b" " + b"9" * 14 + b"\na 1\n", "tells of 9+ vectors of size 9+"),
        ("e.txt", b"0 3\n", "tells of 0 vectors"),
        ("e.txt", b"a" * ((1 << 20) + 2), "it has lines of more than"),
        ("e.bin", binary()[:-5], "it ends within vector 4 of 4"),
        ("e.bin", binary().replace(b"4 3", b"6 3"), "it ends before vector 5"),
        ("e.bin", binary().replace(b"4 3", b"3 3"), "it goes on behind its 3 vectors"),
        ("e.bin", b"5 3\n" + b"x" * 9999, "the word of vector 1 does not end"),
        ("e.txt", gzip.compress(text())[:-20], "damaged or cut off|tells of|numbers"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        load_word_vectors(tmp_path / name, VOCABULARY)


def test_sizes_and_vocabularies_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "v.txt").write_bytes(text(header=True))
    with pytest.raises(ValueError, match="its vectors have size 3, not dim=4"):
        load_word_vectors(tmp_path / "v.txt", VOCABULARY, dim=4)
    with pytest.raises(ValueError, match="dim must be a positive integer"):
        load_word_vectors(tmp_path / "v.txt", VOCABULARY, dim=0)
    with pytest.raises(ValueError, match="vocabulary must hold words"):
        load_word_vectors(tmp_path / "v.txt", [])
    with pytest.raises(FileNotFoundError):
        load_word_vectors(tmp_path / "none.txt", VOCABULARY)


def test_memory_does_not_follow_a_lying_header(tmp_path):
    (tmp_path / "lie.bin").write_bytes(b"99999999999 65536\nword " + bytes(1000))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="it ends within vector 1"):
            load_word_vectors(tmp_path / "lie.bin", [str(i) for i in range(1000)])
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert word_vectors.MAX_DIM == 65536
