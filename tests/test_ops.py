"""deepcore.ops against NumPy: elementwise, reductions, dtypes, control flow; its names."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import deepcore
from comparing import near
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
    rows = f32(4, 4)
    near(ops.map(lambda r: ops.sum(r), rows), rows.sum(-1))
    assert ops.switch(1, [lambda x: x, lambda x: x + 1], 1) == 2


@pytest.mark.parametrize("name", ["cumsum", "softmax", "gelu", "std", "logsumexp", "sparsemax"])
def test_traced_is_eager(name):
    f = getattr(ops, name)
    x = f32(3, 7)
    near(
        deepcore.function(lambda t: f(t, *([-1] if name == "cumsum" else [])))(x),
        f(x, -1) if name == "cumsum" else f(x),
    )


def test_every_public_name_is_keras_s():
    extra = {"adam_update", "lazy_adam_update", "sgd_update", "array_equal", "mish"}
    extra |= {"crf_log_likelihood", "crf_marginals", "viterbi_decode"}
    extra |= {"gru", "lstm", "simple_rnn"}
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
