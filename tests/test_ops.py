"""deepcore.ops against NumPy and SciPy, over odd shapes; traced calls against eager ones."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import deepcore
from deepcore import ops

rng = np.random.default_rng(0)


def f32(*shape):
    return rng.normal(size=shape).astype("float32")


SHAPES = [(), (0,), (1,), (7,), (8,), (9,), (3, 5), (2, 0, 3), (4, 1, 17)]

UNARY = {
    "abs": np.abs,
    "absolute": np.abs,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg2rad": np.deg2rad,
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "fabs": np.fabs,
    "floor": np.floor,
    "isfinite": np.isfinite,
    "isinf": np.isinf,
    "isnan": np.isnan,
    "isneginf": np.isneginf,
    "isposinf": np.isposinf,
    "logical_not": np.logical_not,
    "nan_to_num": np.nan_to_num,
    "negative": np.negative,
    "rad2deg": np.rad2deg,
    "reciprocal": np.reciprocal,
    "round": np.round,
    "sign": np.sign,
    "signbit": np.signbit,
    "sin": np.sin,
    "sinc": np.sinc,
    "sinh": np.sinh,
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
    "arctan": np.arctan,
    "arcsinh": np.arcsinh,
    "trunc": np.trunc,
}
UNARY_POSITIVE = {
    "log": np.log,
    "log10": np.log10,
    "log1p": np.log1p,
    "log2": np.log2,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sqrt": np.sqrt,
    "arccosh": lambda x: np.arccosh(x + 1),
}
UNARY_UNIT = {"arccos": np.arccos, "arcsin": np.arcsin, "arctanh": np.arctanh}
BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "true_divide": np.true_divide,
    "floor_divide": np.floor_divide,
    "mod": np.mod,
    "fmod": np.fmod,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "fmax": np.fmax,
    "fmin": np.fmin,
    "arctan2": np.arctan2,
    "hypot": np.hypot,
    "logaddexp": np.logaddexp,
    "logaddexp2": np.logaddexp2,
    "heaviside": np.heaviside,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "isclose": np.isclose,
}
REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "amax": np.max,
    "amin": np.min,
    "var": np.var,
    "std": np.std,
    "any": np.any,
    "all": np.all,
    "logsumexp": scipy.special.logsumexp,
    "ptp": np.ptp,
    "nansum": np.nansum,
    "nanmean": np.nanmean,
    "nanmax": np.nanmax,
    "nanmin": np.nanmin,
}


def near(actual, expected, rtol=2e-5, atol=1e-5):
    actual = ops.convert_to_numpy(actual)
    expected = np.asarray(expected)
    assert actual.shape == expected.shape
    if expected.dtype == bool:
        assert actual.dtype == bool
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, shape):
    x = f32(*shape)
    near(getattr(ops, name)(x), UNARY[name](x), rtol=1e-4)


@pytest.mark.parametrize("name", UNARY_POSITIVE)
def test_unary_of_positive_numbers(name):
    x = np.abs(f32(3, 5)) + np.float32(0.1)
    near(getattr(ops, name)(x + 1 if name == "arccosh" else x), UNARY_POSITIVE[name](x), rtol=1e-4)


@pytest.mark.parametrize("name", UNARY_UNIT)
def test_unary_of_the_unit_interval(name):
    x = np.linspace(-0.95, 0.95, 11, dtype="float32")
    near(getattr(ops, name)(x), UNARY_UNIT[name](x))


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite", "isneginf", "isposinf", "signbit"])
def test_special_values(name):
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5], "float32")
    near(getattr(ops, name)(x), getattr(np, name)(x))


def test_nan_to_num_replaces_each_kind():
    x = np.array([np.nan, np.inf, -np.inf, 2], "float32")
    near(ops.nan_to_num(x), np.nan_to_num(x))
    near(ops.nan_to_num(x, 1, 2, 3), np.array([1, 2, 3, 2], "float32"))


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 5), (3, 5)), ((3, 5), (5,)), ((4, 1), (1, 3)), ((), (7,)), ((0,), (1,))],
    ids=str,
)
@pytest.mark.parametrize("name", BINARY)
def test_binary_broadcasts(name, a, b):
    x, y = f32(*a), f32(*b)
    near(getattr(ops, name)(x, y), BINARY[name](x, y), rtol=1e-4)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(name, axis, keepdims):
    x = f32(3, 4, 5)
    near(
        getattr(ops, name)(x, axis, keepdims),
        REDUCTIONS[name](x, axis=axis, keepdims=keepdims),
        atol=1e-4,
    )


@pytest.mark.parametrize("axis", [None, 0, 1, -1], ids=str)
def test_arg_reductions_and_scans(axis):
    x = f32(4, 5)
    near(ops.argmax(x, axis), np.argmax(x, axis))
    near(ops.argmin(x, axis), np.argmin(x, axis))
    assert ops.argmax(x, axis).dtype == "int32"
    near(ops.cumsum(x, axis), np.cumsum(x, axis))
    near(ops.cumprod(x, axis), np.cumprod(x, axis))
    near(ops.average(x, axis, weights=np.abs(x)), np.average(x, axis, weights=np.abs(x)))
    near(ops.count_nonzero(x > 0, axis), np.count_nonzero(x > 0, axis))


def test_average_with_weights_of_one_axis():
    x, w = f32(3, 4), np.abs(f32(4))
    near(ops.average(x, 1, w), np.average(x, 1, w))
    with pytest.raises(ValueError, match="weights must have the shape of x"):
        ops.average(x, None, w)


@pytest.mark.parametrize(
    ("ord", "axis"),
    [
        *[(None, None), (None, 1), (2, 0), (1, 1), (np.inf, 1), (-np.inf, 0), (0, 1), (3, 1)],
        *[("fro", None), ("fro", (0, 1)), (1, (0, 1)), (-1, (0, 1)), (np.inf, (0, 1))],
        (-np.inf, (1, 0)),
    ],
    ids=str,
)
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm(ord, axis, keepdims):
    x = f32(3, 4)
    near(ops.norm(x, ord, axis, keepdims), np.linalg.norm(x, ord, axis, keepdims))


def test_norm_refuses_what_needs_singular_values():
    with pytest.raises(NotImplementedError, match="singular values"):
        ops.norm(f32(3, 3), 2, (0, 1))


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


def test_dtypes_follow_keras():
    assert ops.add(np.int32(1), 2.0).dtype == "float32"
    assert ops.add(ops.ones(2, "float16"), 2.0).dtype == "float16"
    assert ops.add(np.ones(2, "int32"), np.ones(2, "int64")).dtype == "int64"
    assert ops.add(np.ones(2, "int64"), np.ones(2, "float32")).dtype == "float32"
    assert ops.mean(np.ones(2, "int32")).dtype == "float32"
    assert ops.sum(np.ones(2, "bool")).dtype == "int32"
    assert ops.sqrt([1, 4]).dtype == "float32"
    assert ops.convert_to_tensor([1, 2]).dtype == "int32"
    assert ops.convert_to_tensor([1.0]).dtype == "float32"
    assert ops.convert_to_tensor(np.ones(1)).dtype == "float64"
    assert ops.convert_to_tensor(True).dtype == "bool"
    assert ops.cast([1.7, -1.7], "int32").tolist() == [1, -1]
    assert ops.saturate_cast([300.0, -5.0], "uint8").tolist() == [255, 0]
    with pytest.raises(ValueError, match=r"Unknown dtype: 'flaot32'. Did you mean 'float32'"):
        ops.cast([1], "flaot32")


# ---- control flow


def test_cond_runs_one_branch_eagerly_and_chooses_when_traced():
    v = deepcore.Variable(1.0)

    def choose(x):
        def double():
            v.assign(10.0)
            return x * 2

        return ops.cond(ops.sum(x) > 0, double, lambda: x - 1)

    compiled = deepcore.function(choose)
    for f in (choose, compiled):
        v.assign(1.0)
        near(f(np.array([-1.0], "f4")), [-2.0])
        assert v.numpy() == 1
        near(f(np.array([3.0], "f4")), [6.0])
        assert v.numpy() == 10


def test_loops():
    assert ops.while_loop(lambda i: i < 5, lambda i: i + 2, (0,))[0] == 6
    assert ops.while_loop(lambda i: i < 5, lambda i: i + 1, 0, maximum_iterations=3) == 3
    assert ops.fori_loop(0, 4, lambda i, v: v + i, 0).item() == 6
    last, ys = ops.scan(lambda c, x: (c + x, c * x), 0.0, np.array([1.0, 2.0, 3.0], "f4"))
    assert last.item() == 6
    near(ys, [0, 2, 9])
    near(ops.map(lambda r: ops.sum(r), M), M.sum(-1))
    assert ops.switch(1, [lambda x: x, lambda x: x + 1], 1) == 2
    with pytest.raises(NotImplementedError, match="cannot be traced"):
        deepcore.function(lambda n: ops.while_loop(lambda i: i < n, lambda i: i + 1, 0))(
            np.int32(3)
        )


@pytest.mark.parametrize("name", ["cumsum", "softmax", "gelu", "std", "logsumexp", "sparsemax"])
def test_traced_is_eager(name):
    f = getattr(ops, name)
    x = f32(3, 7)
    near(
        deepcore.function(lambda t: f(t, *([-1] if name == "cumsum" else [])))(x),
        f(x, -1) if name == "cumsum" else f(x),
    )


def test_every_public_name_is_keras_s():
    extra = {"adam_update", "sgd_update", "array_equal", "mish"}
    known = set(KERAS_OPS.split())
    public = {n for n in dir(ops) if callable(getattr(ops, n)) and not n.startswith("_")}
    assert public - known - extra - {"Tensor"} == set()


KERAS_OPS = """
abs absolute adaptive_average_pool adaptive_max_pool add all allclose amax amin angle any append
arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argpartition argsort
array array_split associative_scan average average_pool bartlett batch_normalization
binary_crossentropy bincount bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or
bitwise_right_shift bitwise_xor blackman broadcast_to cast categorical_crossentropy cbrt cdist
ceil celu cholesky cholesky_inverse clip concatenate cond conj conjugate conv conv_transpose
convert_to_numpy convert_to_tensor copy corrcoef correlate cos cosh count_nonzero cross ctc_decode
ctc_loss cumprod cumsum custom_gradient deg2rad depth_to_space depthwise_conv det diag diagflat
diagonal diff digitize divide divide_no_nan dot dot_product_attention dsplit dstack dtype eig eigh
einsum elu empty empty_like equal erf erfc erfinv exp exp2 expand_dims expm1 extract_sequences eye
fabs fft fft2 flip fliplr flipud floor floor_divide fmax fmin fmod fold fori_loop full full_like
gcd gelu geomspace get_item glu greater greater_equal hamming hanning hard_shrink hard_sigmoid
hard_silu hard_swish hard_tanh heaviside histogram hsplit hstack hypot i0 identity ifft2 imag
image in_top_k inner inv irfft is_tensor isclose isfinite isin isinf isnan isneginf isposinf
isreal istft jvp kaiser kron layer_normalization lcm ldexp leaky_relu left_shift less less_equal
linalg linspace log log10 log1p log2 log_sigmoid log_softmax logaddexp logaddexp2 logdet
logical_and logical_not logical_or logical_xor logspace logsumexp lstsq lu_factor map matmul
matrix_rank max max_pool maximum mean median meshgrid min minimum mod moments moveaxis multi_hot
multiply nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin
nanpercentile nanprod nanquantile nanstd nansum nanvar ndim negative nextafter nn nonzero norm
normalize not_equal numpy one_hot ones ones_like outer pad percentile pinv polar power prod psnr
ptp qr quantile rad2deg ravel real rearrange reciprocal relu relu6 repeat reshape rfft right_shift
rms_normalization roll rot90 round rsqrt saturate_cast scan scatter scatter_update searchsorted
segment_max segment_min segment_prod segment_sum select selu separable_conv shape sigmoid sign
signbit silu sin sinc sinh size slice slice_update slogdet soft_shrink softmax softplus softsign
solve solve_triangular sort space_to_depth sparse_categorical_crossentropy sparse_plus
sparse_sigmoid sparsemax split sqrt square squareplus squeeze stack std stft stop_gradient
subtract sum svd swapaxes swish switch take take_along_axis tan tanh tanh_shrink tensordot
threshold tile top_k trace transpose trapezoid tri tril triu true_divide trunc unfold unique
unravel_index unstack vander var vdot vectorize vectorized_map view view_as_complex view_as_real
vsplit vstack where while_loop zeros zeros_like
"""
