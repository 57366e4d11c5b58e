"""ops.scan beside NumPy loops: eager, traced, derived, by checkpoints and in fit."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops
from deepcore._core import force_team_size
from deepcore.transforms import GradientTape, function, grad, value_and_grad
from deepcore.variable import Variable

RNG = np.random.default_rng(3)
X = RNG.normal(size=(7, 3, 4))  # (T, N, F)
H = RNG.normal(size=(3, 5))
W = RNG.normal(size=(4, 5)) / 2
U = RNG.normal(size=(5, 5)) / 2


def network(x, h, w, u, **settings):
    def step(h, x):
        h = ops.tanh(ops.matmul(x, w) + ops.matmul(h, u)) + 0.5 * h
        return h, {"h": h, "sum": ops.sum(h * h, axis=-1), "none": None}

    return ops.scan(step, h, x, **settings)


def reference(x, h, w, u, reverse=False):
    hs = [None] * len(x)
    for t in range(len(x))[::-1] if reverse else range(len(x)):
        h = hs[t] = np.tanh(x[t] @ w + h @ u) + 0.5 * h
    return h, np.array(hs)


def loss(*args, **settings):
    last, ys = network(*args, **settings)
    return ops.sum(ops.sin(last)) + ops.sum(ys["h"] * ys["h"]) + ops.mean(ys["sum"])


def same(a, b):
    np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


def near(actual, expected, rtol=1e-6):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, rtol=rtol, atol=1e-9)


def difference(f, args, k):
    """The derivative of f for argument k, by central differences."""
    slopes = np.zeros_like(args[k])
    for i in np.ndindex(slopes.shape):
        values = []
        for step in (-1e-5, 1e-5):
            moved = [a.copy() for a in args]
            moved[k][i] += step
            values.append(ops.convert_to_numpy(f(*moved)).item())
        slopes[i] = (values[1] - values[0]) / 2e-5
    return slopes


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 7])
def test_scan_is_a_numpy_loop_eager_and_traced(length, reverse):
    args = X[:length], H, W, U
    last, hs = reference(*args, reverse=reverse)
    for f in (network, function(lambda *a: network(*a, reverse=reverse))):
        got, ys = f(*args, reverse=reverse) if f is network else f(*args)
        near(got, last)
        assert ys["h"].shape == (length, 3, 5)
        assert ys["sum"].shape == (length, 3)
        assert ys["none"] is None
        near(ys["h"], hs.reshape(length, 3, 5))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scan_has_the_bits_of_the_unrolled_loop_on_any_threads(dtype):
    args = [a.astype(dtype) for a in (RNG.normal(size=(5, 40, 33)), RNG.normal(size=(40, 65)))]
    args += [RNG.normal(size=s).astype(dtype) / 8 for s in ((33, 65), (65, 65))]
    oracle, ys = network(*args, unroll=True)
    for threads in (1, 3):
        force_team_size(threads)
        try:
            for f in (network, function(network)):
                got, others = f(*args)
                same(got, oracle)
                same(others["h"], ys["h"])
        finally:
            force_team_size(0)


@pytest.mark.parametrize("settings", [{}, {"reverse": True}, {"checkpoint": 3}])
def test_gradients_are_differences(settings):
    def f(*args):
        return loss(*args, **settings)

    args = [X[:4, :2], H[:2], W, U]
    slopes = grad(f, argnums=(0, 1, 2, 3))(*map(ops.convert_to_tensor, args))
    compiled = function(grad(f, argnums=(0, 1, 2, 3)))(*args)
    for k in range(4):
        near(slopes[k], difference(f, args, k), rtol=1e-5)
        near(compiled[k], ops.convert_to_numpy(slopes[k]), rtol=1e-12)


def test_second_derivatives_are_differences():
    def slope(h, u):
        return ops.sum(ops.sin(grad(lambda u: loss(X[:3, :1], h, W, u))(u)))

    args = [H[:1], U]
    seconds = function(grad(slope, argnums=(0, 1)))(*args)
    for k in range(2):
        near(seconds[k], difference(slope, args, k), rtol=1e-4)


def test_checkpoints_give_the_same_bits_in_less_memory():
    args = [a.astype("float32") for a in (RNG.normal(size=(64, 9, 4)), np.zeros((9, 5)), W, U)]
    results, bytes_ = [], []
    for checkpoint in (None, 1, 10, True, 64):
        f = function(
            value_and_grad(
                lambda *a, c=checkpoint: ops.sum(network(*a, checkpoint=c)[0] ** 2), (1, 2, 3)
            )
        )
        value, slopes = f(*args)
        results.append([value, *slopes])
        bytes_.append(f.plans[0].arena_bytes)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            same(a, b)
    assert bytes_[3] * 1.5 < bytes_[0]


def test_captured_variables_are_followed_and_frozen_ones_not():
    w, scale = Variable(W), Variable(2.0, trainable=False, dtype="float64")
    c = ops.convert_to_tensor(U)

    def run():
        return ops.sum(ops.scan(lambda h, x: (ops.tanh(x @ w + h @ (c * scale)), None), H, X)[0])

    with GradientTape() as tape:
        tape.watch(c)
        y = run()
    assert tape.watched_variables() == (w,)
    gw, gc = tape.gradient(y, [w, c])
    near(gw, difference(lambda v: (w.assign(v), run())[1], [W.copy()], 0), rtol=1e-5)
    w.assign(W)
    near(
        gc,
        difference(
            lambda v: ops.sum(
                ops.scan(lambda h, x: (ops.tanh(x @ w + h @ (v * 2)), None), H, X)[0]
            ),
            [U.copy()],
            0,
        ),
        rtol=1e-5,
    )


def test_scans_nest():
    def rows(x, u):
        def outer(h, row):
            inner = ops.scan(lambda c, v: (ops.tanh(c * h + v * u), c * v), h, row)
            return inner[0], inner[1]

        return ops.scan(outer, ops.ones(4, dtype="float64"), x, reverse=True)

    def total(x, u):
        last, ys = rows(x, u)
        return ops.sum(last) + ops.sum(ys * ys)

    u = RNG.normal(size=4)
    assert rows(X, u)[1].shape == X.shape
    args = [X[:3], u]
    for k, slope in enumerate(function(grad(total, (0, 1)))(*args)):
        near(slope, difference(total, args, k), rtol=1e-5)


def test_draws_differ_from_step_to_step_and_are_those_of_the_loop():
    def draws(seed, **settings):
        generator = dc.random.SeedGenerator(seed)

        def run():
            return ops.scan(
                lambda c, _: (c, dc.random.uniform((3,), seed=generator)),
                None,
                length=4,
                **settings,
            )[1]

        return run(), function(run)(), generator.state.numpy()

    ours, unrolled = draws(5), draws(5, unroll=True)
    for a, b in zip(ours, unrolled, strict=True):
        same(a, b)
    assert len(np.unique(ours[0].numpy())) == 12


class Recurrent(layers.Layer):
    """A cell and a dropout over time."""

    def __init__(self, units, **settings):
        super().__init__()
        self.cell, self.state = layers.Dense(units, activation="tanh"), layers.Dense(units)
        self.dropout, self.settings, self.units = layers.Dropout(0.2, seed=1), settings, units

    def build(self, shape):
        self.cell.build((shape[0], shape[2]))
        self.state.build((shape[0], self.units))

    def call(self, x, training=False):
        def step(h, x):
            h = self.cell(self.dropout(x, training=training)) + self.state(h)
            return h, None

        start = ops.zeros((ops.shape(x)[0], self.units))
        return ops.scan(step, start, ops.transpose(x, (1, 0, 2)), **self.settings)[0]


def test_fit_learns_the_same_with_and_without_loops():
    x = RNG.normal(size=(20, 6, 3)).astype("float32")
    y = x.sum((1, 2))[:, None]
    losses = []
    for settings in ({}, {"checkpoint": 2}, {"unroll": True}):
        dc.utils.set_random_seed(1)
        model = dc.Sequential([dc.Input((6, 3)), Recurrent(5, **settings), layers.Dense(1)])
        model.compile(dc.optimizers.Adam(0.02), "mse")
        losses.append(model.fit(x, y, epochs=4, batch_size=8, verbose=0).history["loss"])
        assert model.predict(x, verbose=0).shape == (20, 1)
    assert losses[0] == losses[1]
    np.testing.assert_allclose(losses[0], losses[2], rtol=1e-5)
    assert losses[0][-1] < losses[0][0]


def test_python_numbers_take_the_dtype_of_what_replaces_them():
    last, ys = ops.scan(lambda c, x: (c + x, c), 0, np.array([0.5, 1.0]), unroll=2)
    assert last.item() == 1.5
    assert ys.dtype == last.dtype == "float64"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.scan(lambda c, x: (c, x), 0), "give xs or length"),
        (lambda: ops.scan(lambda c, x: (c, x), 0, X, length=3), "must agree.*length=3"),
        (lambda: ops.scan(lambda c, x: (c, x), 0, [X, H]), r"must agree.*\(7, 3, 4\), \(3, 5\)"),
        (lambda: ops.scan(lambda c, x: c, H, X), "must give a pair"),
        (lambda: ops.scan(lambda c, x: ((c, c), x), H, X), "must keep the structure"),
        (
            lambda: ops.scan(lambda c, x: (ops.stack([c, c]), x), H, X),
            r"leaf 0 is float64 \(3, 5\) before a step, float64 \(2, 3, 5\) after",
        ),
        (
            lambda: ops.scan(lambda c, x: (ops.cast(c, "float32"), x), H, X),
            r"float64 \(3, 5\) before a step, float32 \(3, 5\) after",
        ),
        (lambda: ops.scan(lambda c, x: (c, x), H, X, checkpoint=-1), "checkpoint"),
        (lambda: ops.scan(lambda c, x: (c, x), H, X, unroll=0), "unroll"),
    ],
)
def test_scan_tells_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    # Nothing is left open.
    assert ops.scan(lambda c, x: (c + x, None), 0, np.array([1, 2]))[0].item() == 3
