"""The reference networks, data of their shapes, and a look at a model's bits."""

from __future__ import annotations

import hashlib

import numpy as np

import deepcore as dc
from deepcore import layers


def digits(samples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28, 1) float32 and labels (N,): noise around ten patterns."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, samples)
    patterns = np.random.default_rng(99).random((10, 28, 28, 1), "float32")
    return patterns[y] + rng.random((samples, 28, 28, 1), "float32"), y


def mlp(inputs: int = 784) -> dc.Sequential:
    """The first reference network, compiled."""
    dc.utils.set_random_seed(7)
    model = dc.Sequential(
        [
            layers.Dense(64, activation="relu", input_shape=(inputs,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cnn() -> dc.Sequential:
    """The second reference network with dropout, compiled."""
    dc.utils.set_random_seed(7)
    model = dc.Sequential(
        [
            layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def residual(shape: tuple[int, ...] = (28, 28, 1)) -> dc.Model:
    """A small network of branches, with normalization and depthwise convolutions, compiled."""
    dc.utils.set_random_seed(7)
    inputs = dc.Input(shape)
    x = layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(x))
    for strides in (1, 2):
        y = layers.Conv2D(29, 1, use_bias=False)(x)
        y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(y))
        y = layers.DepthwiseConv2D(3, strides, "same", use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.8)(y))
        y = layers.Conv2D(12, 1, use_bias=False)(y)
        y = layers.BatchNormalization(momentum=0.8)(y)
        x = layers.Add()([x, y]) if strides == 1 else y
    x = layers.SeparableConv2D(17, 3, padding="same", activation="relu")(x)
    x = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = dc.Model(inputs, x)
    sgd = dc.optimizers.SGD(0.05, momentum=0.9)
    model.compile(sgd, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def attentive(steps: int, features: int) -> dc.Model:
    """Self-attention of both kinds between normalizations of both kinds, compiled."""
    dc.utils.set_random_seed(7)
    inputs = dc.Input((steps, features))
    x = layers.LayerNormalization()(inputs)
    x = layers.Add()([inputs, layers.MultiHeadAttention(3, 7)(x, x, use_causal_mask=True)])
    x = layers.RMSNormalization()(x)
    x = layers.Add()([x, layers.GroupedQueryAttention(5, 4, 2)(x, x)])
    x = layers.GlobalAveragePooling1D()(layers.Dense(30, activation="gelu")(x))
    model = dc.Model(inputs, layers.Dense(5, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def bits(*arrays: object) -> str:
    """A digest of dtypes, shapes and every bit."""
    digest = hashlib.sha256()
    for array in arrays:
        array = np.asarray(array)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def trained_cnn_bits(samples: int = 1061, epochs: int = 3) -> str:
    """The bits of weights, optimizer and history after training the CNN: 34 steps an epoch."""
    x, y = digits(samples)
    model = cnn()
    history = model.fit(x, y, epochs=epochs, batch_size=32, verbose=0).history
    state = [v.numpy() for v in model.optimizer.variables]
    return bits(*model.get_weights(), *state, *history.values())
