"""The networks of models.py in plain JAX: functions of parameters, channels last, logits out.

`apply(parameters, state, x, training)` gives the logits and the new state; the state holds the
moving statistics of the normalizations.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_rng = np.random.default_rng(0)


def _weights(*shape):
    fan = float(np.prod(shape[:-1]))
    return jnp.asarray(_rng.normal(size=shape) * np.sqrt(2 / fan), jnp.float32)


def _dense(units_in, units):
    return {"w": _weights(units_in, units), "b": jnp.zeros(units)}


def dense(p, x):
    """x w + b."""
    return x @ p["w"] + p["b"]


def conv(w, x, stride=1, padding="SAME", groups=1):
    """Over one or two axes, channels last."""
    layout = ("NHWC", "HWIO", "NHWC") if x.ndim == 4 else ("NWC", "WIO", "NWC")
    if not isinstance(padding, str):
        padding = [padding] * (x.ndim - 2)
    return lax.conv_general_dilated(
        x, w, (stride,) * (x.ndim - 2), padding,
        dimension_numbers=layout, feature_group_count=groups,
    )  # fmt: skip


def pool(x, size=2, stride=2, padding="VALID"):
    """The largest of each window."""
    window, strides = (1, size, size, 1), (1, stride, stride, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding)


class Norms:
    """Hands normalizations their statistics in order, and takes the new ones."""

    def __init__(self, state, training):
        self.state, self.training, self.new, self.at = state, training, [], 0

    def __call__(self, p, x):
        if self.state is None:  # asked for shapes alone
            mean, variance = jnp.zeros_like(p["gamma"]), jnp.ones_like(p["gamma"])
        else:
            mean, variance = self.state[self.at]
            self.at += 1
        if self.training:
            axes = tuple(range(x.ndim - 1))
            m = x.mean(axes)
            v = jnp.square(x).mean(axes) - jnp.square(m)
            self.new.append((0.99 * mean + 0.01 * m, 0.99 * variance + 0.01 * v))
        else:
            m, v = mean, variance
        scale = p["gamma"] * lax.rsqrt(v + 1e-3)
        return x * scale + (p["beta"] - m * scale)


def _norm(channels):
    return {"gamma": jnp.ones(channels), "beta": jnp.zeros(channels)}


def mlp_mnist():
    """Dense 784-64-64-10."""

    def apply(p, state, x, training):
        for layer in p[:-1]:
            x = jax.nn.relu(dense(layer, x))
        return dense(p[-1], x), state

    return [_dense(784, 64), _dense(64, 64), _dense(64, 10)], apply


def cnn_mnist():
    """Two convolutions with pools and two dense layers."""

    def apply(p, state, x, training):
        for layer in p[:2]:
            x = pool(jax.nn.relu(conv(layer["w"], x, padding="VALID") + layer["b"]))
        x = jax.nn.relu(dense(p[2], x.reshape(x.shape[0], -1)))
        return dense(p[3], x), state

    first = {"w": _weights(3, 3, 1, 32), "b": jnp.zeros(32)}
    second = {"w": _weights(3, 3, 32, 64), "b": jnp.zeros(64)}
    return [first, second, _dense(1600, 64), _dense(64, 10)], apply


def conv1d_ts():
    """Three blocks of convolution, normalization and ReLU over time."""

    def apply(p, state, x, training):
        norms = Norms(state, training)
        for layer in p[:-1]:
            x = jax.nn.relu(norms(layer["norm"], conv(layer["w"], x) + layer["b"]))
        return dense(p[-1], x.mean(1)), norms.new

    blocks = [{"w": _weights(3, c, 64), "b": jnp.zeros(64), "norm": _norm(64)} for c in (1, 64, 64)]
    return [*blocks, _dense(64, 10)], apply


def _conv_norm(kernel, channels, filters):
    return {"w": _weights(kernel, kernel, channels, filters), "norm": _norm(filters)}


def resnet20_cifar():
    """ResNet-20."""
    plan = [(f, 2 if f > 16 and b == 0 else 1) for f in (16, 32, 64) for b in range(3)]
    blocks, channels = [], 16
    for filters, stride in plan:
        block = {
            "a": _conv_norm(3, channels, filters),
            "b": _conv_norm(3, filters, filters),
        }
        if stride == 2:
            block["short"] = _conv_norm(1, channels, filters)
        blocks.append(block)
        channels = filters

    def apply(p, state, x, training):
        norms = Norms(state, training)

        def normed(layer, y, stride=1):
            return norms(layer["norm"], conv(layer["w"], y, stride))

        x = jax.nn.relu(normed(p["stem"], x))
        for (_, stride), block in zip(plan, p["blocks"], strict=True):
            y = jax.nn.relu(normed(block["a"], x, stride))
            y = normed(block["b"], y)
            short = normed(block["short"], x, stride) if "short" in block else x
            x = jax.nn.relu(y + short)
        return dense(p["head"], x.mean((1, 2))), norms.new

    return {"stem": _conv_norm(3, 3, 16), "blocks": blocks, "head": _dense(64, 10)}, apply


def resnet50():
    """ResNet-50 with the strides where Keras has them."""
    blocks, strides, channels = [], [], 64
    for filters, repeats, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for repeat in range(repeats):
            block = {
                "a": _conv_norm(1, channels, filters),
                "b": _conv_norm(3, filters, filters),
                "c": _conv_norm(1, filters, 4 * filters),
            }
            if repeat == 0:
                block["short"] = _conv_norm(1, channels, 4 * filters)
            blocks.append(block)
            strides.append(first if repeat == 0 else 1)
            channels = 4 * filters

    def apply(p, state, x, training):
        norms = Norms(state, training)

        def normed(layer, y, stride=1, padding="SAME"):
            return norms(layer["norm"], conv(layer["w"], y, stride, padding))

        x = jax.nn.relu(normed(p["stem"], x, 2, (3, 3)))
        x = pool(x, 3, 2, [(0, 0), (1, 1), (1, 1), (0, 0)])
        for stride, block in zip(strides, p["blocks"], strict=True):
            y = jax.nn.relu(normed(block["a"], x, stride))
            y = jax.nn.relu(normed(block["b"], y))
            y = normed(block["c"], y)
            short = normed(block["short"], x, stride) if "short" in block else x
            x = jax.nn.relu(y + short)
        return dense(p["head"], x.mean((1, 2))), norms.new

    return {"stem": _conv_norm(7, 3, 64), "blocks": blocks, "head": _dense(2048, 1000)}, apply


def mobilenet_v2():
    """MobileNetV2 of width 1."""
    blocks, plan, channels = [], [], 32
    for expansion, filters, repeats, first in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for repeat in range(repeats):
            wide = expansion * channels
            block = {"expand": _conv_norm(1, channels, wide)} if expansion > 1 else {}
            block["depth"] = {"w": _weights(3, 3, 1, wide), "norm": _norm(wide)}
            block["project"] = _conv_norm(1, wide, filters)
            stride = first if repeat == 0 else 1
            blocks.append(block)
            plan.append((stride, wide, stride == 1 and channels == filters))
            channels = filters

    def apply(p, state, x, training):
        norms = Norms(state, training)

        def normed(layer, y, stride=1, groups=1):
            return norms(layer["norm"], conv(layer["w"], y, stride, groups=groups))

        x = jax.nn.relu6(normed(p["stem"], x, 2))
        for (stride, wide, same), block in zip(plan, p["blocks"], strict=True):
            y = jax.nn.relu6(normed(block["expand"], x)) if "expand" in block else x
            y = jax.nn.relu6(normed(block["depth"], y, stride, wide))
            y = normed(block["project"], y)
            x = x + y if same else y
        x = jax.nn.relu6(normed(p["last"], x))
        return dense(p["head"], x.mean((1, 2))), norms.new

    p = {"stem": _conv_norm(3, 3, 32), "blocks": blocks, "last": _conv_norm(1, 320, 1280)}
    return p | {"head": _dense(1280, 1000)}, apply


def build(network, shape):
    """Parameters, state and apply for samples of a shape."""
    if network not in globals():
        import jax_attention
        import jax_recurrent

        family = jax_attention if hasattr(jax_attention, network) else jax_recurrent
        parameters, apply = getattr(family, network)()
        return parameters, None, apply
    parameters, apply = globals()[network]()
    example = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    found = jax.eval_shape(lambda p, x: apply(p, None, x, True)[1], parameters, example)
    state = found and [(jnp.zeros(m.shape), jnp.ones(v.shape)) for m, v in found]
    return parameters, state, apply
