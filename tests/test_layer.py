"""Layer: names, tracking, state, losses, custom layers, errors about weights."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers

RNG = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def test_names_count_up():
    dc.utils.clear_session()
    assert layers.Dense(1).name == "dense"
    assert layers.Dense(1).name == "dense_1"
    assert layers.MaxPooling2D().name == "max_pooling2d"
    assert layers.ReLU().name == "re_lu"
    assert layers.Conv2D(1, 1).name == "conv2d"


def test_tracking_and_trainable():
    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.stack = [layers.Dense(2)]
            self.stack.append(layers.Dense(3))
            self.table = {"a": layers.Dense(4)}
            self.count = self.add_weight(shape=(), trainable=False, name="count")

        def call(self, x):
            for layer in self.stack:
                x = layer(x)
            return self.table["a"](x)

    block = Block()
    assert block(values(2, 5)).shape == (2, 4)
    assert [tuple(w.shape) for w in block.weights] == [
        *[(), (5, 2), (2,), (2, 3), (3,), (3, 4), (4,)]
    ]
    assert len(block.trainable_weights) == 6
    assert block.count_params() == 1 + 12 + 9 + 16
    block.stack[0].trainable = False
    assert len(block.trainable_weights) == 4
    block.trainable = False
    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 7
    block.trainable = True
    block.stack.pop()
    assert len(block.weights) == 5


def test_variable_paths():
    dc.utils.clear_session()

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2)

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    outer(values(1, 3))
    assert [w.path for w in outer.weights] == ["outer/dense/kernel", "outer/dense/bias"]
    assert outer.inner.path == "outer/dense"


def test_training_reaches_sublayers():
    seen = []

    class Probe(layers.Layer):
        def call(self, x, training=False):
            seen.append(training)
            return x

    class Outer(layers.Layer):
        def __init__(self):
            super().__init__()
            self.probe = Probe()

        def call(self, x):
            return self.probe(x)

    x = values(1, 2)
    Outer()(x)
    Outer()(x, training=True)
    Probe()(x, training=True)
    assert seen == [False, True, True]


def test_losses():
    class Penalty(layers.Layer):
        def call(self, x):
            self.add_loss(dc.ops.sum(x))
            return x

    layer = layers.Dense(
        3, kernel_regularizer="l2", activity_regularizer="l2", kernel_initializer="ones"
    )
    x = np.ones((4, 2), "float32")
    layer(x)
    got = [float(loss) for loss in layer.losses]
    np.testing.assert_allclose(got, [0.01 * 4 * 12 / 4, 0.01 * 6], rtol=1e-6)
    penalty = Penalty()
    penalty(x)
    penalty(x)  # the second call starts anew
    assert [float(loss) for loss in penalty.losses] == [8.0]


def test_custom_layer_without_shapes():
    class Pairs(layers.Layer):
        def call(self, x):
            return dc.ops.concatenate([x, x], axis=-1)

    assert Pairs()(dc.Input((3,))).shape == (None, 6)
    assert Pairs().compute_output_shape((None, 3)) == (None, 6)


def test_custom_layer_config():
    class Times(layers.Layer):
        def __init__(self, factor, shift=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor, self.shift = factor, shift

        def call(self, x):
            return x * self.factor + self.shift

    config = Times(3, name="t").get_config()
    assert config["factor"] == 3
    assert config["name"] == "t"
    with pytest.raises(NotImplementedError, match="get_config"):
        Times(object()).get_config()


def test_weights_are_made_inside_a_trace():
    layer = layers.Dense(3)
    compiled = dc.function(lambda x: layer(x))
    x = values(2, 4)
    y = compiled(x).numpy()
    np.testing.assert_allclose(y, x @ layer.kernel.numpy(), rtol=1e-5, atol=1e-6)


def test_layer_is_freed_without_gc():
    gc.disable()
    try:
        layer = layers.Dense(3)
        layer(values(2, 4))
        freed = weakref.ref(layer)
        del layer
        assert freed() is None
    finally:
        gc.enable()


def test_set_weights_checks_before_it_assigns():
    layer = layers.Dense(3)
    layer.build((None, 2))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="expecting 2 weights"):
        layer.set_weights(before[:1])
    with pytest.raises(ValueError, match="not compatible"):
        layer.set_weights([before[0] + 1, np.zeros(4)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


def test_feature_count_error_leaves_the_layer_usable():
    layer = layers.Dense(3, name="wide")
    layer(values(2, 784))
    with pytest.raises(ValueError) as caught:
        layer(values(32, 783))
    assert str(caught.value) == (
        'Input 0 of layer "wide" is incompatible with the layer: expected axis -1 of input shape '
        "to have value 784, but received input with shape (32, 783)"
    )
    assert layer(values(1, 784)).shape == (1, 3)


def test_forgotten_init():
    class Bad(layers.Layer):
        def __init__(self):
            self.dense = layers.Dense(2)

    with pytest.raises(RuntimeError, match="super"):
        Bad()(values(1, 2))


def test_no_new_weights_after_build():
    layer = layers.Dense(3)
    layer.build((None, 2))
    with pytest.raises(ValueError, match="already built"):
        layer.add_weight(shape=(), name="late")
