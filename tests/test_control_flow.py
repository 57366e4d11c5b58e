"""while_loop, fori_loop, cond, switch, map and associative_scan."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import ops
from deepcore.transforms import function, grad
from deepcore.variable import Variable

RNG = np.random.default_rng(4)
ROWS = RNG.normal(size=(5, 4)).astype("float32")


def near(actual, expected, rtol=1e-5):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, rtol=rtol, atol=1e-6)


def collatz(n):
    def step(n, count):
        return ops.where(n % 2 == 0, n // 2, 3 * n + 1), count + 1

    return ops.while_loop(lambda n, _: n > 1, step, (n, 0))


@pytest.mark.parametrize("n", [1, 2, 7, 27])
def test_a_traced_while_loop_runs_as_often_as_its_values_say(n):
    count, k = 0, n
    while k > 1:
        k, count = k // 2 if k % 2 == 0 else 3 * k + 1, count + 1
    compiled = function(collatz)
    assert [t.item() for t in compiled(np.int32(n))] == [1, count]
    assert [int(t) for t in collatz(ops.convert_to_tensor(n))] == [1, count]
    assert compiled.plans[0].arena_bytes < 4096


def test_while_loop_has_a_derivative_with_a_bound():
    def f(x, most):
        state = ops.while_loop(lambda x, _: x < 50.0, lambda x, p: (x * x, p * x), (x, x), most)
        return state[0] + state[1]

    # 3 -> 9 -> 81
    for run in (grad(lambda x: f(x, 6)), function(grad(lambda x: f(x, 6)))):
        near(run(np.float32(3.0)), 4 * 3.0**3 + 4 * 3.0**3)
    with pytest.raises(TypeError, match="maximum_iterations"):
        function(grad(lambda x: f(x, None)))(np.float32(3.0))
    stopped = function(lambda x: ops.while_loop(lambda x: x < 50.0, lambda x: x * x, x, 1))
    near(stopped(np.float32(3.0)), 9)


def test_while_loop_tells_what_is_wrong():
    with pytest.raises(ValueError, match=r"leaf 0 is float32 \(\) before a step, float32 \(2,\)"):
        function(lambda x: ops.while_loop(lambda x: x < 1, lambda x: ops.stack([x, x]), x))(
            np.float32(0)
        )
    with pytest.raises(ValueError, match=r"must be one bool. Received: shape=\(2,\)"):
        function(lambda x: ops.while_loop(lambda x: x < 1, lambda x: x + 1, x))(np.zeros(2, "f4"))


def test_greedy_decoding_stops_at_the_end():
    table = np.array([0, 0, 1, 2], "int32")

    def decode(start):
        tokens = ops.zeros((3, 8), "int32")

        def go(i, tokens, now):
            return ops.logical_and(i < 8, ops.any(now > 0))

        def step(i, tokens, now):
            here = ops.cast(ops.arange(8) == i, "int32")
            now = ops.take(table, now)
            return i + 1, tokens + here[None] * now[:, None], now

        return ops.while_loop(go, step, (0, tokens, start), maximum_iterations=8)

    count, tokens, _ = function(decode)(np.array([3, 1, 2], "int32"))
    assert count.item() == 3
    assert tokens[:, :4].tolist() == [[2, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert not tokens[:, 4:].numpy().any()


def test_fori_loop_counts_and_has_a_derivative():
    def power(x, n):
        return ops.fori_loop(0, n, lambda i, v: v * x + ops.cast(i, v.dtype), ops.ones_like(x))

    x = np.float32(1.5)
    expected = 1.0
    for i in range(5):
        expected = expected * 1.5 + i
    near(power(x, 5), expected)
    near(function(lambda x, n: power(x, n))(x, np.int32(5)), expected)
    near(grad(lambda x: power(x, 3))(x), 3 * 1.5**2 + 1)
    near(power(x, -2), 1.0)


def test_one_branch_of_a_traced_cond_runs():
    v = Variable(1.0)
    table = ops.convert_to_tensor([10.0, 20.0])

    def f(i, x):
        def yes():
            v.assign_add(1.0)
            return ops.take(table, i) * x, 1

        return ops.cond(i < 2, yes, lambda: (x, 2.5))

    compiled = function(f)
    a, b = compiled(np.int32(1), np.float32(3))
    assert (a.item(), b.item(), v.numpy()) == (60, 1, 2)
    a, b = compiled(np.int32(7), np.float32(3))  # taking there would be a fault
    assert (a.item(), b.item(), v.numpy()) == (3, 2.5, 2)
    slope = function(grad(lambda x, i: f(i, x)[0]))
    assert slope(np.float32(3), np.int32(0)).item() == 10
    assert slope(np.float32(3), np.int32(2)).item() == 1
    with pytest.raises(ValueError, match="the same structure and shapes"):
        function(lambda x: ops.cond(x > 0, lambda: x, lambda: (x, x)))(np.float32(1))
    with pytest.raises(ValueError, match="the predicate must be one bool"):
        function(lambda x: ops.cond(x > 0, lambda: x, lambda: -x))(np.ones(2, "f4"))


def test_switch_is_traced():
    f = function(lambda i, x: ops.switch(i, [lambda x: x, lambda x: x * 2, lambda x: -x], x))
    assert [f(np.int32(i), np.float32(3)).item() for i in (-4, 0, 1, 2, 9)] == [3, 3, 6, -3, -3]


def test_map_is_over_rows():
    for run in (ops.map, ops.vectorized_map):
        near(function(lambda x, r=run: r(lambda t: ops.sum(t * t), x))(ROWS), (ROWS**2).sum(-1))
        a, b = run(lambda t: (t[0] + t[1], t[1].dtype == "float32" and t[0]), (ROWS, 2 * ROWS))
        near(a, 3 * ROWS)
        near(b, ROWS)


def test_dropout_in_a_map_differs_from_row_to_row():
    generator = dc.random.SeedGenerator(1)
    rows = ops.map(lambda x: dc.random.dropout(x, 0.5, seed=generator), np.ones((4, 64), "f4"))
    assert len({tuple(r) for r in rows.tolist()}) == 4
    assert generator.state.numpy().tolist() == [1, 4]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 33])
@pytest.mark.parametrize("axis", [0, -1])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_gives_prefixes(n, axis, reverse):
    a = RNG.uniform(0.5, 1.5, (n, 3, n))
    b = RNG.normal(size=(n, 3, n))

    def combine(p, q):  # of the maps x -> a x + b
        return p[0] * q[0], p[1] * q[0] + q[1]

    def moved(t):
        t = np.moveaxis(t, axis, 0)
        return t[::-1] if reverse else t

    got = ops.associative_scan(combine, (a, b), reverse=reverse, axis=axis)
    x, y = 1.0, 0.0
    for i, (s, t) in enumerate(zip(moved(a), moved(b), strict=True)):
        x, y = x * s, y * s + t
        near(moved(got[0].numpy())[i], x, rtol=1e-10)
        near(moved(got[1].numpy())[i], y, rtol=1e-9)


def test_associative_scan_wants_one_size():
    with pytest.raises(ValueError, match=r"must agree.*\(5, 4\), \(4,\)"):
        ops.associative_scan(lambda a, b: a, [ROWS, ROWS[0]])
