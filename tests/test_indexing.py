"""x[...] against NumPy: values, shapes, where index arrays go, errors; eager, traced, derived."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deepcore import _core

X = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)

BASIC: list[Any] = [
    0,
    -1,
    np.int64(1),
    (),
    ...,
    None,
    slice(None),
    slice(1, None),
    slice(None, None, -1),
    slice(None, None, 2),
    slice(5, 1),
    slice(-1, -10, -2),
    (0, 1, 2, 3),
    (slice(None), 1),
    (slice(None), slice(None, None, -2), slice(1, 3)),
    (..., 0),
    (..., None),
    (None, ..., None, 0),
    (0, ..., slice(None, None, -3)),
    (slice(0, 0), ..., slice(2, 2)),
    (1, ..., 2, 3, 4),
    (slice(None), None, slice(None), None),
]

ADVANCED: list[Any] = [
    [0, 1, 1],
    [-1],
    [],
    [[0, 1], [1, 0]],
    np.array(1),
    np.array([1, 0], np.int32),
    np.array([1, 0], np.uint8),
    np.array([[0], [1]]),
    np.zeros((2, 0), np.int64),
    (slice(None), [2, 0]),
    (slice(None), [2, 0], slice(None), [4, 1]),  # apart: their axes come first
    (slice(None), [2, 0], [3, 1]),  # together: they stay
    (slice(None), [[2], [0]], [3, 1, 0]),  # broadcast
    ([1, 0], slice(None), 2),
    (0, slice(None), [1, 2]),  # an integer counts as an array
    (slice(None), 0, [1, 2]),
    (slice(None), [1, 2], 0),
    ([0, 1], None, [1, 2]),
    (None, [0, 1], [1, 2]),
    ([0, 1], ..., [1, 2]),
    ([0, 1], [1, 2], ..., [1, 2]),
    ([0, 1], [1, 2], [1, 2], ..., [1, 2]),  # an Ellipsis of no axes still separates
    (..., [1, 2], slice(None, None, -1)),
    (slice(1, None), slice(None, None, -1), [-1, -2], slice(1, 4)),
    ([0, 1], [0, 1], [0, 1], [0, 1]),
    (np.array([], np.int64), [1]),
]

MASKS: list[Any] = [
    True,
    False,
    np.True_,
    (None, True),
    (slice(None), True, 1),
    np.array([True, False]),
    [False, True],
    X > 30,
    X[..., 0] > 30,
    X[0, 0, 0] < 0,
    (slice(None), np.array([True, False, True])),
    (slice(None), np.array([True, False, True]), slice(None), [0, 1]),
    (0, X[0] > 30),
    (slice(None), X[0, :, :, 0] > 10, 1),
    (np.array([True, True]), slice(None), np.array([True, False, False, True])),
    np.zeros((2, 3), bool),
]


@pytest.mark.parametrize("index", BASIC + ADVANCED + MASKS, ids=repr)
def test_matches_numpy(index: Any) -> None:
    try:
        expected = X[index]
    except IndexError:
        with pytest.raises(IndexError):
            _core.as_tensor(X)[index]
        return
    actual = _core.as_tensor(X)[index]
    assert isinstance(actual, _core.Tensor)
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual.numpy(), expected)


@pytest.mark.parametrize("index", BASIC + ADVANCED + MASKS[:-1], ids=repr)
def test_traced_matches_numpy(index: Any) -> None:
    try:
        expected = X[index]
    except IndexError:
        pytest.skip("refused by NumPy too")
    with _core.Trace() as trace:
        y = trace.input(X.shape, "float32")[index]
        assert y.is_symbolic
        assert y.shape == expected.shape
        graph = trace.finish([y])
    for optimize in (False, True):
        (actual,) = _core.Plan(graph, optimize).run([X])
        np.testing.assert_array_equal(actual.numpy(), expected)


@pytest.mark.parametrize("index", BASIC + ADVANCED + MASKS, ids=repr)
def test_gradient_is_a_scatter(index: Any) -> None:
    try:
        expected = np.zeros_like(X)
        np.add.at(expected, index, 2.0)
    except IndexError:
        pytest.skip("refused by NumPy too")
    x = _core.as_tensor(X)
    tape = _core.Tape()
    tape.watch(x)
    tape.start()
    y = x[index]
    tape.stop()
    (g,) = tape.gradient([y], [_core.as_tensor(np.full(y.shape, 2.0, np.float32))], [x])
    if g is not None:
        np.testing.assert_array_equal(g.numpy(), expected)
    else:
        assert not expected.any()


def test_many_random_indices() -> None:
    rng = np.random.default_rng(0)

    def part(length: int) -> Any:
        choice = rng.integers(6)
        if choice == 0:
            return int(rng.integers(-length, length))
        if choice == 1:
            step = int(rng.choice([-3, -2, -1, 1, 2, 3]))
            bounds = [
                None if rng.random() < 0.3 else int(rng.integers(-length - 2, length + 3))
                for _ in "ab"
            ]
            return slice(bounds[0], bounds[1], step)
        if choice == 2:
            return rng.integers(-length, length, size=[(3,), (2, 1), (1,), ()][rng.integers(4)])
        if choice == 3:
            return rng.random(length) < 0.5
        return slice(None)

    def maybe_more(parts: list[Any]) -> tuple[Any, ...]:
        if rng.random() < 0.3:
            parts.insert(int(rng.integers(len(parts) + 1)), None)
        if rng.random() < 0.3:
            parts.insert(int(rng.integers(len(parts) + 1)), Ellipsis)
        return tuple(parts)

    done = 0
    for _ in range(1500):
        shape = tuple(int(n) for n in rng.integers(1, 5, size=rng.integers(1, 5)))
        x = np.arange(np.prod(shape)).reshape(shape).astype(np.int32)
        index = maybe_more([part(n) for n in shape[: rng.integers(1, len(shape) + 1)]])
        try:
            expected = x[index]
        except IndexError:
            with pytest.raises((IndexError, ValueError)):
                _core.as_tensor(x)[index]
            continue
        np.testing.assert_array_equal(
            _core.as_tensor(x)[index].numpy(), expected, err_msg=repr((shape, index))
        )
        done += 1
    assert done > 800


def test_tensors_and_variables_are_indices() -> None:
    x = _core.as_tensor(X)
    at = np.array([1, 0, 1])
    for index in (_core.as_tensor(at), _core.Variable(_core.as_tensor(at))):
        np.testing.assert_array_equal(x[index].numpy(), X[at])
        np.testing.assert_array_equal(x[:, index].numpy(), X[:, at])
    np.testing.assert_array_equal(x[x > 50].numpy(), X[X > 50])
    np.testing.assert_array_equal(x[_core.as_tensor(1)].numpy(), X[1])
    np.testing.assert_array_equal(x[: _core.as_tensor(1)].numpy(), X[:1])


def test_variables_are_indexed() -> None:
    v = _core.Variable(_core.as_tensor(X))
    np.testing.assert_array_equal(v[1, :, ::-1].numpy(), X[1, :, ::-1])
    assert len(v) == 2
    assert [row.shape for row in v] == [(3, 4, 5)] * 2


def test_traced_indices() -> None:
    with _core.Trace() as trace:
        x = trace.input(X.shape, "float32")
        i, j = trace.input((2, 1), "int32"), trace.input((3,), "int64")
        graph = trace.finish([x[i], x[:, i, j], x[:, i, :, j]])
    plan = _core.Plan(graph)
    at, to = np.array([[1], [-1]]), np.array([2, 0, -1])
    for y, expected in zip(
        plan.run([X, at, to]), (X[at], X[:, at, to], X[:, at, :, to]), strict=True
    ):
        np.testing.assert_array_equal(y.numpy(), expected)
    with pytest.raises(IndexError):
        plan.run([X, at, np.array([0, 0, 9])])
    with pytest.raises(IndexError):
        plan.run([X, np.array([[3], [0]]), to])


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x[2], r"\[getitem\] index 2 is out of range for axis 0 of length 2"),
    (lambda x: x[:, -4], r"index -4 is out of range for axis 1 of length 3"),
    (lambda x: x[0, 0, 0, 0, 0], r"too many indices: 5 for the shape \[2, 3, 4, 5\]"),
    (lambda x: x[..., 0, ...], r"at most one Ellipsis"),
    (lambda x: x["a"], r"are indices, got str"),
    (lambda x: x[1.5], r"are indices, got float"),
    (lambda x: x[[0.5]], r"must be integers or bools, got float32"),
    (lambda x: x[[0, 2]], r"index 2 is out of range for axis 0 of length 2"),
    (lambda x: x[:, [0, 1], [1, 4]], r"index 4 is out of range for axis 2 of length 4"),
    (
        lambda x: x[np.array([True, False, True])],
        r"the mask has shape \[3\], but axis 0 .* length 2",
    ),
]


@pytest.mark.parametrize(("use", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_refused(use: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(IndexError, match=message):
        use(_core.as_tensor(X))
    with _core.Trace() as trace, pytest.raises(IndexError, match=message):
        use(trace.input(X.shape, "float32"))


def test_index_arrays_that_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match="shapes"):
        _core.as_tensor(X)[[0, 1], [0, 1, 2]]


def test_a_traced_mask_says_what_to_do() -> None:
    with _core.Trace() as trace:
        x = trace.input((3,), "float32")
        with pytest.raises(TypeError, match=r"no value yet.*ops\.where"):
            x[x > 0]


def test_tensors_are_immutable() -> None:
    with pytest.raises(TypeError, match="item assignment"):
        _core.as_tensor(X)[0] = 1  # type: ignore[index]
