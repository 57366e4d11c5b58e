"""The data sets: the cache, the download over a loopback server, damage, and being offline."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import deepcore
from deepcore.datasets import cache, digits, mnist


def write_mnist(path, count=20):
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (count, 28, 28), np.uint8),
        "y_train": rng.integers(0, 10, count, np.uint8),
        "x_test": rng.integers(0, 256, (count // 2, 28, 28), np.uint8),
        "y_test": rng.integers(0, 10, count // 2, np.uint8),
    }
    np.savez(path, **arrays)
    return arrays


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; `/short/x` breaks off, `/nolength/x` does not tell its size."""

    def log_message(self, format, *args):
        self.server.asked.append(self.path)

    def do_GET(self):
        kind, _, name = self.path.strip("/").rpartition("/")
        data = Path(self.directory, name)
        if not data.is_file():
            self.send_error(404)
            return
        data = data.read_bytes()
        self.send_response(200)
        if kind != "nolength":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if kind == "short" else data)


@pytest.fixture
def server(tmp_path):
    """A server on the loopback, of the folder `served`."""
    folder = tmp_path / "served"
    folder.mkdir()
    made = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    made.asked = []
    made.folder = folder
    made.address = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def offered(server, monkeypatch):
    """MNIST's address and hash become those of a small file on the server."""
    arrays = write_mnist(server.folder / "mnist.npz")
    data = (server.folder / "mnist.npz").read_bytes()
    monkeypatch.setattr(mnist, "ORIGIN", f"{server.address}/mnist.npz")
    monkeypatch.setattr(mnist, "SHA256", hashlib.sha256(data).hexdigest())
    return arrays


# ---- MNIST


def test_a_path_is_loaded(tmp_path):
    arrays = write_mnist(tmp_path / "mine.npz")
    for path in (str(tmp_path / "mine.npz"), tmp_path / "mine.npz"):
        (x_train, y_train), (x_test, y_test) = mnist.load_data(path)
        np.testing.assert_array_equal(x_train, arrays["x_train"])
        np.testing.assert_array_equal(y_test, arrays["y_test"])
        assert (y_train.shape, x_test.shape) == ((20,), (10, 28, 28))


def test_the_cache_of_keras_is_used(home, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "_download", None)  # any call of it fails
    home.mkdir(parents=True)
    arrays = write_mnist(home / "mnist.npz")
    np.testing.assert_array_equal(deepcore.datasets.mnist.load_data()[0][0], arrays["x_train"])
    write_mnist(home / "other.npz", count=4)
    assert mnist.load_data("other.npz")[0][0].shape == (4, 28, 28)
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".keras" / "datasets"


def test_it_is_downloaded_once(home, server, offered, capsys):
    for _ in range(2):
        np.testing.assert_array_equal(mnist.load_data()[0][0], offered["x_train"])
    assert server.asked == ["/mnist.npz"]
    assert os.listdir(home) == ["mnist.npz"]
    told = capsys.readouterr().err
    assert "Downloading mnist.npz" in told
    assert "100%" in told


def test_a_server_may_not_tell_the_size(home, server, offered, monkeypatch):
    monkeypatch.setattr(mnist, "ORIGIN", f"{server.address}/nolength/mnist.npz")
    np.testing.assert_array_equal(mnist.load_data()[0][0], offered["x_train"])


@pytest.mark.parametrize(
    ("place", "match"),
    [("short", "arrived damaged|IncompleteRead"), ("no_such", "404|Not Found")],
)
def test_what_breaks_off_leaves_nothing(home, server, offered, monkeypatch, place, match):
    name = "mnist.npz" if place == "short" else "nothing.npz"
    monkeypatch.setattr(mnist, "ORIGIN", f"{server.address}/{place}/{name}")
    with pytest.raises(OSError, match=match):
        mnist.load_data()
    assert os.listdir(home) == []


def test_another_file_is_refused(home, server, offered, monkeypatch):
    write_mnist(server.folder / "mnist.npz", count=6)
    match = r"mnist\.npz is not at .* and cannot be fetched \(it arrived damaged: its SHA-256 is"
    with pytest.raises(OSError, match=match):
        mnist.load_data()
    assert os.listdir(home) == []


def test_an_interrupt_leaves_nothing(home, offered, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        mnist.load_data()
    assert os.listdir(home) == []


def test_offline_it_says_what_to_do(home, server, offered):
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError) as caught:
        mnist.load_data()
    told = str(caught.value)
    assert f"mnist.npz is not at {home / 'mnist.npz'} and cannot be fetched" in told
    assert f"download {mnist.ORIGIN} on a machine that can and put it at" in told
    assert "or pass its path" in told
    assert os.listdir(home) == []


def test_a_wrong_path_is_not_downloaded(home, offered, server, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*no\.npz"):
        mnist.load_data(str(tmp_path / "no.npz"))
    assert not server.asked


def test_files_that_are_not_mnist(tmp_path):
    path = tmp_path / "mnist.npz"
    write_mnist(path)
    whole = path.read_bytes()
    for data in (b"", b"text", whole[: len(whole) // 2], whole[:100], whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="is not the MNIST file, or is damaged"):
            mnist.load_data(path)
    changed = bytearray(whole)
    changed[len(whole) // 3] ^= 1
    path.write_bytes(changed)
    with pytest.raises(ValueError, match="is damaged"):
        mnist.load_data(path)
    np.savez(path, x_train=np.zeros((2, 28, 28)))
    with pytest.raises(ValueError, match="is damaged"):
        mnist.load_data(path)
    np.savez(path, **dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), np.zeros(3)))
    with pytest.raises(ValueError, match=r"images \(3,\) and labels \(3,\)"):
        mnist.load_data(path)
    objects = np.array([{}], dtype=object)
    np.savez(path, **dict.fromkeys(("x_train", "y_train", "x_test", "y_test"), objects))
    with pytest.raises(ValueError, match="is damaged"):  # no pickles
        mnist.load_data(path)


# ---- the digits of scikit-learn


def test_digits():
    pytest.importorskip("sklearn")
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, x_test.shape) == ((1438, 8, 8), (359, 8, 8))
    assert (y_train.shape, y_test.shape) == ((1438,), (359,))
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert (x_train.min(), x_train.max()) == (0, 16)
    assert set(y_train) == set(y_test) == set(range(10))
    np.testing.assert_array_equal(digits.load_data()[0][0], x_train)
    assert not np.array_equal(digits.load_data(seed=1)[0][1], y_train)
    assert len(digits.load_data(test_fraction=0.5)[1][1]) == 898


def test_digits_refuses_bad_arguments(monkeypatch):
    for fraction in (0, 1, -1, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"test_fraction must be in \(0, 1\)"):
            digits.load_data(test_fraction=fraction)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "deepcore\[examples\]"'):
        digits.load_data()
