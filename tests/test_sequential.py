"""Sequential and Model: building, shapes, the summary, configuration, lifetime."""

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


def small_cnn() -> dc.Sequential:
    return dc.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.mark.parametrize(
    "first",
    [
        lambda: [layers.Dense(4, input_shape=(5,))],
        lambda: [layers.Dense(4, input_dim=5)],
        lambda: [layers.Dense(4, batch_input_shape=(None, 5))],
        lambda: [dc.Input((5,)), layers.Dense(4)],
        lambda: [layers.InputLayer((5,)), layers.Dense(4)],
    ],
)
def test_input_tells_the_shape(first):
    model = dc.Sequential([*first(), layers.Dense(2)])
    assert model.built
    assert model.input_shape == (None, 5)
    assert model.output_shape == (None, 2)
    assert [tuple(w.shape) for w in model.weights] == [(5, 4), (4,), (4, 2), (2,)]
    assert len(model.layers) == 2
    assert model.inputs[0].shape == (None, 5)
    assert model.outputs[0].shape == (None, 2)


def test_builds_on_the_first_call_or_on_demand():
    model = dc.Sequential([layers.Dense(4), layers.Dense(2)])
    assert model.weights == []
    with pytest.raises(AttributeError, match="no defined inputs"):
        _ = model.input_shape
    assert model(values(3, 5)).shape == (3, 2)
    assert model.input_shape == (None, 5)
    assert model(values(7, 5)).shape == (7, 2)
    other = dc.Sequential([layers.Dense(4)])
    other.build((None, 6))
    assert other.output_shape == (None, 4)
    assert len(other.weights) == 2


def test_value_is_the_chain():
    model = small_cnn()
    x = values(2, 8, 8, 1)
    y = x
    for layer in model.layers:
        y = layer(y)
    np.testing.assert_array_equal(model(x).numpy(), y.numpy())


def test_add_and_pop():
    model = dc.Sequential()
    model.add(dc.Input((3,)))
    model.add(layers.Dense(4))
    assert model.output_shape == (None, 4)
    model.add(layers.Dense(5))
    assert model.output_shape == (None, 5)
    assert model.pop().units == 5
    assert model.output_shape == (None, 4)
    assert len(model.weights) == 2


def test_names_and_paths():
    dc.utils.clear_session()
    model = dc.Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(2)])
    assert model.name == "sequential"
    assert [v.path for v in model.weights] == [
        "sequential/dense/kernel",
        "sequential/dense/bias",
        "sequential/dense_1/kernel",
        "sequential/dense_1/bias",
    ]
    assert model.get_layer("dense_1") is model.layers[1]
    assert model.get_layer(index=0) is model.layers[0]
    with pytest.raises(ValueError, match="No such layer: nope"):
        model.get_layer("nope")


def test_images_without_channels_are_taken():
    model = small_cnn()
    x = values(2, 8, 8)
    np.testing.assert_array_equal(model(x).numpy(), model(x[..., None]).numpy())


def test_config_round_trip():
    model = small_cnn()
    config = model.get_config()
    assert config["build_input_shape"] == (None, 8, 8, 1)
    assert [c["class_name"] for c in config["layers"]] == [
        *["InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense"]
    ]
    twin = dc.Sequential.from_config(config)
    twin.set_weights(model.get_weights())
    x = values(2, 8, 8, 1)
    np.testing.assert_array_equal(twin(x).numpy(), model(x).numpy())
    assert model.get_build_config() == {"input_shape": (None, 8, 8, 1)}


def test_models_nest():
    inner = dc.Sequential([layers.Dense(4, input_shape=(3,)), layers.ReLU()])
    model = dc.Sequential([inner, layers.Dense(2)])
    assert model.input_shape == (None, 3)
    assert len(model.weights) == 4
    assert model(values(2, 3)).shape == (2, 2)


def test_summary():
    model = dc.Sequential(
        [layers.Dense(64, input_shape=(784,), name="one"), layers.Dropout(0.5, name="two")],
        name="net",
    )
    lines: list[str] = []
    model.summary(line_length=76, print_fn=lines.append)
    assert lines[0].splitlines() == [
        'Model: "net"',
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓",
        "┃ Layer (type)                   ┃ Output Shape            ┃       Param # ┃",
        "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩",
        "│ one (Dense)                    │ (None, 64)              │        50,240 │",
        "├────────────────────────────────┼─────────────────────────┼───────────────┤",
        "│ two (Dropout)                  │ (None, 64)              │             0 │",
        "└────────────────────────────────┴─────────────────────────┴───────────────┘",
        " Total params: 50,240 (196.25 KB)",
        " Trainable params: 50,240 (196.25 KB)",
        " Non-trainable params: 0 (0.00 B)",
    ]
    unbuilt: list[str] = []
    dc.Sequential([layers.Dense(3)]).summary(print_fn=unbuilt.append)
    assert "0 (unbuilt)" in unbuilt[0]
    frozen: list[str] = []
    model.trainable = False
    model.summary(print_fn=frozen.append, show_trainable=True, line_length=100)
    assert "  N  " in frozen[0]
    assert "Non-trainable params: 50,240" in frozen[0]


def test_subclassed_model():
    class Net(dc.Model):
        def __init__(self):
            super().__init__()
            self.one = layers.Dense(4, activation="relu")
            self.two = layers.Dense(2)

        def call(self, x):
            return self.two(self.one(x))

    model = Net()
    assert model(values(2, 3)).shape == (2, 2)
    assert [layer.name for layer in model.layers] == [model.one.name, model.two.name]
    assert len(model.trainable_weights) == 4
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "(None, 4)" in lines[0]


def test_a_model_is_freed_without_gc():
    gc.collect()
    gc.disable()
    try:
        model = small_cnn()
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        x, y = values(16, 8, 8, 1), np.arange(16) % 3
        model.fit(x, y, epochs=2, batch_size=8, verbose=0, validation_split=0.5)
        model.predict(x, verbose=0)
        model.evaluate(x, y, verbose=0)
        kept = [weakref.ref(model), weakref.ref(model.layers[0]), weakref.ref(model.weights[0])]
        del model
        assert [reference() for reference in kept] == [None] * 3
    finally:
        gc.enable()


@pytest.mark.parametrize("entry", [[], [dc.Input((4, 2))]], ids=["deferred", "told"])
def test_other_lengths_than_the_first(entry):
    """As in Keras: what sizes fit is the layers' matter."""
    model = dc.Sequential([*entry, layers.LSTM(3), layers.Dense(1)], name="net")
    model.compile("sgd", "mse")
    model.fit(values(5, 4, 2), values(5, 1), verbose=0)
    x = values(5, 9, 2)
    wanted = model.layers[1](model.layers[0](x)).numpy()
    np.testing.assert_array_equal(model.predict(x, verbose=0), wanted)
    np.testing.assert_array_equal(model(x), wanted)
    model.fit(x, values(5, 1), verbose=0)
    with pytest.raises(ValueError, match=r"axis -1 of input shape to have value 2") as caught:
        model.predict(values(5, 9, 3), verbose=0)
    assert caught.value.__notes__ == [
        "The model 'net' was made for inputs of shape (None, 4, 2). Received: shape (5, 9, 3)."
    ]
    with pytest.raises(ValueError, match=r'"net" is .*\(None, 4, 2\), found shape=\(5, 4\)'):
        model.predict(values(5, 4), verbose=0)


def test_errors():
    with pytest.raises(ValueError, match="Only instances of"):
        dc.Sequential([3])
    with pytest.raises(ValueError, match="unique names"):
        dc.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])
    with pytest.raises(ValueError, match="must come first"):
        dc.Sequential([layers.Dense(1), dc.Input((3,))])
    with pytest.raises(ValueError, match="no layers"):
        dc.Sequential().build((None, 3))
    with pytest.raises(ValueError, match="no layers to pop"):
        dc.Sequential().pop()
    model = dc.Sequential([layers.Dense(2, input_shape=(3,))], name="net")
    with pytest.raises(ValueError) as caught:
        model(values(5, 4, 3))
    assert str(caught.value) == (
        'Input 0 of layer "net" is incompatible with the layer: expected shape=(None, 3), '
        "found shape=(5, 4, 3)"
    )
    with pytest.raises(ValueError, match="already been configured"):
        model.build((None, 4))
    with pytest.raises(ValueError, match="larger than the input"):
        dc.Sequential([layers.Conv2D(3, 5, input_shape=(4, 4, 1))])
    assert model(values(5, 3)).shape == (5, 2)
