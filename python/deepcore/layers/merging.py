"""Add, Multiply, Maximum and others: layers of several inputs (keras.layers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import ops
from deepcore.layers import merged_masks
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape, is_shape

if TYPE_CHECKING:
    from deepcore import Tensor


class Merge(Layer):
    """What merging layers share: a list of inputs, broadcast against each other, gives one output.

    The batch axis is the first of all of them; inputs with fewer axes get axes of size 1 after it.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} must write _merge(inputs).")

    def build(self, input_shape: Any = ()) -> None:
        """Checks that the shapes fit; there are no weights."""
        _check_shapes("A merge layer", input_shape)
        batch = {shape[0] for shape in input_shape if shape} - {None}
        if len(batch) > 1:
            raise ValueError(
                "Cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {input_shape}"
            )
        self.compute_output_shape(input_shape)

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        ndim = max(len(x.shape) for x in inputs)
        return self._merge([_with_axes(x, ndim) for x in inputs])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        rest: Shape = tuple(input_shape[0][1:])
        for shape in input_shape[1:]:
            rest = _broadcast(rest, tuple(shape[1:]))
        batch = {shape[0] for shape in input_shape} - {None}
        return (batch.pop() if len(batch) == 1 else None, *rest)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return merged_masks.either(merged_masks.one_each(inputs, mask))


@builtin("keras.layers")
class Add(Merge):
    """The sum of a list of inputs.

    Raises:
        ValueError: shapes that do not broadcast.

    Example:
        >>> Add()([np.ones((2, 3)), np.ones((2, 3))]).numpy().sum()
        12.0
    """

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        return _folded(ops.add, inputs)


@builtin("keras.layers")
class Subtract(Merge):
    """The first of two inputs less the second.

    Raises:
        ValueError: not two inputs, or shapes that do not broadcast.
    """

    def build(self, input_shape: Any = ()) -> None:
        """Checks that there are two inputs, and that they fit."""
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                f"Received: input_shape={input_shape}"
            )

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        if len(inputs) != 2:
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                f"Received: {len(inputs)} inputs."
            )
        return ops.subtract(inputs[0], inputs[1])


@builtin("keras.layers")
class Multiply(Merge):
    """The product of a list of inputs.

    Raises:
        ValueError: shapes that do not broadcast.
    """

    def _merge(self, inputs: list[Tensor]) -> Any:
        return merged_masks.product(inputs)


@builtin("keras.layers")
class Average(Merge):
    """The mean of a list of inputs.

    Raises:
        ValueError: shapes that do not broadcast.
    """

    def _merge(self, inputs: list[Tensor]) -> Tensor:
        return ops.divide(_folded(ops.add, inputs), len(inputs))


@builtin("keras.layers")
class Maximum(Merge):
    """The largest of a list of inputs, element by element.

    Raises:
        ValueError: shapes that do not broadcast.
    """

    def _merge(self, inputs: list[Tensor]) -> Any:
        return merged_masks.extreme(ops.maximum, inputs)


@builtin("keras.layers")
class Minimum(Merge):
    """The smallest of a list of inputs, element by element.

    Raises:
        ValueError: shapes that do not broadcast.
    """

    def _merge(self, inputs: list[Tensor]) -> Any:
        return merged_masks.extreme(ops.minimum, inputs)


@builtin("keras.layers")
class Concatenate(Merge):
    """A list of inputs one after the other along an axis.

    Args:
        axis: where the sizes may differ.
        **kwargs: see `Layer`.

    Raises:
        ValueError: the other sizes differ.

    Example:
        >>> Concatenate()([np.ones((2, 3)), np.ones((2, 1))]).shape
        (2, 4)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape: Any = ()) -> None:
        """Checks that the shapes fit; there are no weights."""
        _check_shapes("A `Concatenate` layer", input_shape)
        problem = ValueError(
            "A `Concatenate` layer requires inputs with matching shapes except for the "
            f"concatenation axis. Received: input_shape={input_shape}"
        )
        ndim = len(input_shape[0])
        if any(len(shape) != ndim for shape in input_shape) or not -ndim <= self.axis < ndim:
            raise problem
        for axis in range(ndim):
            sizes = {shape[axis] for shape in input_shape} - {None}
            if axis != self.axis % ndim and len(sizes) > 1:
                raise problem

    def call(self, inputs: Any) -> Tensor:
        if not isinstance(inputs, list | tuple):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        _check_shapes("A `Concatenate` layer", input_shape)
        output = list(input_shape[0])
        sizes = [shape[self.axis] for shape in input_shape]
        output[self.axis] = None if None in sizes else sum(sizes)
        for axis in range(len(output)):
            if axis != self.axis % len(output):
                output[axis] = next((s[axis] for s in input_shape if s[axis] is not None), None)
        return tuple(output)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return merged_masks.joined(inputs, merged_masks.one_each(inputs, mask), self.axis)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of a list of inputs (keras.layers.add); see `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first input less the second (keras.layers.subtract); see `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of a list of inputs (keras.layers.multiply); see `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of a list of inputs (keras.layers.average); see `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The largest of a list of inputs (keras.layers.maximum); see `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of a list of inputs (keras.layers.minimum); see `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """A list of inputs one after the other (keras.layers.concatenate); see `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def _folded(function: Any, inputs: list[Tensor]) -> Tensor:
    total = inputs[0]
    for x in inputs[1:]:
        total = function(total, x)
    return total


def _with_axes(x: Tensor, ndim: int) -> Tensor:
    for _ in range(ndim - len(x.shape)):
        x = ops.expand_dims(x, 1)
    return x


def _check_shapes(what: str, input_shape: Any) -> None:
    if is_shape(input_shape) or not isinstance(input_shape, list | tuple):
        count = "" if input_shape else "at least 1 input: "
        raise ValueError(
            f"{what} should be called on a list of {count or 'inputs. '}"
            f"Received: input_shape={input_shape} (not a list of shapes)"
        )


def _broadcast(a: Shape, b: Shape) -> Shape:
    if len(a) < len(b):
        a, b = b, a
    tail = a[len(a) - len(b) :]
    merged: list[int | None] = []
    for m, n in zip(tail, b, strict=True):
        if m is not None and n is not None and 1 not in (m, n) and m != n:
            raise ValueError(f"Inputs have incompatible shapes. Received shapes {a} and {b}")
        merged.append(n if m == 1 else m if n == 1 else None if None in (m, n) else m)
    return (*a[: len(a) - len(b)], *merged)
