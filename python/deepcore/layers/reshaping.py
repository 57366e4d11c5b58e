"""Flatten, Reshape, Permute and RepeatVector (keras.layers)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import checks, config, ops
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Flatten(Layer):
    """(N, ...) to (N, everything else); (N,) becomes (N, 1).

    Args:
        data_format: with `channels_first`, channels are moved last before flattening.
        **kwargs: see `Layer`.
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 1:
            inputs = ops.transpose(inputs, axes=(0, *range(2, rank), 1))
        # The size is worked out here: -1 would not do for an empty batch.
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], _product(input_shape[1:]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


@builtin("keras.layers")
class Reshape(Layer):
    """Gives each sample another shape.

    Args:
        target_shape: without the batch axis; one -1 is worked out.
        **kwargs: see `Layer`.

    Raises:
        ValueError: the sizes don't agree (when called), or more than one -1.
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(int(d) for d in target_shape)
        if sum(d == -1 for d in self.target_shape) > 1 or any(d < -1 for d in self.target_shape):
            raise ValueError(
                "Reshape: target_shape must be non-negative integers and at most one -1. "
                f"Received: {target_shape=}."
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        shape = self.compute_output_shape(tuple(inputs.shape))
        return ops.reshape(inputs, [d for d in shape if d is not None])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        total = _product(input_shape[1:])
        known = math.prod(d for d in self.target_shape if d != -1)
        if total is None:
            return (input_shape[0], *(None if d == -1 else d for d in self.target_shape))
        missing = total // known if -1 in self.target_shape and known else 0
        target = tuple(missing if d == -1 else d for d in self.target_shape)
        if math.prod(target) != total:
            raise ValueError(
                f"Reshape: {total} values a sample (input shape {tuple(input_shape)}) cannot take "
                f"the shape {self.target_shape}."
            )
        return (input_shape[0], *target)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_shape": self.target_shape}


@builtin("keras.layers")
class Permute(Layer):
    """Puts the axes of each sample in another order.

    Args:
        dims: the axes, counted from 1, as the batch stays first.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `dims` is no order of 1, 2, ...

    Example:
        >>> Permute((2, 1))(np.ones((5, 3, 4), "float32")).shape
        (5, 4, 3)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                f"Permute: dims must hold each of 1 to {len(self.dims)} once. Received: {dims=}."
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        return ops.transpose(inputs, axes=(0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *(input_shape[d] for d in self.dims))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dims": self.dims}


@builtin("keras.layers")
class RepeatVector(Layer):
    """Each vector `n` times: (N, C) to (N, n, C).

    Args:
        n: how often.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `n` is not a positive integer.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = checks.positive_int("RepeatVector", "n", n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        rows, width = inputs.shape
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (rows, self.n, width))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.n, input_shape[1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "n": self.n}


def _product(dims: Shape) -> int | None:
    return None if None in dims else math.prod(d for d in dims if d is not None)
