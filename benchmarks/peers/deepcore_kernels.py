"""Kernels as plans of deepcore: several products in one, or one pass of a convolution."""

import numpy as np

import deepcore
from deepcore import ops


def build(what):
    """A call that runs the kernel once."""
    rng = np.random.default_rng(0)

    def tensor(*shape):
        return ops.convert_to_tensor(rng.random(shape, dtype=np.float32))

    if what["kind"] == "matmul":
        m, k, n = what["m"], what["k"], what["n"]
        pairs = [(tensor(m, k), tensor(k, n)) for _ in range(what["calls"])]
        return _planned(lambda pairs: [ops.matmul(a, b) for a, b in pairs], pairs)
    if what["kind"] in ("lstm", "gru"):
        return _recurrent(what, tensor)
    if what["kind"] != "conv":
        return _step(what)
    batch, size, c, f, k = (what[key] for key in ("batch", "size", "c", "f", "k"))
    depthwise = what["groups"] > 1
    x, y = tensor(batch, size, size, c), tensor(batch, size, size, f)
    kernel = tensor(k, k, c, f // c) if depthwise else tensor(k, k, c, f)

    def forward(x, kernel):
        if depthwise:
            return ops.depthwise_conv(x, kernel, padding="same")
        return ops.conv(x, kernel, padding="same")

    if what["pass"] == "forward":
        return _planned(forward, x, kernel)

    def gradient(x, kernel, y):
        of = deepcore.grad(
            lambda x, kernel: ops.sum(ops.multiply(forward(x, kernel), y)),
            argnums=0 if what["pass"] == "input" else 1,
        )
        return of(x, kernel)

    return _planned(gradient, x, kernel, y)


def _recurrent(what, tensor):
    """A layer's forward pass and all its gradients."""
    from deepcore import _core

    batch, steps, features, units = (what[key] for key in ("batch", "steps", "features", "units"))
    lstm = what["kind"] == "lstm"
    width = (4 if lstm else 3) * units

    def small(*shape):  # so that gates stay open
        return ops.multiply(ops.subtract(tensor(*shape), 0.5), 0.2)

    x, weights = tensor(batch, steps, features), tensor(batch, steps, units)
    kernel, recurrent_kernel = small(features, width), small(units, width)
    bias, zero = small(width) if lstm else small(2, width), np.zeros((batch, units), np.float32)

    def loss(x, kernel, recurrent_kernel, bias):
        if lstm:
            h = _core.lstm(x, kernel, recurrent_kernel, bias, zero, zero, None, False)[0]
        else:
            h = _core.gru(x, kernel, recurrent_kernel, bias, zero, None, True, False)[0]
        return ops.sum(ops.multiply(h, weights))

    return _planned(deepcore.grad(loss, argnums=(0, 1, 2, 3)), x, kernel, recurrent_kernel, bias)


def _step(what):
    """A training step of a network that grows."""
    import growing

    grown = growing.point(what["kind"], what["size"])
    rng = np.random.default_rng(0)
    x = rng.random(grown.shape, dtype=np.float32)
    y = rng.integers(0, 10, len(x))
    model = growing.build(deepcore, grown)
    return lambda: model.train_on_batch(x, y)


def _planned(fn, *args):
    run = deepcore.function(fn)
    run(*args)
    return lambda: run(*args)
