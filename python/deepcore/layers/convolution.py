"""Convolutions (keras.layers.Conv2D): `Conv` for any number of axes, named ones fix it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import activations, checks, config, constraints, initializers, ops, regularizers
from deepcore.layers import windows
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor

Sizes = int | Sequence[int]


class Conv(Layer):
    """A convolution over `rank` axes, a bias, an activation.

    x: (N, ..., C), kernel: (*kernel_size, C / groups, filters), output: (N, ..., filters); with
    `channels_first` the channels come second.

    Args:
        rank: the number of axes slid over.
        filters: the output's channels.
        kernel_size: the window's sizes.
        strides: its steps.
        padding: `valid` or `same`.
        data_format: `channels_last` or `channels_first`; the default one when None.
        dilation_rate: the distances between its elements.
        groups: the channels are split into so many groups, convolved apart.
        activation: a name or a function; none when None.
        use_bias: whether to add a bias.
        kernel_initializer: the kernel's first value.
        bias_initializer: the bias's first value.
        kernel_regularizer: a penalty on the kernel.
        bias_regularizer: a penalty on the bias.
        activity_regularizer: a penalty on the output.
        kernel_constraint: a projection of the kernel after each update.
        bias_constraint: a projection of the bias after each update.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive, filters don't divide by groups, or strides and dilation
            are both above 1.
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        kind = type(self).__name__
        self.rank = rank
        self.filters = checks.positive_int(kind, "filters", filters)
        self.kernel_size = checks.int_tuple(kind, "kernel_size", kernel_size, rank)
        self.strides = checks.int_tuple(kind, "strides", strides, rank)
        self.dilation_rate = checks.int_tuple(kind, "dilation_rate", dilation_rate, rank)
        self.groups = checks.positive_int(kind, "groups", groups)
        self.padding = checks.one_of(kind, "padding", str(padding).lower(), ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        if self.filters % self.groups:
            raise ValueError(
                f"{kind}: filters must be divisible by groups. Received: {filters=}, {groups=}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{kind}: strides and dilation_rate cannot both be above 1. "
                f"Received: {strides=}, {dilation_rate=}."
            )
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)

    def build(self, input_shape: Shape) -> None:
        """Makes kernel (*kernel_size, C / groups, filters) and bias (filters,)."""
        kind = type(self).__name__
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"{kind}: the input's channels must be known. Received: {input_shape=}."
            )
        if channels % self.groups:
            raise ValueError(
                f"{kind}: the input's channels must be divisible by groups. "
                f"Received: {channels} channels (input shape {input_shape}), groups={self.groups}."
            )
        self.compute_output_shape(input_shape)  # checks that the kernel fits
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        x = ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self.bias is not None:
            first = self.data_format == "channels_first"
            shape = (self.filters, *(1,) * self.rank)
            x = ops.add(x, ops.reshape(self.bias, shape) if first else self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return windows.slid(
            type(self).__name__,
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.filters,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


@builtin("keras.layers")
class Conv2D(Conv):
    """A convolution over images (N, H, W, C); see `Conv` for the arguments.

    Example:
        >>> Conv2D(8, 3, padding="same")(np.ones((2, 28, 28, 1), "float32")).shape
        (2, 28, 28, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            2,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


Convolution2D = Conv2D
