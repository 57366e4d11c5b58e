"""SeparableConv1D and SeparableConv2D (keras.layers): depthwise, then across channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import checks, ops
from deepcore.layers.convolution.base import BaseConv, Sizes
from deepcore.serialization import builtin

if TYPE_CHECKING:
    from deepcore import Tensor


class SeparableConv(BaseConv):
    """A depthwise convolution, one of width 1 across the channels, a bias, an activation.

    x: (N, ..., C), depthwise_kernel: (*kernel_size, C, depth_multiplier), pointwise_kernel:
    (1, ..., C * depth_multiplier, filters), output: (N, ..., filters).

    Args:
        filters: the output's channels.
        kernel_size: the window's sizes.
        strides: its steps.
        padding: `valid` or `same`.
        data_format: `channels_last` or `channels_first`; the default one when None.
        dilation_rate: the distances between its elements.
        depth_multiplier: depthwise filters for each channel.
        activation: a name or a function; none when None.
        use_bias: whether to add a bias.
        depthwise_initializer: the depthwise kernel's first value.
        pointwise_initializer: the other kernel's first value.
        bias_initializer: the bias's first value.
        depthwise_regularizer: a penalty on the depthwise kernel.
        pointwise_regularizer: a penalty on the other kernel.
        bias_regularizer: a penalty on the bias.
        activity_regularizer: a penalty on the output.
        depthwise_constraint: a projection of the depthwise kernel after each update.
        pointwise_constraint: a projection of the other kernel after each update.
        bias_constraint: a projection of the bias after each update.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            activity_regularizer,
            bias_constraint,
            **kwargs,
        )
        kind = type(self).__name__
        self.filters = checks.positive_int(kind, "filters", filters)
        self.depth_multiplier = checks.positive_int(kind, "depth_multiplier", depth_multiplier)
        self._weight_options(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self._weight_options(
            "pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint
        )

    def _filters_of(self, channels: int | None) -> int | None:
        return self.filters

    def _make_kernels(self, channels: int) -> None:
        deep = self.depth_multiplier
        shape = (*self.kernel_size, channels, deep)
        self.depthwise_kernel = self._add("depthwise_kernel", "depthwise", shape)
        shape = (*(1,) * self.rank, channels * deep, self.filters)
        self.pointwise_kernel = self._add("pointwise_kernel", "pointwise", shape)

    def _convolve(self, inputs: Tensor) -> Tensor:
        return ops.separable_conv(
            inputs,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "depth_multiplier": self.depth_multiplier,
            **self._options_config("depthwise"),
            **self._options_config("pointwise"),
        }


@builtin("keras.layers")
class SeparableConv1D(SeparableConv):
    """A separable convolution over sequences (N, L, C); see `SeparableConv` for the arguments.

    Example:
        >>> SeparableConv1D(8, 3)(np.ones((2, 10, 4), "float32")).shape
        (2, 8, 8)
    """

    rank = 1


@builtin("keras.layers")
class SeparableConv2D(SeparableConv):
    """A separable convolution over images (N, H, W, C); see `SeparableConv` for the arguments.

    Example:
        >>> SeparableConv2D(8, 3, padding="same")(np.ones((2, 9, 9, 4), "float32")).shape
        (2, 9, 9, 8)
    """

    rank = 2


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
