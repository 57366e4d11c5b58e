"""Two small models, and data for them."""

from __future__ import annotations

import numpy as np

import deepcore as dc
from deepcore import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype("float32")
Y = RNG.integers(0, 3, 50)


def classifier(**compiled) -> dc.Sequential:
    dc.utils.set_random_seed(1)
    model = dc.Sequential(
        [
            layers.Dense(8, activation="relu", input_shape=(6,)),
            layers.Dense(3, activation="softmax"),
        ]
    )
    arguments = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    model.compile(**{**arguments, "metrics": ["accuracy"], **compiled})
    return model


def linear(**compiled) -> dc.Sequential:
    model = dc.Sequential(
        [dc.Input((6,)), layers.Dense(1, kernel_initializer="zeros", name="linear")]
    )
    model.compile(**{"optimizer": dc.optimizers.SGD(0.1), "loss": "mse", **compiled})
    return model


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
