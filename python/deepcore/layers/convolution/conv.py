"""Conv1D and Conv2D (keras.layers): every filter sees all channels of its group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import checks, ops
from deepcore.layers.convolution.base import BaseConv, Sizes
from deepcore.serialization import builtin

if TYPE_CHECKING:
    from deepcore import Tensor


class Conv(BaseConv):
    """A convolution over `rank` axes, a bias, an activation.

    x: (N, ..., C), kernel: (*kernel_size, C / groups, filters), output: (N, ..., filters); with
    `channels_first` the channels come second.

    Args:
        filters: the output's channels.
        kernel_size: the window's sizes.
        strides: its steps.
        padding: `valid` or `same`; over one axis also `causal`, where no output sees later inputs.
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
        self.groups = checks.positive_int(kind, "groups", groups)
        if self.filters % self.groups:
            raise ValueError(
                f"{kind}: filters must be divisible by groups. Received: {filters=}, {groups=}."
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{kind}: strides and dilation_rate cannot both be above 1. "
                f"Received: {strides=}, {dilation_rate=}."
            )
        self._weight_options("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)

    def _filters_of(self, channels: int | None) -> int | None:
        return self.filters

    def _make_kernels(self, channels: int) -> None:
        if channels % self.groups:
            raise ValueError(
                f"{type(self).__name__}: the input's channels must be divisible by groups. "
                f"Received: {channels} channels, groups={self.groups}."
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self._add("kernel", "kernel", shape)

    def _convolve(self, inputs: Tensor) -> Tensor:
        padding = self.padding
        if padding == "causal":
            before = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            none, ahead = (0, 0), (before, 0)
            first = self.data_format == "channels_first"
            inputs = ops.pad(inputs, (none, none, ahead) if first else (none, ahead, none))
            padding = "valid"
        return ops.conv(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "groups": self.groups,
            **self._options_config("kernel"),
        }


@builtin("keras.layers")
class Conv1D(Conv):
    """A convolution over sequences (N, L, C); see `Conv` for the arguments.

    Example:
        >>> Conv1D(8, 3, padding="causal")(np.ones((2, 50, 1), "float32")).shape
        (2, 50, 8)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


@builtin("keras.layers")
class Conv2D(Conv):
    """A convolution over images (N, H, W, C); see `Conv` for the arguments.

    Example:
        >>> Conv2D(8, 3, padding="same")(np.ones((2, 28, 28, 1), "float32")).shape
        (2, 28, 28, 8)
    """

    rank = 2


Convolution1D = Conv1D
Convolution2D = Conv2D
