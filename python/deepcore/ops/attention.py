"""Scaled dot-product attention (keras.ops.dot_product_attention)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deepcore import _core

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["dot_product_attention"]


def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """softmax(query key' scale + bias, where the mask is true) value, for each head.

    The scores are never in memory as a whole: memory grows with the length, not with its square
    (keras.ops.dot_product_attention; Vaswani et al. 2017; Dao et al. 2022). The gradient of a
    `bias` is the exception.

    Args:
        query: (N, T, H, D).
        key: (N, S, G, D); H is a multiple of G, and neighbours in H share a head of G.
        value: (N, S, G, E).
        bias: added to the scores; broadcast to (N, H, T, S).
        mask: bool, True where a key counts; broadcast to (N, H, T, S). A query without any
            attends to all keys alike.
        scale: of the scores; 1 / sqrt(D) when None.
        is_causal: whether query t sees keys 0 to t alone.
        flash_attention: kept for compatibility; there is one algorithm.
        attn_logits_soft_cap: must be None.

    Returns:
        (N, T, H, E).

    Raises:
        ValueError: shapes that do not fit, or a soft cap.

    Example:
        >>> x = np.ones((2, 4, 8, 16), "float32")
        >>> dot_product_attention(x, x, x).shape
        (2, 4, 8, 16)
    """
    if attn_logits_soft_cap is not None:
        raise ValueError(
            "dot_product_attention: a soft cap is not supported. "
            f"Received: attn_logits_soft_cap={attn_logits_soft_cap!r}."
        )
    query = _core.as_tensor(query)
    if scale is None:
        scale = 1.0 / math.sqrt(query.shape[-1]) if query.shape and query.shape[-1] else 1.0
    return _core.dot_product_attention(
        query, key, value, _of_scores(mask), _of_scores(bias), float(scale), bool(is_causal)
    )


def _of_scores(x: TensorLike | None) -> Tensor | None:
    """With as many axes as scores have."""
    if x is None:
        return None
    x = _core.as_tensor(x)
    shape = tuple(x.shape)
    return x if len(shape) >= 4 else _core.reshape(x, (1,) * (4 - len(shape)) + shape)
