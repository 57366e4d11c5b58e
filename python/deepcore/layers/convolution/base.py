"""What convolutions share: a window that slides, kernels, a bias, an activation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import activations, checks, config, constraints, initializers, ops, regularizers
from deepcore.layers import windows
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.symbolic import Shape
from deepcore.variable import Variable

if TYPE_CHECKING:
    from deepcore import Tensor

Sizes = int | Sequence[int]


class BaseConv(Layer):
    """Slides a window over `rank` axes of x: (N, ..., C); with `channels_first` (N, C, ...).

    A subclass makes its kernels in `_make_kernels`, uses them in `_convolve`, and tells the
    output's channels in `_filters_of`.

    Args:
        kernel_size: the window's sizes.
        strides: its steps.
        padding: `valid` or `same`, or another of `paddings`.
        data_format: `channels_last` or `channels_first`; the default one when None.
        dilation_rate: the distances between its elements.
        activation: a name or a function; none when None.
        use_bias: whether to add a bias.
        bias_initializer: the bias's first value.
        bias_regularizer: a penalty on the bias.
        activity_regularizer: a penalty on the output.
        bias_constraint: a projection of the bias after each update.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive, or `padding` unknown.
    """

    rank: int
    paddings: tuple[str, ...] = ("valid", "same")
    bias: Variable | None

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes,
        padding: str,
        data_format: str | None,
        dilation_rate: Sizes,
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        bias_regularizer: Any,
        activity_regularizer: Any,
        bias_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        kind, rank = type(self).__name__, self.rank
        self.kernel_size = checks.int_tuple(kind, "kernel_size", kernel_size, rank)
        self.strides = checks.int_tuple(kind, "strides", strides, rank)
        self.dilation_rate = checks.int_tuple(kind, "dilation_rate", dilation_rate, rank)
        self.padding = checks.one_of(kind, "padding", str(padding).lower(), self.paddings)
        self.data_format = config.standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._weight_options("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.input_spec = InputSpec(ndim=rank + 2)

    # ---- for subclasses

    def _make_kernels(self, channels: int) -> None:
        raise NotImplementedError(f"{type(self).__name__} must write _make_kernels(channels).")

    def _convolve(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must write _convolve(inputs).")

    def _filters_of(self, channels: int | None) -> int | None:
        """The channels of the output for so many of the input."""
        raise NotImplementedError(f"{type(self).__name__} must write _filters_of(channels).")

    def _weight_options(self, what: str, initializer: Any, regularizer: Any, limit: Any) -> None:
        """Keeps how to make the weight, as attributes under Keras's names."""
        setattr(self, f"{what}_initializer", initializers.get(initializer))
        setattr(self, f"{what}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{what}_constraint", constraints.get(limit))

    def _add(self, name: str, what: str, shape: tuple[int, ...]) -> Variable:
        """A weight made as `_weight_options` told."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=getattr(self, f"{what}_initializer"),
            regularizer=getattr(self, f"{what}_regularizer"),
            constraint=getattr(self, f"{what}_constraint"),
        )

    def _options_config(self, what: str) -> dict[str, Any]:
        return {
            f"{what}_initializer": initializers.serialize(getattr(self, f"{what}_initializer")),
            f"{what}_regularizer": regularizers.serialize(getattr(self, f"{what}_regularizer")),
            f"{what}_constraint": constraints.serialize(getattr(self, f"{what}_constraint")),
        }

    # ---- the layer

    def build(self, input_shape: Shape) -> None:
        """Makes the kernels, and the bias (filters,)."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"{type(self).__name__}: the input's channels must be known. "
                f"Received: {input_shape=}."
            )
        self.compute_output_shape(input_shape)  # checks that the window fits
        self._make_kernels(channels)
        self.bias = None
        if self.use_bias:
            filters = self._filters_of(channels)
            assert filters is not None
            self.bias = self._add("bias", "bias", (filters,))
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))
        x = self._convolve(inputs)
        if self.bias is not None:
            first = self.data_format == "channels_first"
            shape = (*self.bias.shape, *(1,) * self.rank)
            x = ops.add(x, ops.reshape(self.bias, shape) if first else self.bias)
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        channels = input_shape[-1 if self.data_format == "channels_last" else 1]
        return windows.slid(
            type(self).__name__,
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self._filters_of(channels),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._options_config("bias"),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }
