"""Masking: says which steps of a sequence count (keras.layers.Masking)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import masks, ops
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin, deserialize_keras_object
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Masking(Layer):
    """Hides the steps whose features all equal one value; they become zeros.

    x: (N, T, ...), output: the same; its mask is (N, T), for features on one axis.

    Args:
        mask_value: what a hidden step is filled with.
        **kwargs: see `Layer`.

    Example:
        >>> x = np.float32([[[1, 2], [0, 0]]])
        >>> Masking()(x)._keras_mask.tolist()
        [[True, False]]
    """

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):  # an array or NumPy number, in a file
            mask_value = deserialize_keras_object(mask_value)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        outputs: Tensor = ops.where(kept, inputs, 0)
        masks.attach(outputs, ops.squeeze(kept, -1))
        return outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}
