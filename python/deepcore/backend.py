"""Settings, and functions of tensors under Keras 2's names (keras.backend).

Keras 3 keeps the settings here for old scripts; their `K.mean`, `K.get_value` and others work too.
New code has `deepcore.config` and `deepcore.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepcore import config, ops
from deepcore.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    is_float_dtype,
    is_int_dtype,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    standardize_dtype,
)
from deepcore.naming import name_scope
from deepcore.ops import (
    abs,
    all,
    any,
    arange,
    binary_crossentropy,
    categorical_crossentropy,
    clip,
    cos,
    dot,
    elu,
    equal,
    exp,
    eye,
    greater,
    greater_equal,
    hard_sigmoid,
    less,
    less_equal,
    log,
    max,
    maximum,
    mean,
    min,
    minimum,
    not_equal,
    one_hot,
    ones_like,
    prod,
    reshape,
    round,
    shape,
    sigmoid,
    sign,
    sin,
    softmax,
    softplus,
    softsign,
    sparse_categorical_crossentropy,
    sqrt,
    square,
    squeeze,
    stack,
    std,
    stop_gradient,
    sum,
    tanh,
    tile,
    transpose,
    var,
    zeros_like,
)
from deepcore.symbolic import KerasTensor
from deepcore.utils import clear_session
from deepcore.variable import Variable

__all__ = [
    "abs",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "backend",
    "binary_crossentropy",
    "cast",
    "cast_to_floatx",
    "categorical_crossentropy",
    "clear_session",
    "clip",
    "concatenate",
    "constant",
    "cos",
    "count_params",
    "dot",
    "elu",
    "epsilon",
    "equal",
    "eval",
    "exp",
    "expand_dims",
    "eye",
    "flatten",
    "floatx",
    "get_value",
    "greater",
    "greater_equal",
    "hard_sigmoid",
    "image_data_format",
    "int_shape",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "less",
    "less_equal",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "name_scope",
    "ndim",
    "not_equal",
    "one_hot",
    "ones",
    "ones_like",
    "permute_dimensions",
    "pow",
    "prod",
    "reshape",
    "round",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_value",
    "shape",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "standardize_dtype",
    "std",
    "stop_gradient",
    "sum",
    "tanh",
    "tile",
    "transpose",
    "var",
    "variable",
    "zeros",
    "zeros_like",
]


def is_keras_tensor(x: Any) -> bool:
    """Whether `x` is a symbolic tensor, as `Input` makes."""
    return isinstance(x, KerasTensor)


# ---- Keras 2: other names and defaults than those of `ops`


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Any:
    """A variable of `value`."""
    made = Variable(value, dtype=dtype or config.floatx(), name=name)
    made.constraint = constraint
    return made


def constant(value: Any, dtype: Any = None, shape: Sequence[int] | None = None) -> Any:
    """A tensor of `value`, repeated to `shape` when that is given."""
    tensor = ops.convert_to_tensor(value, dtype or config.floatx())
    return tensor if shape is None else ops.broadcast_to(tensor, shape)


def zeros(shape: Sequence[int], dtype: Any = None) -> Any:
    """A tensor of zeros."""
    return ops.zeros(shape, dtype or config.floatx())


def ones(shape: Sequence[int], dtype: Any = None) -> Any:
    """A tensor of ones."""
    return ops.ones(shape, dtype or config.floatx())


def get_value(x: Any) -> Any:
    """The value of a variable or tensor as a NumPy array; others as they are."""
    return x.numpy() if hasattr(x, "numpy") else x


eval = get_value


def set_value(x: Any, value: Any) -> None:
    """Assigns a variable."""
    x.assign(value)


def cast(x: Any, dtype: Any) -> Any:
    """x in another dtype."""
    return ops.cast(ops.convert_to_tensor(x), dtype)


def cast_to_floatx(x: Any) -> Any:
    """x in the default float dtype."""
    return cast(x, config.floatx())


def argmax(x: Any, axis: int = -1) -> Any:
    """The position of the largest along `axis`."""
    return ops.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """The position of the smallest along `axis`."""
    return ops.argmin(x, axis=axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """The tensors one after the other along `axis`."""
    return ops.concatenate(tensors, axis=axis)


def expand_dims(x: Any, axis: int = -1) -> Any:
    """x with a new axis of size 1."""
    return ops.expand_dims(x, axis)


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Any:
    """The axes in the order `pattern`."""
    return ops.transpose(x, pattern)


def flatten(x: Any) -> Any:
    """x with one axis."""
    return ops.reshape(x, (-1,))


def pow(x: Any, a: Any) -> Any:
    """x to the power a."""
    return ops.power(x, a)


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The shape, None where it is unknown."""
    return tuple(x.shape)


def ndim(x: Any) -> int:
    """The number of axes."""
    return len(x.shape)


def count_params(x: Any) -> int:
    """The number of elements."""
    count = 1
    for size in x.shape:
        count *= size
    return count
