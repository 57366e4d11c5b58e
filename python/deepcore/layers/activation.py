"""Activations with arguments or weights, as layers (keras.layers.ReLU, Softmax and others)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import activations, checks, constraints, initializers, ops, regularizers
from deepcore.layers.input_spec import InputSpec
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
            shape = tuple(inputs.shape)
            ends = shape[max(0, len(shape) - len(mask.shape)) :]  # a mask may be of the last axes
            checks.mask_fits("Softmax", mask, ends, shape)
            if mask.dtype != "bool":
                mask = ops.greater(mask, 0.5)
            lowest = -3e4 if inputs.dtype == "float16" else -1e9
            inputs = ops.where(mask, inputs, ops.full_like(inputs, lowest))
        if isinstance(self.axis, int):
            outputs = ops.softmax(inputs, axis=self.axis)
        else:
            total = ops.logsumexp(inputs, axis=self.axis, keepdims=True)
            outputs = ops.exp(ops.subtract(inputs, total))
        # Where all is hidden, all would be alike.
        return outputs if mask is None else ops.where(mask, outputs, 0.0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


@builtin("keras.layers")
class LeakyReLU(Layer):
    """`x` above zero, `negative_slope * x` below.

    Args:
        negative_slope: the slope below zero; `alpha` is its old name.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a negative or missing slope.
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        if slope is None or slope < 0:
            raise ValueError(
                "LeakyReLU: negative_slope must be a non-negative number. "
                f"Received: negative_slope={slope}."
            )
        self.negative_slope = slope
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


@builtin("keras.layers")
class ELU(Layer):
    """`x` above zero, `alpha * (exp(x) - 1)` below.

    Args:
        alpha: the scale below zero.
        **kwargs: see `Layer`.
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return activations.elu(inputs, alpha=self.alpha)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


@builtin("keras.layers")
class PReLU(Layer):
    """`x` above zero, `alpha * x` below, with an alpha for each position of a sample.

    Args:
        alpha_initializer: alpha's first value.
        alpha_regularizer: a penalty on alpha.
        alpha_constraint: a projection of alpha after each update.
        shared_axes: axes along which alpha is one; counted with the batch axis.
        **kwargs: see `Layer`.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is None or isinstance(shared_axes, list | tuple):
            self.shared_axes = None if shared_axes is None else list(shared_axes)
        else:
            self.shared_axes = [shared_axes]
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Makes alpha: the sample's shape, 1 along shared axes."""
        shared = self.shared_axes or []
        shape = [1 if axis in shared else d for axis, d in enumerate(input_shape)][1:]
        if None in shape:
            raise ValueError(
                "PReLU: the axes that are not shared must be known. "
                f"Received: {input_shape=}, shared_axes={self.shared_axes}."
            )
        self.alpha = self.add_weight(
            name="alpha",
            shape=shape,
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        own = [axis for axis in range(1, len(input_shape)) if axis not in shared]
        axes = {axis: input_shape[axis] for axis in own} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs: Tensor) -> Tensor:
        below = ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        return ops.subtract(ops.relu(inputs), below)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }
