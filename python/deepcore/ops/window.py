"""Convolution and pooling (keras.ops)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import _core, checks, config
from deepcore.ops.shaping import moveaxis
from deepcore.ops.volume import conv3d

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["average_pool", "conv", "depthwise_conv", "max_pool", "separable_conv"]


def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Cross-correlation over one to three spatial axes (keras.ops.conv).

    Args:
        inputs: (N, W, C), (N, H, W, C) or (N, D, H, W, C); channels second with "channels_first".
        kernel: (KW, C / groups, O), (KH, KW, C / groups, O) or (KD, KH, KW, C / groups, O).
        strides: one for each spatial axis, or one for all.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first"; the configured one when None.
        dilation_rate: like `strides`.

    Returns:
        (N, OW, O), (N, OH, OW, O) or (N, OD, OH, OW, O), laid out as the inputs.

    Raises:
        ValueError: shapes that do not fit.
    """
    x, kernel = _core.as_tensor(inputs), _core.as_tensor(kernel)
    first = config.standardize_data_format(data_format) == "channels_first"
    spatial = _spatial_axes("conv", x, most=3)
    if len(kernel.shape) != spatial + 2:
        raise ValueError(
            f"conv: the kernel must have {spatial + 2} axes for inputs of {spatial + 2}. "
            f"Received: kernel.shape={tuple(kernel.shape)}."
        )
    step = checks.int_tuple("conv", "strides", strides, spatial)
    apart = checks.int_tuple("conv", "dilation_rate", dilation_rate, spatial)
    x = _to_last(x, first)
    channels, per_group = x.shape[-1], kernel.shape[-2]
    if per_group == 0 or channels % per_group:
        raise ValueError(
            f"conv: the input has {channels} channels, the kernel expects {per_group} "
            "(or a divisor of the input's). Received: "
            f"inputs.shape={tuple(x.shape)}, kernel.shape={tuple(kernel.shape)}."
        )
    if spatial == 3:
        depth, height, width = step
        deep, high, wide = apart
        y = conv3d(
            x,
            kernel,
            (depth, height, width),
            _padding("conv", padding),
            (deep, high, wide),
            channels // per_group,
        )
        return _to_first(y, first)
    if spatial == 1:
        x, kernel = _core.expand_dims(x, 1), _core.expand_dims(kernel, 0)
        step, apart = (1, *step), (1, *apart)
    y = _core.conv2d(
        x, kernel, _pair(step), _pair(apart), _padding("conv", padding), channels // per_group
    )
    return _to_first(_core.squeeze(y, 1) if spatial == 1 else y, first)


def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """Each channel convolved by its own filters (keras.ops.depthwise_conv).

    Args:
        kernel: (KW, C, M) or (KH, KW, C, M); M filters for each channel.
        inputs: see `conv`, like the rest.
        strides: see `conv`.
        padding: see `conv`.
        data_format: see `conv`.
        dilation_rate: see `conv`.
    """
    kernel = _core.as_tensor(kernel)
    *window, channels, multiplier = kernel.shape
    kernel = _core.reshape(kernel, (*window, 1, channels * multiplier))
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Tensor:
    """A depthwise convolution, then one of width 1 (keras.ops.separable_conv)."""
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, 1, padding, data_format)


def max_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest element of each window (keras.ops.max_pool); see `conv` for the layouts."""
    return _pool("max_pool", _core.max_pool2d, inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: TensorLike,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window's elements that lie inside the input (keras.ops.average_pool)."""
    pool = _core.average_pool2d
    return _pool("average_pool", pool, inputs, pool_size, strides, padding, data_format)


def _pool(
    what: str, pool: Any, inputs: Any, size: Any, strides: Any, padding: str, data_format: Any
) -> Tensor:
    x = _core.as_tensor(inputs)
    first = config.standardize_data_format(data_format) == "channels_first"
    spatial = _spatial_axes(what, x)
    window = checks.int_tuple(what, "pool_size", size, spatial)
    step = window if strides is None else checks.int_tuple(what, "strides", strides, spatial)
    x = _to_last(x, first)
    if spatial == 1:
        x, window, step = _core.expand_dims(x, 1), (1, *window), (1, *step)
    y = pool(x, window, step, _padding(what, padding))
    return _to_first(_core.squeeze(y, 1) if spatial == 1 else y, first)


def _spatial_axes(what: str, x: Tensor, most: int = 2) -> int:
    axes = len(x.shape) - 2
    if not 1 <= axes <= most:
        raise ValueError(
            f"{what}: expected inputs of {'3 or 4' if most == 2 else '3 to 5'} axes "
            "(N, spatial..., C). "
            f"Received: inputs.shape={tuple(x.shape)}."
        )
    return axes


def _pair(numbers: Sequence[int]) -> tuple[int, int]:
    height, width = numbers
    return height, width


def _padding(what: str, padding: str) -> str:
    name = str(padding).lower()
    checks.one_of(what, "padding", name, ("valid", "same"))
    return name


def _to_last(x: Tensor, first: bool) -> Tensor:
    return moveaxis(x, 1, -1) if first else x


def _to_first(x: Tensor, first: bool) -> Tensor:
    return moveaxis(x, -1, 1) if first else x
