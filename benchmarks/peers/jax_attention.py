"""The networks of attention_models.py in plain JAX, with its own attention."""

import jax
import jax.numpy as jnp
from attention_models import HEADS, INNER, STEPS, TOKENS, WIDTH
from jax import lax
from jax_models import _dense, _norm, _weights, dense


def _normed(p, x):
    apart = x - x.mean(-1, keepdims=True)
    spread = jnp.square(apart).mean(-1, keepdims=True)
    return apart * lax.rsqrt(spread + 1e-6) * p["gamma"] + p["beta"]


def transformer_text():
    """A block of a transformer on tokens and positions."""

    def apply(p, state, x, training):
        x = p["tokens"][x] + p["positions"]
        query, key, value = (
            dense(p[name], x).reshape(*x.shape[:2], HEADS, WIDTH // HEADS) for name in "qkv"
        )
        y = jax.nn.dot_product_attention(query, key, value).reshape(x.shape)
        x = _normed(p["first"], x + dense(p["o"], y))
        x = _normed(p["second"], x + dense(p["down"], jax.nn.relu(dense(p["up"], x))))
        return dense(p["head"], jax.nn.relu(dense(p["hidden"], x.mean(1)))), state

    p = {"tokens": _weights(TOKENS, WIDTH), "positions": _weights(STEPS, WIDTH)}
    p |= {name: _dense(WIDTH, WIDTH) for name in "qkvo"}
    p |= {"first": _norm(WIDTH), "second": _norm(WIDTH)}
    p |= {"up": _dense(WIDTH, INNER), "down": _dense(INNER, WIDTH)}
    return p | {"hidden": _dense(WIDTH, 20), "head": _dense(20, 2)}, apply
