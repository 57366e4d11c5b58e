"""EinsumDense: a product over named axes, a bias, an activation (keras.layers.EinsumDense)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from deepcore import activations, constraints, initializers, ops, regularizers
from deepcore.initializers import VarianceScaling
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcore import Tensor
    from deepcore.variable import Variable


@builtin("keras.layers")
class EinsumDense(Layer):
    """`activation(einsum(equation, x, kernel) + bias)`.

    Args:
        equation: of the input, the kernel and the output: `"abc,cd->abd"`; `...` may begin or end
            input and output.
        output_shape: the output's sizes without the batch axis and those of `...`; None where they
            are the input's.
        activation: a name or a function; none when None.
        bias_axes: the letters of the output's axes that have a bias; no bias when None.
        kernel_initializer: the kernel's first value.
        bias_initializer: the bias's first value.
        kernel_regularizer: a penalty on the kernel.
        bias_regularizer: a penalty on the bias.
        kernel_constraint: a projection of the kernel after each update.
        bias_constraint: a projection of the bias after each update.
        **kwargs: see `Layer`.

    Raises:
        ValueError: an equation that does not fit the shapes.

    Example:
        >>> layer = EinsumDense("abc,cde->abde", output_shape=(None, 4, 2), bias_axes="de")
        >>> layer(np.ones((2, 3, 8), "float32")).shape
        (2, 3, 4, 2)
    """

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("quantization_config", None)  # in Keras's files
        super().__init__(**kwargs)
        self.equation = equation
        sizes = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.partial_output_shape = tuple(sizes)
        self.bias_axes = bias_axes
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        """Makes kernel and bias, of the sizes that the equation gives them."""
        found = _Shapes(self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        for what, sizes in (("kernel", found.kernel), ("bias", found.bias or ())):
            if None in sizes:
                raise ValueError(
                    f"EinsumDense: the sizes of the {what} must be known. Received: "
                    f"equation={self.equation!r}, input_shape={tuple(input_shape)}, "
                    f"output_shape={self.partial_output_shape}."
                )
        initializer = self.kernel_initializer
        if isinstance(initializer, VarianceScaling) and initializer.input_axes is None:
            config = {**initializer.get_config(), "seed": initializer.seed}
            axes = {"input_axes": found.input_axes, "output_axes": found.output_axes}
            initializer = type(initializer).from_config({**config, **axes})
        self.kernel = self.add_weight(
            name="kernel",
            shape=found.kernel,
            initializer=initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if found.bias is not None:
            self.bias = self.add_weight(
                name="bias",
                shape=found.bias,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=len(input_shape))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        inner = _inner_axes(self.equation, self.bias_axes)
        if inner:
            return self._as_dense(inputs, inner)
        x = ops.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            x = ops.add(x, self.bias)
        y: Tensor = self.activation(x)
        return y

    def _as_dense(self, inputs: Tensor, inner: int) -> Tensor:
        """One matrix product over the last `inner` axes, which takes the bias in."""
        rows, columns = inputs.shape[:-inner], self.kernel.shape[inner:]
        k, n = math.prod(self.kernel.shape[:inner]), math.prod(columns)
        x = ops.reshape(inputs, (*rows, k)) if inner > 1 else inputs
        x = ops.matmul(x, ops.reshape(self.kernel, (k, n)))
        if self.bias is not None:
            x = ops.add(x, ops.reshape(self.bias, (n,)))
        y: Tensor = self.activation(ops.reshape(x, (*rows, *columns)))
        return y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return _Shapes(self.equation, self.bias_axes, input_shape, self.partial_output_shape).output

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "quantization_config": None,
        }


_EQUATIONS = (
    re.compile(r"()([a-zA-Z]+)(),([a-zA-Z]+)->([a-zA-Z]+)"),
    re.compile(r"(\.\.\.)([a-zA-Z]+)(),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)"),
    re.compile(r"()([a-zA-Z]{2,})(\.\.\.),([a-zA-Z]+)->([a-zA-Z]+)\.\.\."),
)


def _split(equation: str) -> tuple[bool, str, bool, str, str]:
    """Whether `...` begins, the input's letters, whether `...` ends, kernel's, output's."""
    for pattern in _EQUATIONS:
        found = pattern.fullmatch(equation)
        if found:
            left, x, right, kernel, output = found.groups()
            return bool(left), x, bool(right), kernel, output
    raise ValueError(
        "EinsumDense: the equation must be like 'ab,bc->ac', '...ab,bc->...ac' or "
        f"'ab...,bc->ac...'. Received: {equation=}."
    )


def _inner_axes(equation: str, bias_axes: str | None) -> int:
    """How many axes are summed over, where one matrix product does it all; else 0."""
    _, x, right, kernel, output = _split(equation)
    rows = len(x) + len(output) - len(kernel)
    inner = (len(x) + len(kernel) - len(output)) // 2
    free = x[: len(x) - inner]
    plain = inner > 0 and not right and x[len(x) - inner :] == kernel[:inner]
    plain = plain and output == free + kernel[inner:] and rows == 2 * len(free)
    full = bias_axes is None or bias_axes == kernel[inner:]
    return inner if plain and full else 0


class _Shapes:
    """The shapes that an equation gives for an input and the known part of the output."""

    def __init__(
        self, equation: str, bias_axes: str | None, input_shape: Shape, partial: Shape
    ) -> None:
        left, x, right, kernel, output = _split(equation)

        def fail(why: str) -> ValueError:
            return ValueError(
                f"EinsumDense: {why} Received: {equation=}, input_shape={tuple(input_shape)}, "
                f"output_shape={tuple(partial)}, {bias_axes=}."
            )

        hidden = len(input_shape) - len(x)
        if hidden < 0 or (hidden > 0 and not (left or right)):
            raise fail(f"the input must have {len(x)} axes.")
        result = [input_shape[0], *partial]
        if left:
            result[1:1] = input_shape[1:hidden]
        elif right:
            result += input_shape[len(x) :]
        if len(result) != len(output) + hidden:
            raise fail(
                f"output_shape must have {len(output) - (0 if left and hidden else 1)} sizes."
            )
        first = hidden if left else 0
        of_input = {label: input_shape[first + i] for i, label in enumerate(x)}
        at_output = {label: first + i for i, label in enumerate(output)}
        for label, size in of_input.items():
            if label in at_output and result[at_output[label]] not in (None, size):
                raise fail(
                    f"axis {label!r} has size {size} in the input and "
                    f"{result[at_output[label]]} in the output."
                )
        for label in output:
            if label not in of_input and label not in kernel:
                raise fail(f"the output's axis {label!r} is in neither input nor kernel.")
        sizes = []
        self.input_axes, self.output_axes = [], []
        for i, label in enumerate(kernel):
            if label in at_output:
                sizes.append(result[at_output[label]])
                self.output_axes.append(i)
            elif label in of_input:
                sizes.append(of_input[label])
                self.input_axes.append(i)
            else:
                raise fail(f"the kernel's axis {label!r} is in neither input nor output.")
        self.kernel = tuple(sizes)
        self.output = tuple(result)
        self.bias: tuple[int | None, ...] | None = None
        if bias_axes:
            for label in bias_axes:
                if label not in output:
                    raise fail(f"the bias's axis {label!r} is not in the output.")
            begin = min(output.index(label) for label in bias_axes)
            self.bias = tuple(
                result[at_output[label]] if label in bias_axes else 1 for label in output[begin:]
            ) + (1,) * (hidden if right else 0)
