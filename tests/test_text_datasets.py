"""Data sets of texts: the samples in the package, files of one's own, and damage."""

import gzip

import numpy as np
import pytest

from deepcore.datasets import multi30k, polarity, semantic_roles, text_files


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv(text_files.VARIABLE, raising=False)


def test_polarity_comes_balanced_and_by_the_seed():
    (x, y), (x_test, y_test) = polarity.load_data()
    assert (x.shape, x_test.shape) == ((58,), (14,))
    assert y.dtype == "uint8"
    assert y.mean() == y_test.mean() == 0.5
    assert len({*x, *x_test}) == 72
    labels = dict(zip(x, y, strict=True)) | dict(zip(x_test, y_test, strict=True))
    assert labels["a clever , charming gem ."] == 1
    np.testing.assert_array_equal(polarity.load_data(seed=0)[0][0], x)
    assert (polarity.load_data(seed=1)[0][0] != x).any()


def test_translations_belong_together():
    train, val, test = multi30k.load_data()
    assert [len(one) for one, _ in (train, val, test)] == [30, 4, 6]
    assert train[0][0] == "A man is reading a book."
    assert train[1][0] == "Un homme lit un livre."
    assert multi30k.load_data(source="fr", target="en")[2][1][0] == test[0][0]


def test_roles_are_those_of_one_predicate():
    train, test = semantic_roles.load_data()
    assert (len(train), len(test)) == (30, 8)
    for one in train + test:
        assert len(one.words) == len(one.tags) == len(one.roles)
        assert one.roles[one.predicate] == "V"
        assert one.roles.count("V") == 1
        assert "." in one.frame
    twice = [p for p in train if p.words[:2] == ["Anna", "opened"]]
    assert [p.frame for p in twice] == ["open.01", "find.01"]
    assert [p.roles[3] for p in twice] == ["ARG1", "_"]


@pytest.mark.parametrize("packed", [False, True])
def test_files_of_ones_own(tmp_path, monkeypatch, packed):
    folder = tmp_path / "rt-polarity"
    folder.mkdir()
    for name in ("pos", "neg"):
        data = f"{name} one\r\n\n{name} caf\xe9\n".encode("latin-1")
        path = folder / f"rt-polarity.{name}{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(data) if packed else data)
    (x, _), (x_test, _) = polarity.load_data(folder)
    assert sorted([*x, *x_test]) == ["neg caf\ufffd", "neg one", "pos caf\ufffd", "pos one"]
    monkeypatch.setenv(text_files.VARIABLE, str(tmp_path))
    np.testing.assert_array_equal(polarity.load_data()[0][0], x)
    assert len(multi30k.load_data()[0][0]) == 30  # not in that folder: the sample


def test_what_is_missing_or_damaged_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="polarity: there is no folder"):
        polarity.load_data(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"There is no file .*rt-polarity.neg or"):
        polarity.load_data(tmp_path)
    (tmp_path / "rt-polarity.neg.gz").write_bytes(gzip.compress(b"a\n" * 999)[:-9])
    with pytest.raises(ValueError, match=r"rt-polarity.neg.gz is damaged"):
        polarity.load_data(tmp_path)
    with pytest.raises(ValueError, match=r"test_fraction must be in \(0, 1\)"):
        polarity.load_data(test_fraction=1)
    for part in multi30k.PARTS:
        (tmp_path / f"{part}.en").write_text("a\nb\n")
        (tmp_path / f"{part}.fr").write_text("a\n")
    with pytest.raises(ValueError, match=r"as many lines. Received: 2 and 1"):
        multi30k.load_data(tmp_path)


LINE = "1\tgo\tgo\tVERB\t_\t_\t0\troot\t_\t_"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no sentences with predicates"),
        (f"{LINE}\n", r"line 1: .*more than 10 columns"),
        (f"{LINE}\tgo.01\tV\n2\tx\n", r"line 2: .* It has \[2, 12\]"),
        (f"# a\n{LINE}\tgo.01\tV\t_\n", "has 1 predicates, but 2 columns of roles"),
        (f"{LINE}\t_\t_\n", "has no sentences with predicates"),
    ],
)
def test_lines_in_another_format_are_told(tmp_path, text, message):
    for name in semantic_roles.PARTS:
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        semantic_roles.load_data(tmp_path)
