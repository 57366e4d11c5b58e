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


def start(name, *arguments, timeout=600, typed="", **variables):
    """Runs an example, on its built-in sample where the arguments name no data."""
    home = {key: text for key, text in os.environ.items() if key != "DEEPCORE_DATA"}
    return subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        input=typed,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        env={**home, "PYTHONIOENCODING": "utf-8", **variables},
    )


def run(name, *arguments, **options):
    """What an example prints."""
    done = start(name, *arguments, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fail(name, *arguments, **options):
    """What an example says that cannot run."""
    done = start(name, *arguments, **options)
    assert done.returncode != 0, done.stdout
    return done.stderr


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
    told = run("sentiment.py")
    assert "53 sentences to train on, 5 to validate, 14 to test" in told
    assert "Epoch 60/60 - 2/2" in told
    assert accuracy(told) >= 0.5
    good, bad = praise(told)
    assert good > 60
    assert bad < 40


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


def written(told):
    """What was written at each of the temperatures."""
    return dict(re.findall(r"^--- temperature (\S+)\n(.*?)\n?(?=^---|\Z)", told, re.M | re.S))


def bits(told):
    return tuple(
        map(float, re.findall(r"^(?:bits per character|by frequency alone): (\S+\d)", told, re.M))
    )


def test_char_rnn_learns_its_rhyme():
    told = run("char_rnn.py", "--length", 60)
    learned, frequency = bits(told)
    assert learned < frequency
    texts = written(told)
    assert list(texts) == ["0.3", "0.6", "1.0"]
    lines = (EXAMPLES / "char_rnn.py").read_text(encoding="utf-8").splitlines()
    assert set(texts["0.3"].splitlines()[:-1]) <= set(lines)  # known by heart
    assert all(len(text) == 80 for text in texts.values())


def test_char_rnn_refuses_a_text_that_is_too_short(tmp_path):
    (tmp_path / "short.txt").write_text("Hello.")
    told = fail("char_rnn.py", "--data", tmp_path / "short.txt")
    assert "6 characters are too few; it takes 256" in told


@pytest.mark.slow
def test_char_rnn(tmp_path):
    (english, _), _, _ = deepcore.datasets.multi30k.load_data(real("multi30k"))
    (tmp_path / "english.txt").write_text("\n".join(english[:8000]), encoding="utf-8")
    told = run("char_rnn.py", "--data", tmp_path / "english.txt", "--epochs", 10)
    learned, frequency = bits(told)
    assert learned < 1.8
    assert frequency > 4
    # Where it dares least, it writes words that it has read.
    words = written(told)["0.3"].split()[:-1]
    known = {word for line in english for word in line.split()}
    assert sum(word in known for word in words) > 0.9 * len(words)


def forecast_errors(told):
    """The root of the mean squared error of each forecast."""
    return {
        name.strip(): float(error)
        for name, error in re.findall(r"^(\D+) \d+\.\d+ +(\d+\.\d+)$", told, re.M)
    }


def test_time_series(tmp_path):
    pytest.importorskip("statsmodels")
    pytest.importorskip("matplotlib")
    told = run("time_series.py", "--out", tmp_path / "new")
    errors = forecast_errors(told)
    assert list(errors) == ["GRU", "the year before", "a cycle before"]
    # That of the series itself: nothing learned.
    assert errors["the year before"] == pytest.approx(31.78, abs=0.01)
    assert errors["GRU"] < 0.7 * errors["the year before"]
    assert (tmp_path / "new" / "time_series.png").read_bytes().startswith(b"\x89PNG\r\n")


def without(package, folder):
    """Puts a package into `folder` that cannot be imported, and gives what hides the real one."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text("raise ImportError('not installed')")
    return {"PYTHONPATH": str(folder)}


def test_time_series_does_without_matplotlib(tmp_path):
    pytest.importorskip("statsmodels")
    hidden = without("matplotlib", tmp_path)
    told = run("time_series.py", "--epochs", 1, "--out", tmp_path, **hidden)
    assert len(forecast_errors(told)) == 3
    assert "wrote" not in told


def test_time_series_says_what_to_install(tmp_path):
    told = fail("time_series.py", **without("statsmodels", tmp_path))
    assert told == 'The sunspots ship with statsmodels: pip install "deepcore[examples]"\n'
