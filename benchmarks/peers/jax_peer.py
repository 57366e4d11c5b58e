"""JAX: the whole step jitted, its memory donated; the optimizer by hand, batches cut beforehand."""

import sys

import worker

MOMENTUM = ("resnet20_cifar", "resnet50", "mobilenet_v2")


def _loss(kind, logits, y):
    import jax
    import jax.numpy as jnp

    if kind == "mse":
        return jnp.square(logits - y).mean()
    if kind == "binary_crossentropy":
        return (jax.nn.softplus(logits) - logits * y).mean()
    logs = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(logs, y[..., None], -1).mean()


def _step(apply, momentum, kind="sparse_categorical_crossentropy"):
    import jax
    import jax.numpy as jnp

    def loss_of(parameters, state, x, y):
        logits, state = apply(parameters, state, x, True)
        return _loss(kind, logits, y), state

    def adam(p, g, m, v, count):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * jnp.square(g)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        return p - rate * m / (jnp.sqrt(v) + 1e-7), m, v

    def step(parameters, state, moments, count, x, y):
        (loss, state), grads = jax.value_and_grad(loss_of, has_aux=True)(parameters, state, x, y)
        count = count + 1
        leaves, structure = jax.tree.flatten(parameters)
        gradients = jax.tree.leaves(grads)
        if momentum:
            velocity = [0.9 * m + g for m, g in zip(moments[0], gradients, strict=True)]
            new = [p - 0.01 * v for p, v in zip(leaves, velocity, strict=True)]
            moments = (velocity,)
        else:
            parts = zip(leaves, gradients, *moments, strict=True)
            new, first, second = zip(*(adam(*part, count) for part in parts), strict=True)
            moments = (list(first), list(second))
        return jax.tree.unflatten(structure, new), state, moments, count, loss

    return jax.jit(step, donate_argnums=(0, 1, 2, 3))


def _moments(parameters, count):
    import jax
    import jax.numpy as jnp

    leaves = jax.tree.leaves(parameters)
    return tuple([jnp.zeros_like(leaf) for leaf in leaves] for _ in range(count))


def train(variant, network, batch, x, y):
    """An epoch of jitted steps."""
    import jax.numpy as jnp
    import jax_models
    from models import NETWORKS

    parameters, state, apply = jax_models.build(network, x.shape[1:])
    momentum = network in MOMENTUM
    held = [parameters, state, _moments(parameters, 2 - momentum), jnp.zeros((), jnp.float32)]
    entry = NETWORKS[network]
    step = _step(apply, momentum, entry.loss)
    labels = jnp.asarray(y, jnp.float32 if entry.classes == 1 else jnp.int32)
    batches = [
        (jnp.asarray(x[i : i + batch]), labels[i : i + batch]) for i in range(0, len(x), batch)
    ]

    def epoch(samples):
        for rows, labels in batches[: samples // batch]:
            *held[:], loss = step(*held, rows, labels)
        return float(loss)

    return epoch


def infer(variant, network, x):
    """A jitted call, NumPy in and NumPy out."""
    import jax
    import jax_models
    import numpy as np
    from models import NETWORKS

    parameters, state, apply = jax_models.build(network, x.shape[1:])
    # Closed over, as constants, weights make compilation slow and the call no faster.
    last = jax.nn.sigmoid if NETWORKS[network].classes == 1 else jax.nn.softmax
    model = jax.jit(lambda p, s, rows: last(apply(p, s, rows, False)[0]))
    return lambda batch: np.asarray(model(parameters, state, batch))


def script(variant, x, y):
    """A whole small program."""
    import jax.numpy as jnp
    import jax_models
    import numpy as np

    parameters, state, apply = jax_models.build("mlp_mnist", (784,))
    held = [parameters, state, _moments(parameters, 2), jnp.zeros((), jnp.float32)]
    step = _step(apply, momentum=False)
    order = np.random.default_rng(0).permutation(len(x))
    for start in range(0, len(x), 32):
        rows = order[start : start + 32]
        *held[:], _ = step(*held, x[rows], y[rows])
    return float((apply(held[0], state, x, False)[0].argmax(1) == y).mean())


if __name__ == "__main__":
    worker.main(sys.modules[__name__])
