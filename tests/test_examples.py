"""The examples, run as their users do: what they print, what they write, how well they learn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deepcore

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name, *arguments, timeout=600, typed=""):
    """What the example prints, on its built-in sample where the arguments name no data."""
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    home = {key: text for key, text in os.environ.items() if key != "DEEPCORE_DATA"}
    done = subprocess.run(
        command,
        input=typed,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        env={**home, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def real(name):
    """A file or folder of the real data."""
    data = Path(os.environ.get("DEEPCORE_DATA", ""), name)
    if not os.environ.get("DEEPCORE_DATA") or not data.exists():
        pytest.skip(f"DEEPCORE_DATA names no folder with {name}")
    return data.resolve()


def accuracy(told):
    return float(re.findall(r"^test accuracy: (\d\.\d+)$", told, re.M)[0])


def test_digits_cnn(tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    told = run("digits_cnn.py", "--out", tmp_path / "new")
    assert accuracy(told) >= 0.97
    assert 'Model: "sequential"' in told
    assert sorted(os.listdir(tmp_path / "new")) == ["digits_cnn.keras", "digits_cnn.png"]
    png = (tmp_path / "new" / "digits_cnn.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n")
    assert len(png) > 10_000
    # The file holds the trained model.
    model = deepcore.saving.load_model(tmp_path / "new" / "digits_cnn.keras")
    (_, _), (x, y) = deepcore.datasets.digits.load_data()
    right = np.argmax(model.predict(x[..., None], verbose=0), axis=1) == y
    assert right.mean() == pytest.approx(accuracy(told), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("mnist_mlp.py", 0.975), ("mnist_cnn.py", 0.99)])
def test_mnist(name, least):
    assert accuracy(run(name, "--data", real("mnist.npz"), timeout=1800)) >= least


@pytest.mark.parametrize("name", ["mnist_mlp.py", "mnist_cnn.py"])
def test_mnist_examples_run_on_any_file(tmp_path, name):
    """A few noisy images: the programs themselves, in a second."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (64, 28, 28), np.uint8)
    y = rng.integers(0, 10, 64, np.uint8)
    np.savez(tmp_path / "small.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    told = run(name, "--data", tmp_path / "small.npz", "--epochs", 1)
    assert 0 <= accuracy(told) <= 1
    assert "Epoch 1/1" in told


def praise(told):
    """Per cent, of the sentence that praises and of the one that blames."""
    return [int(found) for found in re.findall(r"^(\d+)% praise: ", told, re.M)]


def test_sentiment_on_its_sample():
    told = run("sentiment.py", "--epochs", 2)
    assert "35 sentences to train on, 3 to validate, 10 to test" in told
    assert "Epoch 2/2 - 4/4" in told
    assert 0 <= accuracy(told) <= 1
    assert len(praise(told)) == 2


@pytest.mark.slow
def test_sentiment():
    told = run("sentiment.py", "--data", real("rt-polarity"))
    assert accuracy(told) >= 0.75
    good, bad = praise(told)
    assert good > 75
    assert bad < 25


def role_scores(told):
    """F1 of all roles together: the network's and the baseline's."""
    return tuple(map(float, re.findall(r"^test F1: (\S+), baseline: (\S+)$", told, re.M)[0]))


def test_semantic_roles_on_its_sample():
    told = run("semantic_roles.py")
    ours, _ = role_scores(told)
    assert ours > 0.5  # from 30 sentences; the likeliest role, none, finds nothing
    assert re.search(r"^ARG0 +(\d\.\d{3} +){4}8$", told, re.M)
    assert "sold/V" in told


@pytest.mark.slow
def test_semantic_roles():
    ours, baseline = role_scores(run("semantic_roles.py", "--data", real("up-english-ewt")))
    assert ours >= 0.58
    assert 0.2 < baseline < 0.35


def both_accuracies(told):
    bag, convolution = re.findall(r"^(.+): test accuracy: (\d\.\d+)$", told, re.M)
    assert (bag[0], convolution[0]) == ("bag of n-grams", "convolution")
    return float(bag[1]), float(convolution[1])


def test_text_classification_on_its_sample():
    told = run("text_classification.py")
    assert min(both_accuracies(told)) >= 0.9
    assert told.count("Je ne sais pas. - French") == 2


@pytest.mark.slow
def test_text_classification():
    told = run("text_classification.py", "--data", real("multi30k"))
    assert min(both_accuracies(told)) >= 0.995
    assert told.count("Where is the station? - English") == 2


def test_translation_learns_the_built_in_sentences(tmp_path):
    typed = "A boy is eating an apple.\nTwo men are working in a garden.\n\nnot read\n"
    want = ["Un garçon mange une pomme.", "Deux hommes travaillent dans un jardin."]
    model = tmp_path / "fr.keras"
    told = run("translation.py", "--model", model, "--interactive", typed=typed)
    assert "30 pairs, 88 English and 99 French words" in told
    assert "translated 6 sentences in " in told
    assert told.splitlines()[-2:] == [f"-> {sentence}" for sentence in want]
    # The files hold all that translating takes.
    assert sorted(os.listdir(tmp_path)) == ["fr.json", "fr.keras"]
    again = run("translation.py", "--model", model, "--interactive", typed=typed)
    assert again.splitlines()[1:] == told.splitlines()[-2:]


@pytest.mark.slow
def test_translation_of_multi30k():
    """Two epochs of the twelve that it trains by itself, after which BLEU is about 44."""
    pytest.importorskip("sacrebleu")
    told = run("translation.py", "--data", real("multi30k"), "--epochs", 2, timeout=1800)
    assert float(re.findall(r"^test BLEU: (\d+\.\d+)$", told, re.M)[0]) >= 35
