"""Convolution over three axes: its definition, gradients, and what it says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from comparing import near
from deepcore import ops
from deepcore.transforms import GradientTape

RNG = np.random.default_rng(0)


def plain(x, kernel, strides, padding, dilation, groups):
    """The definition, one element of the kernel after the other."""
    spans = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    if padding == "same":
        outs = [-(-n // s) for n, s in zip(x.shape[1:4], strides, strict=True)]
        lacking = [
            max((o - 1) * s + p - n, 0)
            for o, s, p, n in zip(outs, strides, spans, x.shape[1:4], strict=True)
        ]
        x = np.pad(x, [(0, 0), *((n // 2, n - n // 2) for n in lacking), (0, 0)])
    outs = [(n - p) // s + 1 for n, p, s in zip(x.shape[1:4], spans, strides, strict=True)]
    y = np.zeros((x.shape[0], *outs, kernel.shape[-1]))
    width, filters = kernel.shape[3], kernel.shape[4] // groups
    for at in itertools.product(*map(range, kernel.shape[:3])):
        window = tuple(
            slice(a * d, a * d + (o - 1) * s + 1, s)
            for a, d, o, s in zip(at, dilation, outs, strides, strict=True)
        )
        for g in range(groups):
            part = x[(slice(None), *window, slice(g * width, (g + 1) * width))]
            own = slice(g * filters, (g + 1) * filters)
            y[..., own] += part @ kernel[at][:, own]
    return y


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("strides", "dilation", "groups"),
    [
        ((1, 1, 1), (1, 1, 1), 1),
        ((2, 1, 3), (1, 1, 1), 2),
        ((1, 1, 1), (2, 1, 2), 1),
        ((3, 2, 2), (1, 1, 1), 4),
    ],
)
@pytest.mark.parametrize("shape", [(2, 5, 6, 7, 4), (1, 3, 3, 5, 4), (0, 4, 4, 6, 4)])
def test_the_definition(padding, strides, dilation, groups, shape):
    x = RNG.normal(size=shape)
    kernel = RNG.normal(size=(2, 3, 2, 4 // groups, 8))
    wanted = plain(x, kernel, strides, padding, dilation, groups)
    found = ops.conv(x, kernel, strides, padding, dilation_rate=dilation)
    near(found, wanted, atol=1e-10)
    first = ops.conv(
        np.moveaxis(x, -1, 1), kernel, strides, padding, "channels_first", dilation
    ).numpy()
    near(np.moveaxis(first, 1, -1), wanted, atol=1e-10)
    short = x.astype("float32"), kernel.astype("float32")
    near(ops.conv(*short, strides, padding, dilation_rate=dilation), wanted, atol=1e-4)


def test_gradients():
    x, kernel = RNG.normal(size=(2, 3, 4, 3, 2)), RNG.normal(size=(2, 2, 2, 2, 3))
    weigh = RNG.normal(size=(2, 2, 2, 2, 3))

    def loss(x, kernel):
        return ops.sum(ops.square(ops.conv(x, kernel, 2, "same")) * weigh)

    given = [ops.convert_to_tensor(v) for v in (x, kernel)]
    with GradientTape() as tape:
        tape.watch(given)
        value = loss(*given)
    for place, gradient in enumerate(tape.gradient(value, given)):
        array = (x, kernel)[place]
        for index in [tuple(RNG.integers(0, n) for n in array.shape) for _ in range(10)]:
            moved = [x.copy(), kernel.copy()]
            moved[place][index] += 1e-6
            slope = (float(loss(*moved)) - float(value)) / 1e-6
            assert abs(slope - gradient.numpy()[index]) < 1e-4


def test_what_does_not_fit():
    x = np.ones((1, 3, 4, 4, 2), "float32")
    with pytest.raises(ValueError, match="the kernel spans a depth of 5, the input has 3"):
        ops.conv(x, np.ones((3, 1, 1, 2, 2)), dilation_rate=(2, 1, 1))
    with pytest.raises(ValueError, match="the input has 2 channels, the kernel expects 4"):
        ops.conv(x, np.ones((1, 1, 1, 4, 2)))
    with pytest.raises(ValueError, match="the kernel must have 5 axes"):
        ops.conv(x, np.ones((1, 1, 2, 2)))
    with pytest.raises(ValueError, match="expected inputs of 3 or 4 axes"):
        ops.max_pool(x, 2)
