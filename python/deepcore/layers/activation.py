"""ReLU and Softmax as layers (keras.layers.ReLU, keras.layers.Softmax)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import activations, ops
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class ReLU(Layer):
    """`x` above the threshold, `negative_slope * (x - threshold)` below, at most `max_value`.

    Args:
        max_value: the largest output; no bound when None.
        negative_slope: the slope below the threshold.
        threshold: where the slope changes.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a negative or missing number.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for argument, value in (
            ("max_value", max_value),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            if (value is None and argument != "max_value") or (value is not None and value < 0):
                raise ValueError(
                    f"ReLU: {argument} must be a non-negative number. Received: {argument}={value}."
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


@builtin("keras.layers")
class Softmax(Layer):
    """Softmax over one axis or several.

    Args:
        axis: normalized over; a sequence means all of them together.
        **kwargs: see `Layer`.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask`: True where an input counts; the others get probability zero."""
        if mask is not None:
            lowest = -3e4 if inputs.dtype == "float16" else -1e9
            inputs = ops.where(mask, inputs, ops.full_like(inputs, lowest))
        if isinstance(self.axis, int):
            return ops.softmax(inputs, axis=self.axis)
        total = ops.logsumexp(inputs, axis=self.axis, keepdims=True)
        return ops.exp(ops.subtract(inputs, total))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
