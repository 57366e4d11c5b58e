"""Activation: any activation as a layer (keras.layers.Activation)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deepcore import activations
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Activation(Layer):
    """Applies an activation, given by name or as a function, to its input.

    Raises:
        ValueError: an unknown name.

    Example:
        >>> Activation("relu")(np.float32([-1, 2])).tolist()
        [0.0, 2.0]
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation: Callable[..., Tensor] = activations.get(activation)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
