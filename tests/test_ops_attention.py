"""ops.dot_product_attention, einsum and row normalization against NumPy and differences."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import ops
from deepcore.transforms import GradientTape

RNG = np.random.default_rng(3)


def attention(q, k, v, bias=None, mask=None, scale=None, causal=False):
    """The formula in float64."""
    q, k, v = (np.asarray(a, "float64") for a in (q, k, v))
    k, v = (np.repeat(a, q.shape[2] // a.shape[2], 2) for a in (k, v))
    scores = np.einsum("nthd,nshd->nhts", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        scores = scores + bias
    seen = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    if causal:
        seen = seen & np.tril(np.ones(scores.shape[2:], bool))
    scores = np.where(seen, scores, -2e38)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return np.einsum("nhts,nshd->nthd", e / e.sum(-1, keepdims=True), v)


# N, T, S, H, G, D, E
SIZES = [
    (1, 1, 1, 1, 1, 1, 1),
    (2, 7, 13, 4, 2, 7, 5),
    (1, 50, 300, 2, 2, 16, 16),
    (1, 31, 257, 2, 1, 64, 80),
    (3, 33, 17, 6, 2, 80, 7),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_the_formula(size, causal):
    n, t, s, h, g, d, e = size
    q, k, v = (
        RNG.normal(size=shape).astype("float32")
        for shape in ((n, t, h, d), (n, s, g, d), (n, s, g, e))
    )
    full = RNG.random((n, h, t, s)) > 0.6
    full[:, :, 0] = False
    ragged = (np.arange(s) < np.maximum(1, s - 3 * np.arange(n))[:, None])[:, None, None]
    masks = [None, full, ragged, RNG.random((t, s)) > 0.5, RNG.random((n, 1, 1, s)) > 0.5]
    for mask in masks:
        for bias in (None, RNG.normal(size=(h, t, s)).astype("float32")):
            found = ops.dot_product_attention(q, k, v, bias, mask, is_causal=causal).numpy()
            want = attention(q, k, v, bias, mask, causal=causal)
            np.testing.assert_allclose(found, want, rtol=0, atol=4e-6)


def test_attention_in_other_dtypes():
    q = RNG.normal(size=(2, 5, 2, 3))
    np.testing.assert_allclose(
        ops.dot_product_attention(q, q, q, scale=0.3).numpy(), attention(q, q, q, scale=0.3), 1e-12
    )
    half = ops.dot_product_attention(*[ops.cast(q, "bfloat16")] * 3)
    assert half.dtype == "bfloat16"
    whole = ops.cast(q * 3, "int32")
    assert ops.dot_product_attention(whole, whole, whole).dtype == "float32"


def test_the_gradient_of_a_bias():
    q, k, v = (ops.convert_to_tensor(RNG.normal(size=(2, 3, 2, 4))) for _ in range(3))
    bias = ops.convert_to_tensor(RNG.normal(size=(1, 2, 3, 3)))
    with GradientTape() as tape:
        tape.watch(bias)
        loss = ops.sum(ops.square(ops.dot_product_attention(q, k, v, bias)))
    found = tape.gradient(loss, bias).numpy()
    for at in ((0, 0, 0, 0), (0, 1, 2, 1)):
        sides = []
        for step in (1e-5, -1e-5):
            moved = bias.numpy().copy()
            moved[at] += step
            sides.append((attention(q, k, v, moved) ** 2).sum())
        assert found[at] == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-6)


def test_attention_refuses():
    x = np.ones((2, 3, 2, 4), "float32")
    with pytest.raises(ValueError, match="a soft cap is not supported"):
        ops.dot_product_attention(x, x, x, attn_logits_soft_cap=1.0)
    with pytest.raises(ValueError, match=r"the mask has shape \[1, 1, 1, 5\]"):
        ops.dot_product_attention(x, x, x, mask=np.ones(5, bool))
    with pytest.raises(ValueError, match="expected query, key and value"):
        ops.dot_product_attention(x[0], x[0], x[0])


EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "bij,bjk->bik": [(5, 2, 3), (5, 3, 4)],
    "ii->i": [(4, 4)],
    "ii": [(4, 4)],
    "iij,jk->ik": [(3, 3, 4), (4, 2)],
    "...ij,jk->...ik": [(2, 1, 3, 4), (4, 5)],
    "...i,...i->...": [(2, 1, 3), (4, 3)],
    "i,j->ij": [(3,), (4,)],
    "ij,ij->": [(3, 4), (3, 4)],
    "ij->ji": [(3, 4)],
    "ab,bc,cd->ad": [(2, 3), (3, 5), (5, 4)],
    "ab,bc,cd->ac": [(2, 3), (3, 5), (5, 4)],
    "bqhd,bkhd->bhqk": [(2, 3, 4, 5), (2, 6, 4, 5)],
    "ijk,k->i": [(2, 3, 4), (4,)],
    "ij,jk->ikj": [(2, 3), (3, 4)],
    "ij,jk->ik ": [(0, 3), (3, 4)],
    " i j , j -> i ": [(2, 0), (0,)],
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_is_that_of_numpy(equation):
    operands = [RNG.normal(size=shape) for shape in EQUATIONS[equation]]
    found = ops.einsum(equation, *operands)
    want = np.einsum(equation, *operands)
    assert tuple(found.shape) == want.shape
    np.testing.assert_allclose(found.numpy(), want, rtol=1e-12, atol=1e-12)


def test_einsum_of_integers_and_symbols():
    x = np.arange(6, dtype="int32").reshape(2, 3)
    assert ops.einsum("ij,kj->ik", x, x).dtype == "int32"
    symbol = dc.Input((3,))
    model = dc.Model(symbol, ops.einsum("ij,jk->ik", symbol, np.ones((3, 2), "float32")))
    config = dc.saving.serialize_keras_object(model)
    again = dc.saving.deserialize_keras_object(config)
    np.testing.assert_array_equal(again(x.astype("float32")).numpy(), [[3, 3], [12, 12]])


@pytest.mark.parametrize(
    ("equation", "shapes", "message"),
    [
        ("ij,jk->ik", [(2, 3)], "describe 2 operands"),
        ("ij,jk->ik", [(2, 3), (4, 5)], "axis 'j' has sizes 3 and 4"),
        ("ijk->i", [(2, 3)], "does not fit an operand of 2 axes"),
        ("ij->ik", [(2, 3)], "axis 'k' is in no operand"),
        ("ij->ii", [(2, 3)], "names an axis twice"),
        ("i1->i", [(2, 3)], "axes are letters"),
        ("...i->i", [(2, 3)], "must be in the result"),
    ],
)
def test_einsum_refuses(equation, shapes, message):
    with pytest.raises(ValueError, match=message):
        ops.einsum(equation, *[np.ones(shape) for shape in shapes])


@pytest.mark.parametrize("axis", [-1, 0, (1, 2), (0, 2), [-1, 0]])
def test_row_normalization_over_any_axes(axis):
    x = RNG.normal(size=(3, 4, 5)) + 2
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    sizes = [x.shape[a] for a in sorted(a % 3 for a in axes)]
    gamma, beta = RNG.normal(size=sizes), RNG.normal(size=sizes)
    shape = [d if a in {b % 3 for b in axes} else 1 for a, d in enumerate(x.shape)]
    apart = x - x.mean(axes, keepdims=True)
    want = apart / np.sqrt(x.var(axes, keepdims=True) + 1e-3)
    found = ops.layer_normalization(x, gamma, beta, axis, 1e-3).numpy()
    np.testing.assert_allclose(
        found, want * gamma.reshape(shape) + beta.reshape(shape), rtol=1e-10, atol=1e-10
    )
    want = x / np.sqrt((x**2).mean(axes, keepdims=True) + 1e-7)
    found = ops.rms_normalization(x, gamma, axis).numpy()
    np.testing.assert_allclose(found, want * gamma.reshape(shape), rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="as many elements as the normalized axes"):
        ops.layer_normalization(x, np.ones(7), axis=axis)
