"""Pools over windows and over whole images (keras.layers.MaxPooling2D and others)."""

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
        rank: the number of axes slid over.
        pool_size: the window's sizes.
        strides: its steps; `pool_size` when None.
        padding: `valid` or `same`; padding never counts.
        data_format: `channels_last` or `channels_first`; the default one when None.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive, or larger than the input (when called).
    """

    def __init__(
        self,
        rank: int,
        pool_size: Sizes,
        strides: Sizes | None,
        padding: str,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind = type(self).__name__
        self.rank = rank
        self.pool_size = checks.int_tuple(kind, "pool_size", pool_size, rank)
        steps = self.pool_size if strides is None else strides
        self.strides = checks.int_tuple(kind, "strides", steps, rank)
        self.padding = checks.one_of(kind, "padding", str(padding).lower(), ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=rank + 2)
        self.built = True

    def _pool(self, inputs: Tensor, **arguments: Any) -> Tensor:
        raise NotImplementedError

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


@builtin("keras.layers")
class MaxPooling2D(Pooling):
    """The largest value of each window of images (N, H, W, C); see `Pooling`."""

    def __init__(
        self,
        pool_size: Sizes = (2, 2),
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(2, pool_size, strides, padding, data_format, **kwargs)

    def _pool(self, inputs: Tensor, **arguments: Any) -> Tensor:
        return ops.max_pool(inputs, **arguments)


@builtin("keras.layers")
class AveragePooling2D(Pooling):
    """The mean of each window of images (N, H, W, C); see `Pooling`."""

    def __init__(
        self,
        pool_size: Sizes = (2, 2),
        strides: Sizes | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(2, pool_size, strides, padding, data_format, **kwargs)

    def _pool(self, inputs: Tensor, **arguments: Any) -> Tensor:
        return ops.average_pool(inputs, **arguments)


class GlobalPooling(Layer):
    """Reduces all of the `rank` axes between batch and channels; subclasses say how.

    Args:
        rank: the number of axes reduced.
        data_format: `channels_last` or `channels_first`; the default one when None.
        keepdims: whether the reduced axes stay, with size 1.
        **kwargs: see `Layer`.
    """

    def __init__(
        self, rank: int, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=rank + 2)
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
class GlobalMaxPooling2D(GlobalPooling):
    """The largest value of each channel: (N, H, W, C) to (N, C); see `GlobalPooling`."""

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.max(inputs, axis=self._axes, keepdims=self.keepdims)


@builtin("keras.layers")
class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel: (N, H, W, C) to (N, C); see `GlobalPooling`."""

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(2, data_format, keepdims, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.mean(inputs, axis=self._axes, keepdims=self.keepdims)


MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
