"""Lookup layers: what comes in, what is refused, and vocabularies in files."""

import zipfile

import numpy as np
import pandas as pd
import pytest

from deepcore import Input, Sequential, layers, saving, serialization
from deepcore.layers import Hashing, IntegerLookup, StringLookup, TextVectorization
from deepcore.layers.preprocessing import hashes

TEXTS = ["the cat sat", "a cat", ""]


def adapted(**arguments):
    layer = TextVectorization(**arguments)
    layer.adapt(TEXTS)
    return layer


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        np.array([text.encode() for text in TEXTS]),
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype="string"),
        pd.DataFrame({"text": TEXTS}),
        [[text] for text in TEXTS],
    ],
    ids=lambda texts: type(texts).__name__,
)
def test_strings_come_as_people_hold_them(texts):
    assert adapted()(texts).tolist() == [[3, 2, 4], [5, 2, 0], [0, 0, 0]]
    other = TextVectorization()
    other.adapt(texts)
    assert other.get_vocabulary() == ["", "[UNK]", "cat", "the", "sat", "a"]


def test_batches_are_counted_together():
    layer = TextVectorization()
    layer.adapt(np.array(TEXTS[i : i + 1]) for i in range(3))
    assert layer.get_vocabulary() == adapted().get_vocabulary()
    layer.adapt((np.array([text]) for text in ["b b", "c"]), steps=1)
    assert layer.get_vocabulary() == ["", "[UNK]", "b"]
    assert layer.vocabulary_size() == 3
    assert layer.get_vocabulary(include_special_tokens=False) == ["b"]


def test_callables_get_arrays_of_str():
    layer = TextVectorization(standardize=np.char.upper, split=lambda a: [t.split(",") for t in a])
    layer.adapt(["a,b", "b,é"])
    assert layer.get_vocabulary() == ["", "[UNK]", "B", "É", "A"]
    assert layer(["É,x"]).tolist() == [[3, 1]]


def test_a_vocabulary_comes_from_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("b\nñ\n", encoding="utf-8")
    (tmp_path / "numbers.txt").write_text("7\n5\n")
    assert StringLookup(vocabulary=str(tmp_path / "words.txt"))(["ñ", "x"]).tolist() == [2, 0]
    assert IntegerLookup(vocabulary=str(tmp_path / "numbers.txt"))([5, 7]).tolist() == [2, 1]
    with pytest.raises(ValueError, match=r"must hold integers"):
        IntegerLookup(vocabulary=str(tmp_path / "words.txt"))


def test_hashes_of_every_length_agree_with_those_of_single_strings():
    rng = np.random.default_rng(0)
    strings = [
        rng.integers(0, 256, n, np.uint8).tobytes() for n in (0, 3, 9, 20, 40, 64, 65, 128, 200)
    ]
    for function in (hashes.fingerprint64, lambda s: hashes.siphash(s, (1, 2))):
        together = function(strings * 2)
        alone = np.concatenate([function([string]) for string in strings * 2])
        np.testing.assert_array_equal(together, alone)


def test_siphash_gives_the_numbers_of_its_paper():
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert hashes.siphash([bytes(range(15))], key)[0] == 0xA129CA6149BE45E5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TextVectorization(standardize="upper"), "standardize must be one of None, "),
        (lambda: TextVectorization(split="comma"), "split must be one of None, 'whitespace'"),
        (lambda: TextVectorization(ngrams=0), "ngrams must be a positive integer"),
        (lambda: TextVectorization(ragged=True), "ragged=True is not supported"),
        (lambda: TextVectorization(sparse=True), "sparse=True is not supported"),
        (lambda: TextVectorization(output_mode="x"), "output_mode must be one of 'int'"),
        (
            lambda: TextVectorization(output_mode="count", output_sequence_length=3),
            "output_sequence_length needs output_mode='int'",
        ),
        (lambda: StringLookup(max_tokens=1), "max_tokens must be greater than 1"),
        (lambda: StringLookup(pad_to_max_tokens=True), "pad_to_max_tokens=True needs max_tokens"),
        (lambda: StringLookup(num_oov_indices=-1), "num_oov_indices must be a non-negative"),
        (lambda: StringLookup(num_oov_indices=10**10), "num_oov_indices must be at most"),
        (lambda: StringLookup(vocabulary=[]), "cannot set an empty vocabulary"),
        (lambda: StringLookup(vocabulary=["a", "b", "a"]), "tokens more than once: 'a'"),
        (lambda: StringLookup(vocabulary=["a", 3]), r"expected strings. Received: 3 of type int"),
        (
            lambda: StringLookup(vocabulary="/no/such"),
            "the vocabulary file /no/such does not exist",
        ),
        (lambda: StringLookup(vocabulary=["a", ""], mask_token=""), "found the mask token ''"),
        (
            lambda: StringLookup(vocabulary=["a", "[UNK]"], invert=True),
            r"found the OOV token '\[UNK\]'",
        ),
        (lambda: StringLookup(vocabulary=list("abcd"), max_tokens=3), "larger than max_tokens"),
        (lambda: StringLookup(invert=True, output_mode="count"), "invert=True needs"),
        (
            lambda: StringLookup(vocabulary=["a"], output_mode="tf_idf"),
            "must be a sequence, and come",
        ),
        (
            lambda: StringLookup(vocabulary=["a"], idf_weights=[1, 2], output_mode="tf_idf"),
            "a weight for each of the 1 tokens",
        ),
        (lambda: StringLookup(idf_weights=[1]), "idf_weights need output_mode='tf_idf'"),
        (lambda: IntegerLookup(salt=3), "salt needs oov_method='farmhash'"),
        (lambda: IntegerLookup(vocabulary=[1.5]), "expected integers. Received: 1.5"),
        (lambda: Hashing(0), "num_bins must be a positive integer"),
        (lambda: Hashing(3, salt="x"), "salt must be an integer or a pair"),
        (lambda: Hashing(3, dtype="float32"), "the dtype must be int32 or int64"),
        (lambda: layers.Discretization(), "pass either bin_boundaries or num_bins"),
        (lambda: layers.Discretization([2.0, 1.0]), "numbers in rising order"),
        (lambda: layers.CategoryEncoding(), "num_tokens must be a positive integer"),
        (lambda: layers.Normalization(mean=1.0), "pass both mean and variance"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adapted()(np.array([1.0])), "expected strings. Received: values of dtype float64"),
        (lambda: adapted()(["a", None]), "Received: None of type NoneType at place 1"),
        (lambda: adapted()(pd.Series(["a", np.nan])), "Received: nan of type float at place 1"),
        (lambda: adapted()([["a"], ["b", "c"]]), "expected strings|differ in length"),
        (lambda: adapted()([["a", "b"]]), r"the shape \(N,\) or \(N, 1\) to be split"),
        (lambda: adapted()(["\ud800"]), "the string at place 0 has no UTF-8"),
        (lambda: adapted(split=lambda a: ["x"])(["a", "b"]), "a list of tokens for each"),
        (lambda: adapted(standardize=lambda a: a[:1])(TEXTS), "must keep the shape"),
        (
            lambda: StringLookup(vocabulary=["a"], num_oov_indices=0)(["a", "z"]),
            "all inputs must be in the vocabulary. Received: 'z'",
        ),
        (lambda: StringLookup(vocabulary=["a"], invert=True)(["a"]), "takes numbers"),
        (lambda: IntegerLookup(vocabulary=[1])(["a"]), "expected integers"),
        (lambda: StringLookup(vocabulary=["a"]).adapt(["b"]), "cannot adapt the layer"),
        (lambda: layers.CategoryEncoding(3)([[0, -2]]), "must not be negative. Received: -2"),
        (lambda: layers.Discretization(num_bins=2)(np.zeros(3)), "no boundaries yet"),
        (lambda: layers.Normalization().adapt([]), "adapt needs data"),
        (lambda: layers.Dense(2)(np.array([["a"]])), "Dense: the layer 'dense.*' takes numbers"),
        (lambda: layers.Dense(2)(Input((3,), dtype="string")), "holds strings"),
        (lambda: Input((), dtype="string") + 1, "takes numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_layer_without_vocabulary_says_so():
    for layer in (TextVectorization(), StringLookup(output_mode="count"), IntegerLookup()):
        with pytest.raises(RuntimeError, match="has no vocabulary yet"):
            layer([1] if isinstance(layer, IntegerLookup) else ["a"])


def test_the_width_of_rows_cannot_change():
    layer = adapted(output_mode="count")
    with pytest.raises(RuntimeError, match="cannot change from 5 to 2 tokens"):
        layer.set_vocabulary(["one"])
    padded = adapted(output_mode="count", max_tokens=9, pad_to_max_tokens=True)
    padded.set_vocabulary(["one"])
    assert padded(["one one two"]).tolist() == [[1, 2, 0, 0, 0, 0, 0, 0, 0]]


def test_vocabularies_are_saved_with_the_model(tmp_path):
    odd = ["x\u2028y", "a\nb", "é", ""]  # lines of a file cannot hold the first two
    lookup = StringLookup(output_mode="multi_hot")
    lookup.adapt(np.array([odd, ["é"] * 4]))
    model = Sequential([Input((4,), dtype="string"), lookup, layers.Dense(2)])
    for name, one in (("odd", model), ("text", _model(adapted(output_mode="tf_idf")))):
        one.save(tmp_path / f"{name}.keras")
        again = saving.load_model(tmp_path / f"{name}.keras")
        assert again.layers[0].get_vocabulary() == one.layers[0].get_vocabulary()
        x = np.array([odd, odd[::-1]]) if name == "odd" else np.array(["cat the", "new"])
        np.testing.assert_array_equal(again.predict(x, verbose=0), one.predict(x, verbose=0))


def test_files_of_keras_bring_their_vocabularies(tmp_path):
    model = saving.load_model("tests/data/keras/text.keras", compile=False)
    x = [np.array(["the cat", "dogs fly"]), np.array([["x"], ["q"]])]
    expected = [[-0.12521037, 0.98316932], [-0.11984706, 0.07850534]]  # computed by Keras
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)


def _model(layer):
    return Sequential([Input((), dtype="string"), layer, layers.Dense(2)])


def _rewritten(source, target, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            for path, data in change(name, old.read(name)):
                new.writestr(path, data)


VOCABULARY = "assets/layers/text_vectorization/vocabulary.txt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n, d: [(n, b"\n[UNK]\na\na") if n == VOCABULARY else (n, d)], "more than once"),
        (lambda n, d: [(n, b"") if n == VOCABULARY else (n, d)], "empty vocabulary"),
        (
            lambda n, d: [(n, d), *([("assets/../../evil.txt", b"")] if n == VOCABULARY else [])],
            "leads out of its folder",
        ),
        (
            lambda n, d: [(n, d.replace(b'"vocabulary": null', b'"vocabulary": "/etc/passwd"'))],
            "names the file '/etc/passwd'; it is not read",
        ),
    ],
)
def test_a_hostile_file_is_refused(tmp_path, change, message):
    layer = adapted(name="text_vectorization")
    model = Sequential([Input((), dtype="string"), layer, layers.CategoryEncoding(8)])
    model.save(tmp_path / "good.keras")
    _rewritten(tmp_path / "good.keras", tmp_path / "bad.keras", change)
    with pytest.raises(ValueError, match=message):
        saving.load_model(tmp_path / "bad.keras")


@pytest.mark.parametrize(
    "layer",
    [
        TextVectorization(vocabulary=["a"], standardize="lower", ngrams=(1, 2), split="character"),
        StringLookup(vocabulary=["a"], num_oov_indices=2, salt=4),
        IntegerLookup(vocabulary=[4], mask_token=0, invert=True),
        Hashing(4, salt=3, mask_value="", output_mode="count"),
        layers.CategoryEncoding(4, "count"),
        layers.Discretization([0.0, 1.0], output_mode="one_hot"),
        layers.Normalization(axis=(1, 2), invert=True),
        layers.Normalization(mean=[1.0], variance=[2.0]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_comes_back_from_its_config(layer):
    again = serialization.deserialize_keras_object(serialization.serialize_keras_object(layer))
    assert type(again) is type(layer)
    mine, theirs = layer.get_config(), again.get_config()
    assert {k: list(v) if isinstance(v, tuple) else v for k, v in mine.items()} == {
        k: list(v) if isinstance(v, tuple) else v for k, v in theirs.items()
    }


def test_a_config_cannot_ask_for_more_weights_than_the_file_has(tmp_path):
    layer = adapted(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True)
    model = Sequential([Input((), dtype="string"), layer, layers.Activation("relu")])
    model.save(tmp_path / "good.keras")
    assert saving.load_model(tmp_path / "good.keras").layers[0](["cat"]).shape == (1, 9)

    def change(name, data):
        return [(name, data.replace(b'"max_tokens": 9', b'"max_tokens": 99999999999'))]

    _rewritten(tmp_path / "good.keras", tmp_path / "bad.keras", change)
    with pytest.raises(ValueError, match="a weight for each of max_tokens="):
        saving.load_model(tmp_path / "bad.keras")


def test_a_layer_that_has_learned_nothing_comes_back_ready_to_learn():
    layer = TextVectorization(output_mode="multi_hot")
    again = TextVectorization.from_config(layer.get_config())
    again.adapt(TEXTS)
    assert again.vocabulary_size() == 5
