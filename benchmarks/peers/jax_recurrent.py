"""The recurrent networks in plain JAX: `lax.scan` over the steps, the projections before it."""

import jax
import jax.numpy as jnp
from jax import lax
from jax_models import _dense, _weights, dense


def _cell(features, units, gates):
    return {"w": _weights(features, gates * units), "b": jnp.zeros(gates * units)} | {
        "u": _weights(units, gates * units)
    }


def lstm(p, x, reverse=False):
    """x: (N, T, F). Gives all states, (T, N, U)."""

    def step(carry, sums):
        h, c = carry
        i, f, g, o = jnp.split(sums + h @ p["u"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    sums = dense(p, x).swapaxes(0, 1)
    zero = jnp.zeros((x.shape[0], p["u"].shape[0]))
    return lax.scan(step, (zero, zero), sums, reverse=reverse)[1]


def gru(p, x):
    """The same with the reset after the product; gives the last state."""

    def step(h, sums):
        xz, xr, xn = jnp.split(sums, 3, axis=-1)
        hz, hr, hn = jnp.split(h @ p["u"] + p["c"], 3, axis=-1)
        z, r = jax.nn.sigmoid(xz + hz), jax.nn.sigmoid(xr + hr)
        h = z * h + (1 - z) * jnp.tanh(xn + r * hn)
        return h, None

    zero = jnp.zeros((x.shape[0], p["u"].shape[0]))
    return lax.scan(step, zero, dense(p, x).swapaxes(0, 1))[0]


def lstm_text():
    """Embedding, LSTM, one logit."""

    def apply(p, state, x, training):
        return dense(p["head"], lstm(p["lstm"], p["table"][x])[-1]), state

    p = {"table": _weights(20000, 128), "lstm": _cell(128, 128, 4), "head": _dense(128, 1)}
    return p, apply


def gru_seq():
    """GRU, one number."""

    def apply(p, state, x, training):
        return dense(p["head"], gru(p["gru"], x)), state

    cell = _cell(16, 64, 3) | {"c": jnp.zeros(192)}
    return {"gru": cell, "head": _dense(64, 1)}, apply


def bilstm_tagger():
    """Embedding, LSTM both ways, logits a step."""

    def apply(p, state, x, training):
        x = p["table"][x]
        both = [lstm(p["forward"], x), lstm(p["backward"], x, reverse=True)]
        return dense(p["head"], jnp.concatenate(both, -1).swapaxes(0, 1)), state

    p = {"table": _weights(10000, 64), "forward": _cell(64, 64, 4), "backward": _cell(64, 64, 4)}
    return p | {"head": _dense(128, 20)}, apply
