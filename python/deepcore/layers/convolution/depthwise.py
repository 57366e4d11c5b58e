"""DepthwiseConv1D and DepthwiseConv2D (keras.layers): each channel has filters of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import checks, ops
from deepcore.layers.convolution.base import BaseConv, Sizes
from deepcore.serialization import builtin

if TYPE_CHECKING:
    from deepcore import Tensor


class DepthwiseConv(BaseConv):
    """Each channel convolved by its own `depth_multiplier` filters, a bias, an activation.

    x: (N, ..., C), kernel: (*kernel_size, C, depth_multiplier), output:
    (N, ..., C * depth_multiplier), a channel's outputs side by side.

    Args:
        kernel_size: the window's sizes.
        strides: its steps.
        padding: `valid` or `same`.
        depth_multiplier: filters for each channel.
        data_format: `channels_last` or `channels_first`; the default one when None.
        dilation_rate: the distances between its elements.
        activation: a name or a function; none when None.
        use_bias: whether to add a bias.
        depthwise_initializer: the kernel's first value.
        bias_initializer: the bias's first value.
        depthwise_regularizer: a penalty on the kernel.
        bias_regularizer: a penalty on the bias.
        activity_regularizer: a penalty on the output.
        depthwise_constraint: a projection of the kernel after each update.
        bias_constraint: a projection of the bias after each update.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
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
        self.depth_multiplier = checks.positive_int(
            type(self).__name__, "depth_multiplier", depth_multiplier
        )
        self._weight_options(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )

    def _filters_of(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    def _make_kernels(self, channels: int) -> None:
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self._add("kernel", "depthwise", shape)

    def _convolve(self, inputs: Tensor) -> Tensor:
        return ops.depthwise_conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "depth_multiplier": self.depth_multiplier,
            **self._options_config("depthwise"),
        }


@builtin("keras.layers")
class DepthwiseConv1D(DepthwiseConv):
    """A depthwise convolution over sequences (N, L, C); see `DepthwiseConv` for the arguments.

    Example:
        >>> DepthwiseConv1D(3, depth_multiplier=2)(np.ones((2, 10, 4), "float32")).shape
        (2, 8, 8)
    """

    rank = 1


@builtin("keras.layers")
class DepthwiseConv2D(DepthwiseConv):
    """A depthwise convolution over images (N, H, W, C); see `DepthwiseConv` for the arguments.

    Example:
        >>> DepthwiseConv2D(3, strides=2, padding="same")(np.ones((2, 9, 9, 4), "float32")).shape
        (2, 5, 5, 4)
    """

    rank = 2
