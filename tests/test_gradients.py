"""First and second derivatives of every differentiable op against differences, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from deepcore import ops
from deepcore.ops.nn import batch_normalization_training
from deepcore.transforms import GradientTape, function, grad

rng = np.random.default_rng(1)
PLAIN = rng.normal(size=(3, 4))
POSITIVE = rng.uniform(0.5, 2, (3, 4))
UNIT = rng.uniform(-0.8, 0.8, (3, 4))
IMAGE = rng.normal(size=(2, 5, 4, 2))
KERNEL = rng.normal(size=(3, 2, 2, 3))
SQUARE = np.random.default_rng(2).normal(size=(1, 1, 6, 4))
OTHER = rng.normal(size=(4,))
# Far from each other, so that a small step does not change which one is largest.
APART = rng.permutation(12).reshape(3, 4) * 0.37 - 2.0
LABELS = np.array([0, 3, 1])
HOT = np.eye(4)[LABELS]

OF_ANY_NUMBER = """
    arcsinh arctan cos cosh erf erfc exp exp2 expm1 gelu log_sigmoid log_softmax mish negative
    sigmoid silu sin sinc sinh softmax softplus square squareplus tan tanh tanh_shrink
    logsumexp mean sum prod var std normalize cumsum cumprod layer_normalization
    rms_normalization flip ravel transpose
"""
BENT = """
    abs relu relu6 leaky_relu elu celu selu softsign hard_sigmoid hard_silu hard_tanh
    hard_shrink soft_shrink sparse_plus sparse_sigmoid sparsemax max min ptp fabs
"""
SMOOTH = {
    **{name: (getattr(ops, name), PLAIN) for name in OF_ANY_NUMBER.split()},
    **{
        name: (getattr(ops, name), POSITIVE)
        for name in ["cbrt", "log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt", "norm"]
    },
    **{name: (getattr(ops, name), UNIT) for name in ["arccos", "arcsin", "arctanh"]},
    "arccosh": (lambda x: ops.arccosh(x + 1), POSITIVE),
    "gelu exact": (lambda x: ops.gelu(x, False), PLAIN),
    "add": (lambda x: x + OTHER * x, PLAIN),
    "subtract": (lambda x: OTHER - x * x, PLAIN),
    "multiply broadcast": (lambda x: ops.multiply(x[:1], x), PLAIN),
    "divide": (lambda x: ops.divide(OTHER, x), POSITIVE),
    "divide_no_nan": (lambda x: ops.divide_no_nan(OTHER, x), POSITIVE),
    "power": (lambda x: ops.power(x, x[::-1]), POSITIVE),
    "power constant": (lambda x: ops.power(x, 3), PLAIN),
    "arctan2": (lambda x: ops.arctan2(x, x[::-1] + 5), PLAIN),
    "hypot": (lambda x: ops.hypot(x, x[::-1] + 3), POSITIVE),
    "logaddexp": (lambda x: ops.logaddexp(x, x[::-1] * 2), PLAIN),
    "glu": (ops.glu, PLAIN),
    "matmul": (lambda x: ops.matmul(x, ops.transpose(x * x)), PLAIN),
    "tensordot": (lambda x: ops.tensordot(x, x, ([1], [1])), PLAIN),
    "outer": (lambda x: ops.outer(x[0], x[1]), PLAIN),
    "kron": (lambda x: ops.kron(x[:2], x[1:]), PLAIN),
    "concatenate": (lambda x: ops.concatenate([x, x * x], 1), PLAIN),
    "stack": (lambda x: ops.stack([x, x * x], 1), PLAIN),
    "split": (lambda x: ops.split(x, 2, 1)[1] ** 3, PLAIN),
    "pad": (lambda x: ops.pad(x * x, ((1, 2), (0, 1))), PLAIN),
    "pad reflect": (lambda x: ops.pad(x * x, 1, "reflect"), PLAIN),
    "tile": (lambda x: ops.tile(x * x, (2, 1)), PLAIN),
    "repeat": (lambda x: ops.repeat(x * x, 2, 1), PLAIN),
    "roll": (lambda x: ops.roll(x * x, 2, 1) * x, PLAIN),
    "moveaxis": (lambda x: ops.moveaxis(x * x, 0, 1), PLAIN),
    "broadcast_to": (lambda x: ops.broadcast_to(x[0] ** 2, (3, 4)), PLAIN),
    "take": (lambda x: ops.take(x * x, [0, 2, 0], 0), PLAIN),
    "take_along_axis": (lambda x: ops.take_along_axis(x**2, LABELS[:, None], 1), PLAIN),
    "getitem": (lambda x: x[1:, ::-2] ** 3, PLAIN),
    "slice_update": (lambda x: ops.slice_update(x * x, (1, 1), x[:2, :2] ** 3), PLAIN),
    "diagonal": (lambda x: ops.diagonal(x * x), PLAIN),
    "tril": (lambda x: ops.tril(x * x), PLAIN),
    "where": (lambda x: ops.where(HOT > 0, x * x, x**3), PLAIN),
    "average": (lambda x: ops.average(x * x, 1, OTHER), PLAIN),
    "conv": (lambda x: ops.conv(x * x, KERNEL, (2, 1), "same"), IMAGE),
    "conv kernel": (lambda k: ops.conv(IMAGE, k * k, 1, "valid"), KERNEL),
    "conv dilated": (lambda x: ops.conv(x * x, KERNEL, 1, "same", dilation_rate=(2, 1)), IMAGE),
    "depthwise_conv": (lambda x: ops.depthwise_conv(x * x, KERNEL, 1, "same"), IMAGE),
    "depthwise_conv kernel": (lambda k: ops.depthwise_conv(IMAGE, k * k, 2), KERNEL),
    "separable_conv": (
        lambda x: ops.separable_conv(x * x, KERNEL, SQUARE, 1, "same", dilation_rate=2),
        IMAGE,
    ),
    "conv 1d": (lambda x: ops.conv(x * x, KERNEL[0], 2, "same"), IMAGE[0]),
    "average_pool 1d": (lambda x: ops.average_pool(x * x, 3, 2, "same"), IMAGE[0]),
    "batch_normalization": (
        lambda x: ops.batch_normalization(x, x[0, 0, 0] * 2, x[0, 0, 1] ** 2 + 1, 3, x[1, 0, 0]),
        IMAGE,
    ),
    "batch_normalization_training": (
        lambda x: ops.concatenate(
            [
                ops.reshape(part, (-1,))
                for part in batch_normalization_training(x, x[0, 0, 0] + 2, x[1, 0, 0], 0.1)
            ]
        ),
        IMAGE,
    ),
    "moments": (lambda x: ops.stack(ops.moments(x, (0, 2))), IMAGE),
    "average_pool": (lambda x: ops.average_pool(x * x, (3, 2), 2, "same"), IMAGE),
    "binary_crossentropy": (lambda x: ops.binary_crossentropy(HOT, ops.sigmoid(x)), PLAIN),
    "binary_crossentropy logits": (lambda x: ops.binary_crossentropy(HOT, x, True), PLAIN),
    "categorical_crossentropy": (lambda x: ops.categorical_crossentropy(HOT, x), POSITIVE),
    "categorical_crossentropy logits": (
        lambda x: ops.categorical_crossentropy(HOT, x, True),
        PLAIN,
    ),
    "sparse_categorical_crossentropy": (
        lambda x: ops.sparse_categorical_crossentropy(LABELS, x),
        POSITIVE,
    ),
    "sparse_categorical_crossentropy softmax": (
        lambda x: ops.sparse_categorical_crossentropy(LABELS, ops.softmax(x)),
        PLAIN,
    ),
    "sparse_categorical_crossentropy logits": (
        lambda x: ops.sparse_categorical_crossentropy(LABELS, x, True),
        PLAIN,
    ),
}
KINKED = {
    **{name: (getattr(ops, name), APART) for name in BENT.split()},
    "maximum": (lambda x: ops.maximum(x, x[::-1] * 0.5), APART),
    "minimum": (lambda x: ops.minimum(x, 0.1), APART),
    "clip": (lambda x: ops.clip(x * x, 0.5, 2.0), APART),
    "max axis": (lambda x: ops.max(x * x, 1), APART + 3),
    "mod": (lambda x: ops.mod(x, 0.7), APART),
    "max_pool": (
        lambda x: ops.max_pool(x, (3, 2), 1, "same"),
        rng.permutation(80).reshape(2, 5, 4, 2) * 0.1,
    ),
    "nan_to_num": (ops.nan_to_num, APART),
    "top_k": (lambda x: ops.top_k(x, 2)[0], APART),
}


def scalar(f):
    """A function with a scalar result that weighs all elements of f's differently."""

    def weighed(x):
        y = ops.reshape(f(x), (-1,))
        return ops.sum(y * np.cos(np.arange(y.shape[0])))

    return weighed


def differences(f, x, step=1e-5):
    """The derivative by central differences of fourth order."""
    slope = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        for k, w in ((1, 8), (2, -1)):
            up, down = x.copy(), x.copy()
            up[i] += k * step
            down[i] -= k * step
            slope[i] += w * (f(up) - f(down)) / (12 * step)
    return slope


def agree(actual, expected, tolerance):
    scale = max(1.0, np.abs(expected).max())
    assert np.abs(actual - expected).max() / scale < tolerance


@pytest.mark.parametrize("name", [*SMOOTH, *KINKED])
def test_first_derivative(name):
    f, x = {**SMOOTH, **KINKED}[name]
    loss = scalar(f)
    expected = differences(lambda v: loss(v).item(), x, 1e-4 if name in SMOOTH else 1e-5)
    agree(grad(loss)(x).numpy(), expected, 1e-6)
    agree(function(grad(loss))(x).numpy(), expected, 1e-6)


@pytest.mark.parametrize("name", SMOOTH)
def test_second_derivative(name):
    f, x = SMOOTH[name]
    direction = np.sin(np.arange(x.size)).reshape(x.shape)

    def slope(v):
        return ops.sum(grad(scalar(f))(v) * direction)

    expected = differences(lambda v: slope(v).item(), x, 1e-4)
    agree(function(grad(slope))(x).numpy(), expected, 1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_sources_gather_their_gradients(dtype):
    x = ops.cast([1.0, 2.0, 3.0], dtype)
    with GradientTape() as tape:
        tape.watch(x)
        wide = ops.cast(x, "float32")
        y = ops.sum(wide * wide) + ops.sum(ops.cast(x, "float32"))
    grad = tape.gradient(y, x)
    assert grad.dtype == dtype
    np.testing.assert_array_equal(ops.cast(grad, "float32"), [3.0, 5.0, 7.0])
