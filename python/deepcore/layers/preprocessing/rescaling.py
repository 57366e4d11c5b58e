"""Rescaling (keras.layers.Rescaling)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import ops
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Rescaling(Layer):
    """`inputs * scale + offset` in the layer's dtype, also for integer images.

    Args:
        scale: a number, or a sequence that broadcasts against the last axis.
        offset: likewise.
        **kwargs: see `Layer`.

    Example:
        >>> Rescaling(1 / 255)(np.uint8([[0, 255]])).tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        dtype = self.compute_dtype
        scale = ops.convert_to_tensor(self.scale, dtype)
        offset = ops.convert_to_tensor(self.offset, dtype)
        return ops.add(ops.multiply(ops.cast(inputs, dtype), scale), offset)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}
