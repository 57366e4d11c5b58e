"""The networks whose cost `growth.py` watches, for deepcore, and what they are trained on."""

from typing import Any, NamedTuple


class Growing(NamedTuple):
    """One point: a network and its batch.

    Attributes:
        shape: of a batch of inputs.
        widths: of the hidden layers.
        convs: filters of the convolutions of width 3 before them.
        lstm: units of an LSTM before them, instead; 0 for none.
    """

    shape: tuple[int, ...]
    widths: tuple[int, ...]
    convs: tuple[int, ...] = ()
    lstm: int = 0


def point(kind: str, size: int) -> Growing:
    """The network at this size."""
    if kind == "batch":
        return Growing((size, 256), (256, 256))
    if kind == "width":
        return Growing((128, size), (size, size))
    if kind == "depth":
        return Growing((64, 128), (128,) * size)
    if kind == "image side":
        return Growing((16, size, size, 3), (), (32, 32))
    if kind == "steps":
        return Growing((16, size, 32), (), lstm=64)
    return Growing((16, size, 16), (), (64, 64))


def build(keras: Any, grown: Growing) -> Any:
    """As a Keras model with 10 classes."""
    layers = keras.layers
    spatial = len(grown.shape) - 2
    conv = layers.Conv1D if spatial == 1 else layers.Conv2D
    stack = [keras.Input(grown.shape[1:])]
    stack += [conv(filters, 3, padding="same", activation="relu") for filters in grown.convs]
    if grown.lstm:
        stack.append(layers.LSTM(grown.lstm))
    elif spatial:
        one, two = layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D
        stack.append(one() if spatial == 1 else two())
    stack += [layers.Dense(width, activation="relu") for width in grown.widths]
    model = keras.Sequential([*stack, layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model
