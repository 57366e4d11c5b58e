import numpy as np
import pytest

import deepcore
from deepcore import layers, ops

MLP = 2 * (784 * 64 + 64 * 64 + 64 * 10)
# Backward: a filter gradient each, and a data gradient for all but the first.
MLP_STEP = 3 * MLP - 2 * 784 * 64


def mlp():
    return deepcore.Sequential(
        [
            deepcore.Input((784,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )


def test_the_mlp_of_the_benchmarks():
    model = mlp()
    assert model.count_flops() == MLP
    assert model.count_flops(batch_size=32) == 32 * MLP
    assert model.count_flops(training=True) == MLP_STEP
    assert model.count_flops(batch_size=32, training=True) == 32 * MLP_STEP


def test_a_step_of_fit_counts_the_same():
    model = mlp()
    model.compile("adam", deepcore.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(np.zeros((32, 784), "float32"), np.zeros(32, "int32"), verbose=0)
    (step,) = model._steps._steps.values()
    assert step.plan.flops == model.count_flops(batch_size=32, training=True)


def test_convolutions():
    model = deepcore.Sequential(
        [
            deepcore.Input((28, 28, 1)),
            layers.Conv2D(32, 3),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    first, second = 2 * 26 * 26 * 9 * 32, 2 * 11 * 11 * 9 * 32 * 64
    dense = 2 * 1600 * 10
    assert model.count_flops() == first + second + dense
    assert model.count_flops(training=True) == 2 * first + 3 * (second + dense)


def test_what_is_frozen_has_no_gradient():
    model = mlp()
    model.layers[0].trainable = False
    rest = MLP - 2 * 784 * 64
    assert model.count_flops(training=True) == MLP + 2 * rest - 2 * 64 * 64


def test_a_model_that_does_not_know_its_inputs_takes_data():
    class Net(deepcore.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(self.dense(x))

    model = Net()
    with pytest.raises(ValueError, match=r"count_flops: the model .* has no weights"):
        model.count_flops()
    x = np.zeros((7, 3), "float32")
    model(x)
    with pytest.raises(ValueError, match="Pass `x`"):
        model.count_flops()
    assert model.count_flops(x=x) == 2 * 2 * 9
    assert model.count_flops(batch_size=4, training=True, x=x) == 4 * 2 * 9 * (2 + 2 + 1)


def test_counting_changes_nothing():
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = deepcore.random.SeedGenerator(1)

        def call(self, x, training=False):
            self.add_loss(ops.sum(x))
            return x + deepcore.random.normal(x.shape, seed=self.seeds)

    model = deepcore.Sequential([deepcore.Input((3,)), Noise(), layers.Dense(2)])
    before = [np.array(v) for v in model.variables]
    model.count_flops(training=True)
    model.summary(flops=True, print_fn=lambda text: None)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert all(not t.is_symbolic for t in model.losses)


def test_the_summary_has_a_column_and_totals():
    lines = []
    mlp().summary(flops=True, print_fn=lines.append, line_length=100)
    (text,) = lines
    assert "FLOPs" in text
    for part in (784 * 64, 64 * 64, 64 * 10):
        assert f"{2 * part:,}" in text
    assert f"FLOPs a sample: {MLP:,} forward, {MLP_STEP:,} in a training step" in text
    mlp().summary(flops=True, show_trainable=True, print_fn=lines.append, line_length=110)
    assert "Trainable" in lines[1]
    mlp().summary(print_fn=lines.append)
    assert "FLOPs" not in lines[2]


def test_a_layer_used_twice_counts_twice_and_a_model_counts_what_is_inside():
    inner = deepcore.Sequential([deepcore.Input((4,)), layers.Dense(4)], name="inner")
    model = deepcore.Sequential([deepcore.Input((4,)), inner, layers.Dense(4)])
    lines = []
    model.summary(flops=True, expand_nested=True, print_fn=lines.append, line_length=100)
    assert lines[0].count(" 32 ") == 3
    assert "call" not in inner.__dict__


def test_branches_and_operations_have_their_rows():
    x = deepcore.Input((6,))
    a = layers.Dense(4)(x)
    y = ops.matmul(a, np.ones((4, 3), "float32")) + layers.Dense(3)(x)
    model = deepcore.Model(x, y)
    lines = []
    model.summary(flops=True, print_fn=lines.append, line_length=140)
    assert model.count_flops() == 2 * (6 * 4 + 4 * 3 + 6 * 3)
    for part in (48, 24, 36):
        assert f" {part} " in lines[0]
    assert "Connected to" in lines[0]
    assert model.freeze()(np.ones((2, 6), "float32")).shape == (2, 3)
