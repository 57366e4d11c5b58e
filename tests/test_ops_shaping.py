"""Creation, shaping, indexing and products of deepcore.ops, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore
from comparing import near
from deepcore import ops

rng = np.random.default_rng(0)


def f32(*shape):
    return rng.normal(size=shape).astype("float32")


CASES = {
    "arange": (lambda: ops.arange(5), lambda: np.arange(5, dtype="int32")),
    "arange float": (lambda: ops.arange(1, 2, 0.25), lambda: np.arange(1, 2, 0.25, "float32")),
    "arange down": (lambda: ops.arange(5, 0, -2), lambda: np.arange(5, 0, -2, "int32")),
    "zeros": (lambda: ops.zeros((2, 3)), lambda: np.zeros((2, 3), "float32")),
    "zeros int": (lambda: ops.zeros(3, "int64"), lambda: np.zeros(3, "int64")),
    "ones": (lambda: ops.ones((2, 0)), lambda: np.ones((2, 0), "float32")),
    "full": (lambda: ops.full((2, 2), 7), lambda: np.full((2, 2), 7, "float32")),
    "full row": (lambda: ops.full((2, 2), [1, 2]), lambda: np.full((2, 2), [1, 2], "float32")),
    "full_like": (lambda: ops.full_like([1, 2], 1.5), lambda: np.array([1, 1], "int32")),
    "zeros_like": (lambda: ops.zeros_like([1.0]), lambda: np.zeros(1, "float32")),
    "ones_like": (lambda: ops.ones_like([1.0], "bool"), lambda: np.ones(1, "bool")),
    "eye": (lambda: ops.eye(2, 3, 1), lambda: np.eye(2, 3, 1, "float32")),
    "identity": (lambda: ops.identity(3), lambda: np.identity(3, "float32")),
    "tri": (lambda: ops.tri(3, 4, 1), lambda: np.tri(3, 4, 1, "float32")),
    "linspace": (lambda: ops.linspace(0, 1, 7), lambda: np.linspace(0, 1, 7, dtype="float32")),
    "linspace open": (
        lambda: ops.linspace(0, 1, 7, endpoint=False),
        lambda: np.linspace(0, 1, 7, endpoint=False, dtype="float32"),
    ),
    "linspace axis": (
        lambda: ops.linspace([0, 1], [1, 3], 4, axis=1),
        lambda: np.linspace([0, 1], [1, 3], 4, axis=1, dtype="float32"),
    ),
    "logspace": (lambda: ops.logspace(0, 2, 3), lambda: np.logspace(0, 2, 3, dtype="float32")),
}
X = f32(3, 4, 5)
M = f32(4, 4)
I34 = np.array([[0, 2, 1, 3], [3, -1, 0, 0], [1, 1, 2, 2]])
SHAPING = {
    "reshape": (lambda: ops.reshape(X, (5, -1)), lambda: X.reshape(5, -1)),
    "ravel": (lambda: ops.ravel(X), lambda: X.ravel()),
    "transpose": (lambda: ops.transpose(X), lambda: X.T),
    "transpose axes": (lambda: ops.transpose(X, (1, 0, 2)), lambda: X.transpose(1, 0, 2)),
    "moveaxis": (lambda: ops.moveaxis(X, 0, -1), lambda: np.moveaxis(X, 0, -1)),
    "moveaxis two": (
        lambda: ops.moveaxis(X, (0, 1), (2, 0)),
        lambda: np.moveaxis(X, (0, 1), (2, 0)),
    ),
    "swapaxes": (lambda: ops.swapaxes(X, 0, 2), lambda: np.swapaxes(X, 0, 2)),
    "expand_dims": (lambda: ops.expand_dims(X, 1), lambda: np.expand_dims(X, 1)),
    "squeeze": (lambda: ops.squeeze(X[:1]), lambda: X[0]),
    "broadcast_to": (
        lambda: ops.broadcast_to(X[0], (3, 4, 5)),
        lambda: np.broadcast_to(X[0], X.shape),
    ),
    "repeat": (lambda: ops.repeat(X, 2, 1), lambda: np.repeat(X, 2, 1)),
    "repeat each": (lambda: ops.repeat(X, [1, 0, 2], 0), lambda: np.repeat(X, [1, 0, 2], 0)),
    "repeat nothing": (lambda: ops.repeat(X, 0, 1), lambda: np.repeat(X, 0, 1)),
    "repeat flat": (lambda: ops.repeat(X, 2), lambda: np.repeat(X, 2)),
    "roll": (lambda: ops.roll(X, 7), lambda: np.roll(X, 7)),
    "roll axes": (lambda: ops.roll(X, (1, -2), (0, 2)), lambda: np.roll(X, (1, -2), (0, 2))),
    "tile": (lambda: ops.tile(X, (2, 1, 3)), lambda: np.tile(X, (2, 1, 3))),
    "flip": (lambda: ops.flip(X), lambda: np.flip(X)),
    "flip axis": (lambda: ops.flip(X, 1), lambda: np.flip(X, 1)),
    "fliplr": (lambda: ops.fliplr(X), lambda: np.fliplr(X)),
    "flipud": (lambda: ops.flipud(X), lambda: np.flipud(X)),
    "rot90": (lambda: ops.rot90(M), lambda: np.rot90(M)),
    "rot90 three": (lambda: ops.rot90(X, 3, (1, 2)), lambda: np.rot90(X, 3, (1, 2))),
    "stack": (lambda: ops.stack([X, X], 1), lambda: np.stack([X, X], 1)),
    "hstack": (lambda: ops.hstack([X, X]), lambda: np.hstack([X, X])),
    "vstack": (lambda: ops.vstack([M, M]), lambda: np.vstack([M, M])),
    "dstack": (lambda: ops.dstack([M, M]), lambda: np.dstack([M, M])),
    "concatenate": (lambda: ops.concatenate([X, X], -1), lambda: np.concatenate([X, X], -1)),
    "append": (lambda: ops.append(M, M), lambda: np.append(M, M)),
    "pad": (lambda: ops.pad(M, ((1, 2), (0, 3))), lambda: np.pad(M, ((1, 2), (0, 3)))),
    "pad value": (
        lambda: ops.pad(M, 1, constant_values=3),
        lambda: np.pad(M, 1, constant_values=3),
    ),
    "pad reflect": (lambda: ops.pad(M, 2, "reflect"), lambda: np.pad(M, 2, "reflect")),
    "pad symmetric": (lambda: ops.pad(M, 2, "symmetric"), lambda: np.pad(M, 2, "symmetric")),
    "take": (lambda: ops.take(X, [0, 2, -1], 1), lambda: np.take(X, [0, 2, -1], 1)),
    "take flat": (lambda: ops.take(X, [[0, 2]]), lambda: np.take(X, [[0, 2]])),
    "take_along_axis": (
        lambda: ops.take_along_axis(X, I34[:, :, None], 2),
        lambda: np.take_along_axis(X, I34[:, :, None], 2),
    ),
    "take_along_axis first": (
        lambda: ops.take_along_axis(M, I34, 0),
        lambda: np.take_along_axis(M, I34, 0),
    ),
    "slice": (lambda: ops.slice(X, (1, 0, 2), (1, 2, -1)), lambda: X[1:2, :2, 2:]),
    "diagonal": (lambda: ops.diagonal(X, 1, 1, 2), lambda: np.diagonal(X, 1, 1, 2)),
    "diagonal below": (lambda: ops.diagonal(X, -1), lambda: np.diagonal(X, -1)),
    "diag": (lambda: ops.diag(M[0], 1), lambda: np.diag(M[0], 1)),
    "diag below": (lambda: ops.diag(M[0], -2), lambda: np.diag(M[0], -2)),
    "trace": (lambda: ops.trace(M), lambda: np.trace(M)),
    "tril": (lambda: ops.tril(X, -1), lambda: np.tril(X, -1)),
    "triu": (lambda: ops.triu(X), lambda: np.triu(X)),
    "clip": (lambda: ops.clip(X, -0.5, 0.5), lambda: np.clip(X, -0.5, 0.5)),
    "where": (lambda: ops.where(X > 0, X, 0), lambda: np.where(X > 0, X, 0)),
    "select": (
        lambda: ops.select([X > 1, X > 0], [1.0, X], -1),
        lambda: np.select([X > 1, X > 0], [1.0, X], -1),
    ),
    "dot": (lambda: ops.dot(M, X), lambda: np.dot(M, X)),
    "matmul": (lambda: ops.matmul(X, X[0].T), lambda: X @ X[0].T),
    "inner": (lambda: ops.inner(X, X[0]), lambda: np.inner(X, X[0])),
    "outer": (lambda: ops.outer(M, M[0]), lambda: np.outer(M, M[0])),
    "vdot": (lambda: ops.vdot(M, M.T), lambda: np.vdot(M, M.T)),
    "kron": (lambda: ops.kron(M, X[0]), lambda: np.kron(M, X[0])),
    "cross": (lambda: ops.cross(M[:, :3], M[:, 1:]), lambda: np.cross(M[:, :3], M[:, 1:])),
    "tensordot": (
        lambda: ops.tensordot(X, X, ([0, 2], [0, 2])),
        lambda: np.tensordot(X, X, ([0, 2], [0, 2])),
    ),
}


@pytest.mark.parametrize(
    "sizes",
    [[2, 3], (2, 3), range(2, 4), np.array([2, 3]), ops.convert_to_tensor([2, 3])],
    ids=type,
)
def test_sizes_may_come_in_any_sequence(sizes):
    """Those of an array or a tensor are objects made one by one."""
    assert ops.reshape(f32(6), sizes).shape == (2, 3)
    assert ops.broadcast_to(f32(1), sizes).shape == (2, 3)
    assert ops.tile(f32(1, 2), sizes).shape == (2, 6)
    assert ops.zeros(sizes).shape == (2, 3)
    assert [part.shape[0] for part in ops.split(f32(7), sizes)] == [2, 1, 4]


def test_sizes_computed_in_a_trace():
    """The batch size in a shape, as scripts write it."""

    @deepcore.function
    def spread(x):
        count = ops.expand_dims(ops.shape(x)[0], -1)
        return ops.tile(x[:1], ops.concatenate([count, ops.convert_to_tensor([2])], 0))

    assert spread(f32(3, 2)).shape == (3, 4)


@pytest.mark.parametrize("name", CASES)
def test_creation(name):
    ours, theirs = (f() for f in CASES[name])
    near(ours, theirs, rtol=1e-6, atol=1e-6)
    assert ours.dtype == theirs.dtype.name


@pytest.mark.parametrize("name", SHAPING)
def test_shaping_indexing_and_products(name):
    ours, theirs = (f() for f in SHAPING[name])
    near(ours, theirs)


@pytest.mark.parametrize("parts", [2, [1, 3], [0, 0, 4]], ids=str)
def test_split(parts):
    for ours, theirs in zip(ops.split(M, parts, 1), np.split(M, parts, 1), strict=True):
        near(ours, theirs)


def test_array_split_and_unstack():
    for ours, theirs in zip(ops.array_split(X, 3, 2), np.array_split(X, 3, 2), strict=True):
        near(ours, theirs)
    for ours, theirs in zip(ops.unstack(X, axis=1), np.moveaxis(X, 1, 0), strict=True):
        near(ours, theirs)
    with pytest.raises(ValueError, match="has 4 slices"):
        ops.unstack(X, 3, 1)


def test_meshgrid():
    for indexing in ("xy", "ij"):
        ours = ops.meshgrid([1.0, 2.0], [3.0, 4.0, 5.0], indexing=indexing)
        theirs = np.meshgrid([1.0, 2.0], [3.0, 4.0, 5.0], indexing=indexing)
        for a, b in zip(ours, theirs, strict=True):
            near(a, b)


def test_one_hot_multi_hot_and_top_k():
    near(
        ops.one_hot([0, 2, 3, -1], 3), np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]], "f4")
    )
    near(ops.one_hot([0, 1], 2, axis=0, dtype="int32"), np.eye(2, dtype="int32"))
    near(ops.multi_hot([[0, 2], [1, 1]], 3), np.array([[1, 0, 1], [0, 1, 0]], "f4"))
    x = f32(3, 6)
    values, places = ops.top_k(x, 2)
    near(values, np.sort(x, -1)[:, ::-1][:, :2])
    near(places, np.argsort(-x, -1)[:, :2])
    near(ops.in_top_k([0, 1], [[0.1, 0.9, 0.8], [0.3, 0.3, 0.1]], 1), np.array([False, True]))


def test_slice_update_scatter_and_nonzero():
    expected = M.copy()
    expected[1:3, 2:4] = 7
    near(ops.slice_update(M, (1, 2), np.full((2, 2), 7, "f4")), expected)
    near(ops.scatter([[0], [2], [0]], [1.0, 2.0, 3.0], (4,)), np.array([4, 0, 2, 0], "f4"))
    for ours, theirs in zip(ops.where(M > 0), np.nonzero(M > 0), strict=True):
        near(ours, theirs)


def test_divide_no_nan_and_its_gradient():
    x = ops.convert_to_tensor([1.0, 2.0])
    near(ops.divide_no_nan(x, [0.0, 4.0]), np.array([0, 0.5], "f4"))
    near(
        deepcore.grad(lambda t: ops.sum(ops.divide_no_nan(1.0, t)))(np.array([0.0, 2.0], "f4")),
        [0, -0.25],
    )


def test_comparisons_of_whole_tensors():
    assert bool(ops.allclose(M, M + 1e-9))
    assert not bool(ops.allclose(M, M + 1))
    assert bool(ops.array_equal(M, M))
    assert not bool(ops.array_equal(M, M[0]))
    assert bool(ops.isclose(np.nan, np.nan, equal_nan=True))
