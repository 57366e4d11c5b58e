"""Identity: its input, unchanged (keras.layers.Identity)."""

from __future__ import annotations

from typing import Any

from deepcore import tree
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import KerasTensor


@builtin("keras.layers")
class Identity(Layer):
    """Gives what it is called on."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_spec(self, inputs: Any) -> Any:
        return tree.map_structure(lambda t: KerasTensor(t.shape, t.dtype), inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
