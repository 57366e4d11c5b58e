"""Keras 3: `fit` with shuffling and accuracy, `predict`, on TensorFlow or on JAX."""

import os
import sys

import worker


def _ready(variant):
    os.environ["KERAS_BACKEND"] = variant.removesuffix("-jit")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import keras

    return keras


def _compiled(variant, network):
    import models

    keras = _ready(variant)
    model = models.compiled(keras, network)
    if variant == "tensorflow-jit":
        model.jit_compile = True
    return model


def train(variant, network, batch, x, y):
    """An epoch of `fit`."""
    model = _compiled(variant, network)
    return lambda n: model.fit(x[:n], y[:n], batch_size=batch, verbose=0)


def infer(variant, network, x):
    """A call of `predict`."""
    model = _compiled(variant, network)
    rows = len(x)
    return lambda batch: model.predict(batch, batch_size=rows, verbose=0)


def script(variant, x, y):
    """A whole small program."""
    model = _compiled(variant, "mlp_mnist")
    model.fit(x, y, batch_size=32, verbose=0)
    return model.evaluate(x, y, verbose=0)[1]


if __name__ == "__main__":
    worker.main(sys.modules[__name__])
