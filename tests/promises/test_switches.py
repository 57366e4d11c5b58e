"""DEEPCORE_DISABLE switches fast paths off, and results stay what they are."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = """
import json, numpy as np, deepcore as keras
keras.utils.set_random_seed(3)
model = keras.Sequential([
    keras.Input((9, 9, 3)), keras.layers.Conv2D(8, 3, activation="relu"),
    keras.layers.DepthwiseConv2D(3, padding="same"), keras.layers.MaxPooling2D(),
    keras.layers.Flatten(), keras.layers.Dense(5)])
model.compile("adam", "mse")
rng = np.random.default_rng(0)
x, y = rng.random((16, 9, 9, 3), np.float32), rng.random((16, 5), np.float32)
model.fit(x, y, epochs=3, verbose=0)
step = lambda c, r: (keras.ops.cond(c[0] > 0, lambda: keras.ops.tanh(c + r), lambda: c - r), None)
loop = keras.function(lambda rows: keras.ops.scan(step, rows[0], rows)[0])
both = model.predict(x, verbose=0) + model.freeze()(x)
words = rng.integers(0, 50, (16, 7)).astype("int32")
reader = keras.Sequential([
    keras.Input((7,), dtype="int32"), keras.layers.Embedding(50, 6, mask_zero=True),
    keras.layers.LSTM(9, return_sequences=True), keras.layers.GRU(8), keras.layers.Dense(5)])
reader.compile("adam", "mse")
reader.fit(words, y, epochs=3, verbose=0)
told = both, loop(x[:, 0, 0]), reader.predict(words, verbose=0)
print(json.dumps([number for y in told for number in np.ravel(y).tolist()]))
"""


def run(disable: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEEPCORE_DISABLE": disable}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def usual():
    return np.array(json.loads(run("").stdout))


@pytest.mark.parametrize(
    "names",
    [
        "simplify",
        "fuse_epilogues",
        "fuse_elementwise",
        "loops",
        "winograd",
        "split_products",
        "depthwise_rows",
        "pack_once",
        "recurrent",
        "sparse_updates",
        "past_caches",
        "fuse_elementwise,simplify",
    ],
)
def test_the_plain_path_gives_the_same_numbers(names, usual):
    got = run(names)
    assert got.returncode == 0, got.stderr
    np.testing.assert_allclose(np.array(json.loads(got.stdout)), usual, rtol=1e-4, atol=1e-5)


def test_an_unknown_name_is_an_error():
    got = run("winogard")
    assert got.returncode != 0
    assert "simplify, fuse_epilogues" in got.stderr
    assert "winogard" in got.stderr
