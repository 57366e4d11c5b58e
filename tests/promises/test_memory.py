"""Data sets are read where they lie, and nothing grows."""

from __future__ import annotations

import alone
import numpy as np
import pytest
from networks import mlp

import deepcore as dc

pytestmark = alone.needs_proc

MODEL = f"""{alone.MEMORY}
from networks import mlp
import deepcore as dc
model = mlp(1000)
"""

# 400 MB of float32 rows, without a random draw for each number.
BIG = f"""{MODEL}
x = np.empty((100_000, 1000), "float32")
x[:] = np.random.default_rng(0).random((1000,), "float32")
x[:, 0] = np.arange(100_000) % 7
y = np.arange(100_000) % 10
model.fit(x[:512], y[:512], epochs=1, batch_size=256, verbose=0)
model.predict(x[:512], batch_size=256, verbose=0)
def grown(work):
    before = status("VmHWM")
    work()
    return status("VmHWM") - before
"""

CASES = {
    "fit": "model.fit(x, y, batch_size=256, verbose=0)",
    "validation": "model.fit(x, y, batch_size=256, validation_split=0.5, verbose=0)",
    "view": "model.fit(x[::-2], y[::-2], batch_size=256, verbose=0)",
    "in_order": "model.fit(x, y, batch_size=256, shuffle=False, verbose=0)",
    "evaluate": "model.evaluate(x, y, batch_size=256, verbose=0)",
    "predict": "model.predict(x, batch_size=256, verbose=0)",
    "hooks": "model.fit(x, y, batch_size=1024, verbose=0, callbacks=[hook])",
}


@pytest.mark.slow
def test_no_copy_of_a_large_array():
    found = alone.run(
        f"{BIG}\n"
        "hook = dc.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)\n"
        + "\n".join(f"print({n!r}, grown(lambda: {work}))" for n, work in CASES.items())
    )
    assert found.keys() == CASES.keys()
    assert all(float(grown) < 20 for grown in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8"])
def test_no_copy_in_another_dtype(dtype):
    script = f"""{BIG.replace('"float32")', '"' + dtype + '")', 1)}
print("grown", grown(lambda: model.fit(x, y, batch_size=256, verbose=0)))
"""
    assert float(alone.run(script)["grown"]) < 20


@pytest.mark.slow
def test_no_copy_of_a_mapped_file(tmp_path):
    path = tmp_path / "x.npy"
    script = f"""{MODEL}
x = np.lib.format.open_memmap({str(path)!r}, "w+", "float32", (100_000, 1000))
for i in range(0, 100_000, 1000):
    x[i : i + 1000] = np.random.default_rng(i).random((1, 1000), "float32")
x.flush()
del x
x = np.load({str(path)!r}, mmap_mode="r")
y = np.arange(100_000) % 10
model.fit(x[:512], y[:512], batch_size=256, verbose=0)
model.predict(x[:512], batch_size=256, verbose=0)
before = status("RssAnon")
peak = []
class Note(dc.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch % 100 == 0:
            peak.append(status("RssAnon"))
model.fit(x, y, batch_size=256, verbose=0, callbacks=[Note()])
model.fit(x, y, batch_size=256, verbose=0)
model.predict(x, batch_size=256, verbose=0)
peak.append(status("RssAnon"))  # pages of the file are not ours
print("grown", max(peak) - before)
"""
    assert float(alone.run(script)["grown"]) < 20


def test_no_copy_of_an_array():
    """As above, small enough for every run: 40 MB, of which a tenth would show."""
    script = f"""{BIG.replace("100_000", "10_000")}
print("fit", grown(lambda: model.fit(x, y, batch_size=256, verbose=0, validation_split=0.5)))
print("view", grown(lambda: model.fit(x[::2], y[::2], batch_size=256, verbose=0)))
"""
    found = alone.run(script)
    assert float(found["fit"]) < 4, found
    assert float(found["view"]) < 4, found


def test_data_is_only_read():
    """Not even written where it lies: read-only arrays train, and stay as they were."""
    x = np.random.default_rng(0).random((64, 30), "float32")
    y = np.arange(64) % 10
    before = x.copy()
    x.flags.writeable = y.flags.writeable = False
    mlp(30).fit(x, y, epochs=2, validation_split=0.5, verbose=0)
    np.testing.assert_array_equal(x, before)


@pytest.mark.slow
def test_ten_thousand_calls_of_random_batch_sizes():
    script = f"""{MODEL}
rng = np.random.default_rng(0)
x, y = rng.random((600, 1000), "float32"), np.arange(600) % 10
def work(times):
    for i in range(times):
        n = int(rng.integers(1, 600))
        if i % 2:
            model.train_on_batch(x[:n], y[:n])
        else:
            model.predict_on_batch(x[:n])
work(1000)
before = status("RssAnon")
for part in range(4):
    work(2500)
    print(f"part{{part}}", status("RssAnon") - before)
print("plans", len(model._steps))
"""
    found = alone.run(script, timeout=900)
    assert int(found.pop("plans")) <= 32
    assert all(float(grown) < 16 for grown in found.values()), found


@pytest.mark.slow
def test_a_thousand_fits_and_predictions():
    script = f"""{MODEL}
rng = np.random.default_rng(0)
x, y = rng.random((100, 1000), "float32"), np.arange(100) % 10
def work(times):
    for _ in range(times):
        model.fit(x, y, verbose=0, validation_split=0.2)
        model.predict(x, verbose=0)
        model.evaluate(x, y, verbose=0)
work(100)
before = status("RssAnon")
work(1000)
print("grown", status("RssAnon") - before)
"""
    assert float(alone.run(script)["grown"]) < 4


@pytest.mark.slow
def test_a_thousand_models():
    script = f"""{MODEL}
import gc
x, y = np.random.default_rng(0).random((64, 100), "float32"), np.arange(64) % 10
def work(times):
    for _ in range(times):
        m = mlp(100)
        m.fit(x, y, verbose=0)
        m.predict(x, verbose=0)
work(50)
before = status("RssAnon")
work(1000)
print("grown", status("RssAnon") - before)
"""
    assert float(alone.run(script)["grown"]) < 8


def test_eager_work_and_tapes_do_not_grow():
    script = f"""{alone.MEMORY}
import deepcore as dc
v = dc.Variable(np.ones((200, 200), "float32"))
x = np.ones((50, 200), "float32")
def work(times):
    for _ in range(times):
        with dc.GradientTape() as tape:
            loss = dc.ops.mean(dc.ops.tanh(x @ v) ** 2)
        v.assign(v - 0.1 * tape.gradient(loss, v))
work(200)
before = status("RssAnon")
work(1000)
print("grown", status("RssAnon") - before)
"""
    assert float(alone.run(script)["grown"]) < 3


def test_plans_of_a_model_are_bounded():
    x, y = np.ones((90, 12), "float32"), np.arange(90) % 10
    model = mlp(12)
    for n in range(1, 90):
        model.train_on_batch(x[:n], y[:n])
        model.predict_on_batch(x[:n])
    assert len(model._steps) <= 32


def test_plans_of_a_function_are_bounded():
    f = dc.function(lambda x: dc.ops.sum(x * 2))
    for n in range(1, 200):
        assert float(f(np.ones(n, "float32"))) == 2 * n
    from deepcore.transforms import compile as compiling

    assert len(f._plans) <= compiling.MAX_PLANS <= 32
