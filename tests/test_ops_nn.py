"""Activations, convolution, pooling, normalisation and losses of deepcore.ops."""

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


X = f32(3, 4, 5)


# ---- activations


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.05070098 * np.where(x > 0, x, 1.67326324 * np.expm1(x)),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "log_sigmoid": lambda x: -np.logaddexp(-x, 0),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "squareplus": lambda x: (x + np.sqrt(x * x + 4)) / 2,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "softmax": lambda x: scipy.special.softmax(x, -1),
    "log_softmax": lambda x: scipy.special.log_softmax(x, -1),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    x = (f32(4, 9) * 4).astype("float64")
    near(getattr(ops, name)(x), ACTIVATIONS[name](x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["elu", "selu", "celu", "silu", "mish", "log_sigmoid", "softplus"])
def test_gradients_stay_finite_far_out(name):
    x = np.array([-1e4, -100.0, 0.0, 100.0, 1e4], "float32")
    gradient = deepcore.grad(lambda t: ops.sum(getattr(ops, name)(t)))(x)
    assert np.isfinite(gradient.numpy()).all()


def test_glu_sparsemax_and_softmax_over_axes():
    x = f32(3, 6)
    near(ops.glu(x), x[:, :3] * sigmoid(x[:, 3:]))
    near(ops.sparsemax([[1.0, 0.2, -1.0]]), [[0.9, 0.1, 0.0]])
    near(ops.sum(ops.sparsemax(x, 0), 0), np.ones(6, "f4"))
    near(ops.softmax(X, (0, 2)), scipy.special.softmax(X, (0, 2)))
    near(ops.softmax(X, 0), scipy.special.softmax(X, 0))
    with pytest.raises(ValueError, match="axis must be even"):
        ops.glu(f32(2, 3))


# ---- networks


def plain_conv(x, kernel, strides, padding, dilation, groups):
    n, h, w, _ = x.shape
    kh, kw, per_group, filters = kernel.shape
    (sh, sw), (dh, dw) = strides, dilation
    reach = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
    if padding == "same":
        out = [-(-h // sh), -(-w // sw)]
        lack = [
            max((o - 1) * s + r - d, 0)
            for o, s, r, d in zip(out, strides, reach, (h, w), strict=True)
        ]
        x = np.pad(x, ((0, 0), *[(p // 2, p - p // 2) for p in lack], (0, 0)))
    oh, ow = ((d - r) // s + 1 for d, r, s in zip(x.shape[1:3], reach, strides, strict=True))
    y = np.zeros((n, oh, ow, filters))
    for f in range(filters):
        g = f // (filters // groups)
        part = x[..., g * per_group : (g + 1) * per_group]
        for i in range(oh):
            for j in range(ow):
                patch = part[:, i * sh : i * sh + reach[0] : dh, j * sw : j * sw + reach[1] : dw]
                y[:, i, j, f] = (patch * kernel[..., f]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("strides", "dilation", "groups"),
    [
        ((1, 1), (1, 1), 1),
        ((2, 1), (1, 1), 1),
        ((1, 1), (2, 1), 1),
        ((2, 2), (1, 1), 2),
        ((2, 1), (1, 2), 1),
    ],
    ids=str,
)
def test_conv(padding, strides, dilation, groups):
    x, kernel = f32(2, 7, 6, 4), f32(3, 2, 4 // groups, 6)
    expected = plain_conv(x, kernel, strides, padding, dilation, groups)
    near(ops.conv(x, kernel, strides, padding, dilation_rate=dilation), expected, atol=1e-4)
    first = ops.conv(
        x.transpose(0, 3, 1, 2), kernel, strides, padding, "channels_first", dilation_rate=dilation
    )
    near(first, expected.transpose(0, 3, 1, 2), atol=1e-4)


def test_conv_1d_depthwise_and_separable():
    x, kernel = f32(2, 7, 4), f32(3, 4, 5)
    expected = plain_conv(x[:, None], kernel[None], (1, 2), "same", (1, 1), 1)[:, 0]
    near(ops.conv(x, kernel, 2, "same"), expected, atol=1e-4)
    image, depth, point = f32(2, 5, 5, 3), f32(3, 3, 3, 2), f32(1, 1, 6, 4)
    expected = plain_conv(image, depth.reshape(3, 3, 1, 6), (1, 1), "valid", (1, 1), 3)
    near(ops.depthwise_conv(image, depth), expected, atol=1e-4)
    near(ops.separable_conv(image, depth, point), expected @ point[0, 0], atol=1e-4)


def test_conv_says_what_does_not_fit():
    with pytest.raises(ValueError, match="the input has 3 channels, the kernel expects 2"):
        ops.conv(f32(1, 5, 5, 3), f32(2, 2, 2, 4))
    with pytest.raises(ValueError, match="expected inputs of 3 to 5 axes"):
        ops.conv(f32(5, 5), f32(2, 2, 2, 4))
    with pytest.raises(ValueError, match="padding must be one of"):
        ops.conv(f32(1, 5, 5, 3), f32(2, 2, 3, 4), padding="full")


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides"), [((2, 2), None), ((3, 2), (1, 2)), (3, 2)], ids=str)
def test_pools(padding, size, strides):
    x = f32(2, 7, 6, 3)
    kh, kw = (size, size) if isinstance(size, int) else size
    sh, sw = (
        (kh, kw) if strides is None else (strides, strides) if isinstance(strides, int) else strides
    )
    if padding == "same":
        lack = [max((-(-d // s) - 1) * s + k - d, 0) for d, s, k in ((7, sh, kh), (6, sw, kw))]
        wide = np.pad(
            x, ((0, 0), *[(p // 2, p - p // 2) for p in lack], (0, 0)), constant_values=np.nan
        )
    else:
        wide = x
    view = np.lib.stride_tricks.sliding_window_view(wide, (kh, kw), (1, 2))[:, ::sh, ::sw]
    near(ops.max_pool(x, size, strides, padding), np.nanmax(view, (-2, -1)))
    near(ops.average_pool(x, size, strides, padding), np.nanmean(view, (-2, -1)))
    turned = ops.max_pool(x.transpose(0, 3, 1, 2), size, strides, padding, "channels_first")
    near(turned, np.nanmax(view, (-2, -1)).transpose(0, 3, 1, 2))


def test_crossentropies():
    p = scipy.special.softmax(f32(4, 5), -1)
    t = np.eye(5, dtype="f4")[[0, 3, 2, 4]]
    logs = -np.log(p[np.arange(4), [0, 3, 2, 4]])
    near(ops.categorical_crossentropy(t, p), logs)
    near(ops.categorical_crossentropy(t, np.log(p), from_logits=True), logs)
    near(ops.categorical_crossentropy(t.T, 3 * p.T, axis=0), logs)
    near(ops.sparse_categorical_crossentropy([0, 3, 2, 4], p), logs)
    near(ops.sparse_categorical_crossentropy([[0.0], [3.0], [2.0], [4.0]], 3 * p), logs)
    near(ops.sparse_categorical_crossentropy([0, 3, 2, 4], np.log(p), from_logits=True), logs)
    near(ops.sparse_categorical_crossentropy([0, 3, 2, 4], p.T, axis=0), logs)
    q = sigmoid(f32(3, 4))
    y = (f32(3, 4) > 0).astype("f4")
    near(ops.binary_crossentropy(y, q), -(y * np.log(q) + (1 - y) * np.log(1 - q)))
    near(
        ops.binary_crossentropy(y, np.log(q / (1 - q)), True),
        -(y * np.log(q) + (1 - y) * np.log(1 - q)),
    )
    with pytest.raises(ValueError, match="must have the same shape"):
        ops.categorical_crossentropy(t, p[:2])
    with pytest.raises(ValueError, match="without the classes"):
        ops.sparse_categorical_crossentropy([0, 1], p)


@pytest.mark.parametrize("axes", [0, -1, [0], (0, 1), (1, 2), (0, -3), [0, 2], None])
@pytest.mark.parametrize("keepdims", [False, True])
def test_moments(axes, keepdims):
    x = f32(5, 3, 4)
    over = tuple(axes) if isinstance(axes, list | tuple) else axes
    if over == (0, -3):
        with pytest.raises(ValueError, match="is given twice"):
            ops.moments(x, axes, keepdims)
        return
    mean, variance = ops.moments(x, axes, keepdims)
    near(mean, x.mean(over, keepdims=keepdims))
    near(variance, x.var(over, keepdims=keepdims))


def test_normalisations():
    x = f32(3, 4)
    near(ops.normalize(x), x / np.linalg.norm(x, axis=-1, keepdims=True))
    near(ops.normalize(x, 0, 3), x / np.linalg.norm(x, 3, axis=0, keepdims=True))
    near(ops.normalize(np.zeros((2, 2), "f4")), np.zeros((2, 2)))
    unit = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3)
    near(ops.layer_normalization(x, epsilon=1e-3), unit)
    near(ops.layer_normalization(x, x[0], x[1], epsilon=1e-3), unit * x[0] + x[1])
    batch = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
    near(ops.batch_normalization(x, x.mean(0), x.var(0), -1, x[1], x[0]), batch * x[0] + x[1])
    rms = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-7)
    near(ops.rms_normalization(x, x[0]), rms * x[0])
