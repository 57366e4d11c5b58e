"""What the benchmarks know of a network, and the optimizers they train with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Network:
    """How to build a network, and what it is trained on.

    Attributes:
        build: takes the module, gives the model.
        shape: of one sample.
        classes: of the labels; 1: a number, or a probability under `binary_crossentropy`.
        optimizer: takes the module, gives the optimizer.
        loss: Keras's name of it.
        tokens: of the vocabulary, where a sample is token ids; 0: it is floats.
        steps: labels a sample, where each step has one; 0: one label.
    """

    build: Callable[[Any], Any]
    shape: tuple[int, ...]
    classes: int
    optimizer: Callable[[Any], Any]
    loss: str = "sparse_categorical_crossentropy"
    tokens: int = 0
    steps: int = 0


def adam(keras: Any) -> Any:
    """As Keras has it."""
    return keras.optimizers.Adam()


def momentum(keras: Any) -> Any:
    """What the residual networks were trained with."""
    return keras.optimizers.SGD(0.01, momentum=0.9)
