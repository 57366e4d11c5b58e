"""Padding, cropping and repeating along the axes of sequences and images (keras.layers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import checks, config, ops
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor

Pairs = tuple[tuple[int, int], ...]


def _first_axis(data_format: str) -> int:
    """The first of the axes between batch and channels."""
    return 1 if data_format == "channels_last" else 2


def _pair(kind: str, argument: str, value: Any) -> tuple[int, int]:
    before, after = checks.int_tuple(kind, argument, value, 2, allow_zero=True)
    return before, after


def _pairs(kind: str, argument: str, value: Any) -> Pairs:
    """((top, bottom), (left, right)) from that, from (rows, columns), or from one number."""
    try:
        rows, columns = (value, value) if isinstance(value, int) else value
    except (TypeError, ValueError):
        raise ValueError(
            f"{kind}: {argument} must be a non-negative integer, 2 of them, or 2 pairs of them. "
            f"Received: {argument}={value!r}."
        ) from None
    return _pair(kind, argument, rows), _pair(kind, argument, columns)


class ZeroPadding(Layer):
    """Puts zeros around the axes between batch and channels; subclasses say how many axes."""

    _pairs: Pairs
    data_format: str

    def call(self, inputs: Tensor) -> Tensor:
        first = _first_axis(self.data_format)
        widths = [(0, 0)] * len(inputs.shape)
        widths[first : first + len(self._pairs)] = self._pairs
        return ops.pad(inputs, widths)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        for axis, (before, after) in enumerate(self._pairs, _first_axis(self.data_format)):
            size = shape[axis]
            shape[axis] = None if size is None else before + size + after
        return tuple(shape)


@builtin("keras.layers")
class ZeroPadding1D(ZeroPadding):
    """Puts zeros before and after each sequence (N, L, C).

    Args:
        padding: how many at either end, or (before, after).
        data_format: `channels_last` or `channels_first`; the default one when None.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a negative number.

    Example:
        >>> ZeroPadding1D((2, 1))(np.ones((2, 5, 3), "float32")).shape
        (2, 8, 3)
    """

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.padding = _pair("ZeroPadding1D", "padding", padding)
        self._pairs = (self.padding,)
        self.input_spec = InputSpec(ndim=3)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        own = {"padding": self.padding, "data_format": self.data_format}
        return {**super().get_config(), **own}


@builtin("keras.layers")
class ZeroPadding2D(ZeroPadding):
    """Puts zeros around images (N, H, W, C).

    Args:
        padding: how many at each side; or (rows, columns); or ((top, bottom), (left, right)).
        data_format: `channels_last` or `channels_first`; the default one when None.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a negative number, or not two entries.

    Example:
        >>> ZeroPadding2D(((0, 1), (2, 3)))(np.ones((2, 5, 5, 3), "float32")).shape
        (2, 6, 10, 3)
    """

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.padding = self._pairs = _pairs("ZeroPadding2D", "padding", padding)
        self.input_spec = InputSpec(ndim=4)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        own = {"padding": self.padding, "data_format": self.data_format}
        return {**super().get_config(), **own}


class Cropping(Layer):
    """Cuts the ends of the axes between batch and channels; subclasses say how many axes."""

    _pairs: Pairs
    data_format: str

    def call(self, inputs: Tensor) -> Tensor:
        shape = self.compute_output_shape(tuple(inputs.shape))
        cut = [slice(None)] * len(shape)
        for axis, (before, _) in enumerate(self._pairs, _first_axis(self.data_format)):
            cut[axis] = slice(before, before + (shape[axis] or 0))
        return inputs[tuple(cut)]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        for axis, (before, after) in enumerate(self._pairs, _first_axis(self.data_format)):
            size = shape[axis]
            if size is not None and before + after >= size:
                raise ValueError(
                    f"{type(self).__name__}: cropping must leave something of each axis. Received: "
                    f"cropping={self._pairs}, input_shape={tuple(input_shape)}."
                )
            shape[axis] = None if size is None else size - before - after
        return tuple(shape)


@builtin("keras.layers")
class Cropping1D(Cropping):
    """Cuts the ends of each sequence (N, L, C).

    Args:
        cropping: how many steps at either end, or (before, after).
        **kwargs: see `Layer`.

    Raises:
        ValueError: a negative number, or nothing is left (when called).
    """

    data_format = "channels_last"

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = _pair("Cropping1D", "cropping", cropping)
        self._pairs = (self.cropping,)
        self.input_spec = InputSpec(ndim=3)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cropping": self.cropping}


@builtin("keras.layers")
class Cropping2D(Cropping):
    """Cuts the edges of images (N, H, W, C).

    Args:
        cropping: how many at each side; or (rows, columns); or ((top, bottom), (left, right)).
        data_format: `channels_last` or `channels_first`; the default one when None.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a negative number, not two entries, or nothing is left (when called).
    """

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.cropping = self._pairs = _pairs("Cropping2D", "cropping", cropping)
        self.input_spec = InputSpec(ndim=4)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        own = {"cropping": self.cropping, "data_format": self.data_format}
        return {**super().get_config(), **own}


@builtin("keras.layers")
class UpSampling1D(Layer):
    """Each step of a sequence (N, L, C) `size` times.

    Args:
        size: how often.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `size` is not a positive integer.
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = checks.positive_int("UpSampling1D", "size", size)
        self.input_spec = InputSpec(ndim=3)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return ops.repeat(inputs, self.size, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, steps, channels = input_shape
        return (batch, None if steps is None else steps * self.size, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


@builtin("keras.layers")
class UpSampling2D(Layer):
    """Each row and each column of images (N, H, W, C) so many times.

    Args:
        size: (rows, columns), or one number for both.
        data_format: `channels_last` or `channels_first`; the default one when None.
        interpolation: `nearest`.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive, or another interpolation.
    """

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.size = checks.int_tuple("UpSampling2D", "size", size, 2)
        self.interpolation = checks.one_of(
            "UpSampling2D", "interpolation", str(interpolation).lower(), ("nearest",)
        )
        self.input_spec = InputSpec(ndim=4)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        for axis, size in enumerate(self.size, _first_axis(self.data_format)):
            inputs = ops.repeat(inputs, size, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        for axis, size in enumerate(self.size, _first_axis(self.data_format)):
            old = shape[axis]
            shape[axis] = None if old is None else old * size
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "size": self.size,
            "data_format": self.data_format,
            "interpolation": self.interpolation,
        }
