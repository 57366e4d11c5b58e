"""Dot: the dot product of two inputs, sample by sample (keras.layers.Dot)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deepcore import ops
from deepcore.layers.merging import Merge
from deepcore.serialization import builtin
from deepcore.symbolic import Shape, is_shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Dot(Merge):
    """Sums the products of two inputs over an axis of each, for each sample.

    The output has the axes that are left, those of the first input before those of the second.

    Args:
        axes: the axis of both inputs, or a pair; not the batch axis.
        normalize: scale both inputs to length 1 along their axes: the cosine of the angle.
        **kwargs: see `Layer`.

    Raises:
        TypeError: `axes` is neither.
        ValueError: not two inputs, or other sizes of the axes.

    Example:
        >>> Dot(axes=(1, 2))([np.ones((2, 3, 5)), np.ones((2, 10, 3))]).shape
        (2, 5, 10)
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int | list | tuple):
            raise TypeError(
                "Invalid type for argument `axes`: it should be a list or an int. "
                f"Received: axes={axes}"
            )
        if not isinstance(axes, int):
            if len(axes) != 2:
                raise ValueError(
                    "Invalid format for argument `axes`: it should contain two elements. "
                    f"Received: axes={axes}"
                )
            if not all(isinstance(axis, int) for axis in axes):
                raise ValueError(
                    "Invalid format for argument `axes`: list elements should be integers. "
                    f"Received: axes={axes}"
                )
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape: Any = ()) -> None:
        """Checks that the shapes fit; there are no weights."""
        a, b = self._axes(input_shape)
        first, second = input_shape
        if 0 in (a, b):
            raise ValueError(
                "Dot: cannot sum over axis 0, the batch. "
                f"Received: axes={self.axes} for shapes {first} and {second}."
            )
        if None not in (first[a], second[b]) and first[a] != second[b]:
            raise ValueError(
                f"Incompatible input shapes: axis values {first[a]} (at axis {a}) != {second[b]} "
                f"(at axis {b}). Full input shapes: {first}, {second}"
            )

    def call(self, inputs: Any) -> Tensor:
        a, b = self._axes([tuple(x.shape) for x in inputs])
        x, y = inputs
        if self.normalize:
            x, y = ops.normalize(x, a), ops.normalize(y, b)
        output: Any = self.compute_output_shape([tuple(x.shape), tuple(y.shape)])
        # (N, ..., K) and (N, K, ...), the middle axes as one, make a product of matrices.
        x = ops.moveaxis(x, a, -1)
        y = ops.moveaxis(y, b, 1)
        x = ops.reshape(x, (x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1]))
        y = ops.reshape(y, (y.shape[0], y.shape[1], math.prod(y.shape[2:])))
        return ops.reshape(ops.matmul(x, y), output)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        a, b = self._axes(input_shape)
        first, second = (list(shape) for shape in input_shape)
        del first[a], second[b]
        output = (*first, *second[1:])
        return output if len(output) > 1 else (*output, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: products of steps are no steps."""

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}

    def _axes(self, input_shape: Any) -> tuple[int, int]:
        """The axes of both inputs, counted from the front."""
        if is_shape(input_shape) or len(input_shape) != 2:
            raise ValueError(
                "A `Dot` layer should be called on a list of 2 inputs. "
                f"Received: input_shape={input_shape}"
            )
        first, second = (len(shape) for shape in input_shape)
        a, b = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        for axis, ndim in ((a, first), (b, second)):
            if ndim < 2 or not -ndim <= axis < ndim:
                raise ValueError(
                    f"Dot: there is no axis {axis} to sum over. Received: axes={self.axes} for "
                    f"shapes {input_shape[0]} and {input_shape[1]}."
                )
        return a % first, b % second


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """The dot product of two inputs (keras.layers.dot); see `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)
