"""Pools over windows and over whole sequences or images (keras.layers.MaxPooling2D and others)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import checks, config, ops
from deepcore.layers import windows
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor

Sizes = int | Sequence[int]


class Pooling(Layer):
    """Reduces windows over `rank` axes of x: (N, ..., C); subclasses say how.

    Args:
        pool_size: the window's sizes.
        strides: its steps; `pool_size` when None.
        padding: `valid` or `same`; padding never counts.
        data_format: `channels_last` or `channels_first`; the default one when None.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive, or larger than the input (when called).
    """

    rank: int

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind, rank = type(self).__name__, self.rank
        self.pool_size = checks.int_tuple(kind, "pool_size", pool_size, rank)
        steps = self.pool_size if strides is None else strides
        self.strides = checks.int_tuple(kind, "strides", steps, rank)
        self.padding = checks.one_of(kind, "padding", str(padding).lower(), ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    def _pool(self, inputs: Tensor, **arguments: Any) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must write _pool(inputs, **arguments).")

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(tuple(inputs.shape))  # checks that the window fits
        return self._pool(
            inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return windows.slid(
            type(self).__name__,
            input_shape,
            self.pool_size,
            self.strides,
            self.padding,
            self.data_format,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "padding": self.padding,
            "strides": self.strides,
            "data_format": self.data_format,
        }


class MaxPooling(Pooling):
    def _pool(self, inputs: Tensor, **arguments: Any) -> Tensor:
        return ops.max_pool(inputs, **arguments)


class AveragePooling(Pooling):
    def _pool(self, inputs: Tensor, **arguments: Any) -> Tensor:
        return ops.average_pool(inputs, **arguments)


@builtin("keras.layers")
class MaxPooling1D(MaxPooling):
    """The largest value of each window of sequences (N, L, C); see `Pooling`."""

    rank = 1


@builtin("keras.layers")
class MaxPooling2D(MaxPooling):
    """The largest value of each window of images (N, H, W, C); see `Pooling`."""

    rank = 2


@builtin("keras.layers")
class AveragePooling1D(AveragePooling):
    """The mean of each window of sequences (N, L, C); see `Pooling`."""

    rank = 1


@builtin("keras.layers")
class AveragePooling2D(AveragePooling):
    """The mean of each window of images (N, H, W, C); see `Pooling`."""

    rank = 2


class GlobalPooling(Layer):
    """Reduces all of the `rank` axes between batch and channels; subclasses say how.

    Args:
        data_format: `channels_last` or `channels_first`; the default one when None.
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.
    """

    rank: int

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    @property
    def _axes(self) -> tuple[int, ...]:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        axes = self._axes
        if self.keepdims:
            return tuple(1 if i in axes else d for i, d in enumerate(input_shape))
        return tuple(d for i, d in enumerate(input_shape) if i not in axes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "data_format": self.data_format,
            "keepdims": self.keepdims,
        }


@builtin("keras.layers")
class GlobalMaxPooling1D(GlobalPooling):
    """The largest value of each channel: (N, L, C) to (N, C); see `GlobalPooling`."""

    rank = 1

    def call(self, inputs: Tensor) -> Tensor:
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)


@builtin("keras.layers")
class GlobalMaxPooling2D(GlobalPooling):
    """The largest value of each channel: (N, H, W, C) to (N, C); see `GlobalPooling`."""

    rank = 2

    def call(self, inputs: Tensor) -> Tensor:
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)


@builtin("keras.layers")
class GlobalAveragePooling1D(GlobalPooling):
    """The mean of each channel: (N, L, C) to (N, C); see `GlobalPooling`."""

    rank = 1

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask`: (N, L), True where a step counts."""
        if mask is None:
            return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)
        steps = (inputs.shape[0], inputs.shape[self._axes[0]])
        checks.mask_fits("GlobalAveragePooling1D", mask, steps, tuple(inputs.shape))
        mask = ops.expand_dims(ops.cast(mask, "bool"), 3 - self._axes[0])
        total = ops.sum(ops.where(mask, inputs, 0), axis=self._axes, keepdims=self.keepdims)
        counts = ops.cast(mask, inputs.dtype)
        return total / ops.sum(counts, axis=self._axes, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: there are no steps any more."""


@builtin("keras.layers")
class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel: (N, H, W, C) to (N, C); see `GlobalPooling`."""

    rank = 2

    def call(self, inputs: Tensor) -> Tensor:
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)


MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
