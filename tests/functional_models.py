"""A functional model with two inputs and two outputs, data for it, and its training."""

from __future__ import annotations

import numpy as np

import deepcore as dc
from deepcore import layers
from deepcore.models import Model


def data(*shapes, rows=6, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(rows, *shape)).astype("float32") for shape in shapes]


def two_inputs(outputs=list):
    a, b = dc.Input((4,), name="a"), dc.Input((3,), name="b")
    x, y = layers.Dense(5, name="x")(a), layers.Dense(5, name="y")(b)
    one = layers.Dense(2, name="one")(layers.add([x, y]))
    two = layers.Dense(1, name="two")(layers.concatenate([x, y]))
    return Model([a, b], {"one": one, "two": two} if outputs is dict else [one, two], name="m")


X, Z = data((4,), (3,), rows=21)
ONE, TWO = data((2,), (1,), rows=21, seed=1)
LOSSES = {"loss": {"one": "mse", "two": "mae"}}


def losses_of(model, y, **compiled):
    model.set_weights([w * 0 + 0.1 for w in model.get_weights()])
    model.compile(dc.optimizers.SGD(0.1), **{**LOSSES, **compiled})
    return model.fit([X, Z], y, epochs=3, batch_size=6, shuffle=False, verbose=0).history
