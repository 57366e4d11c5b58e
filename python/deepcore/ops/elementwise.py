"""Elementwise functions under Keras's names (keras.ops). Inputs broadcast and promote together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deepcore import _core, config
from deepcore._core import (
    abs,
    add,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    ceil,
    clip,
    cos,
    cosh,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    mod,
    multiply,
    negative,
    not_equal,
    power,
    reciprocal,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    true_divide,
    trunc,
)

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

absolute = abs
divide = true_divide

__all__ = [
    "abs",
    "absolute",
    "add",
    "allclose",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "array_equal",
    "cbrt",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "deg2rad",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "ldexp",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "nan_to_num",
    "negative",
    "not_equal",
    "power",
    "rad2deg",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]

# The largest finite number of each float dtype.
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
    "float64": 1.7976931348623157e308,
}


def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> Any:
    """x1 where the condition holds, else x2 (keras.ops.where); without both, `nonzero`.

    Raises:
        ValueError: only one of x1 and x2 is given.
    """
    if (x1 is None) != (x2 is None):
        raise ValueError("where: give both x1 and x2, or neither.")
    if x1 is None or x2 is None:
        from deepcore.ops.indexing import nonzero

        return nonzero(condition)
    return _core.where(condition, x1, x2)


def round(x: TensorLike, decimals: int = 0) -> Tensor:
    """To the nearest integer, halves to even, or to `decimals` digits (keras.ops.round)."""
    if decimals == 0:
        return _core.round(x)
    scale = 10.0**decimals
    x = _core.as_tensor(x)
    return _core.cast(_core.true_divide(_core.round(_core.multiply(x, scale)), scale), x.dtype)


def fabs(x: TensorLike) -> Tensor:
    """The absolute value as a float."""
    return _core.abs(_as_float(x))


def fmax(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The larger one, a number rather than NaN where there is one."""
    one, two = _core.as_tensor(x1), _core.as_tensor(x2)
    larger = _core.maximum(one, two)
    return _core.where(_core.isnan(one), two, _core.where(_core.isnan(two), one, larger))


def fmin(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The smaller one, a number rather than NaN where there is one."""
    one, two = _core.as_tensor(x1), _core.as_tensor(x2)
    smaller = _core.minimum(one, two)
    return _core.where(_core.isnan(one), two, _core.where(_core.isnan(two), one, smaller))


def fmod(x1: TensorLike, x2: TensorLike) -> Tensor:
    """The remainder with the sign of x1."""
    return _core.subtract(x1, _core.multiply(_core.trunc(_core.true_divide(x1, x2)), x2))


def exp2(x: TensorLike) -> Tensor:
    """2**x."""
    return _core.power(2.0, _as_float(x))


def cbrt(x: TensorLike) -> Tensor:
    """The real cube root."""
    x = _as_float(x)
    return _core.multiply(_core.sign(x), _core.power(_core.abs(x), 1 / 3))


def erfc(x: TensorLike) -> Tensor:
    """1 - erf(x)."""
    return _core.subtract(1.0, _core.erf(x))


def hypot(x1: TensorLike, x2: TensorLike) -> Tensor:
    """sqrt(x1**2 + x2**2), without overflow in between."""
    one, two = _core.abs(_as_float(x1)), _core.abs(_as_float(x2))
    large, small = _core.maximum(one, two), _core.minimum(one, two)
    ratio = divide_no_nan(small, large)
    return _core.multiply(large, _core.sqrt(_core.add(1.0, _core.square(ratio))))


def ldexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 * 2**x2."""
    return _core.multiply(x1, exp2(x2))


def logaddexp(x1: TensorLike, x2: TensorLike) -> Tensor:
    """log(exp(x1) + exp(x2)), without overflow."""
    one, two = _as_float(x1), _as_float(x2)
    larger = _core.maximum(one, two)
    gap = _core.abs(_core.subtract(one, two))
    return _core.where(
        _core.isnan(gap),  # both infinite
        _core.add(one, two),
        _core.add(larger, _core.log1p(_core.exp(_core.negative(gap)))),
    )


def logaddexp2(x1: TensorLike, x2: TensorLike) -> Tensor:
    """log2(2**x1 + 2**x2), without overflow."""
    ln2 = math.log(2)
    both = logaddexp(_core.multiply(_as_float(x1), ln2), _core.multiply(_as_float(x2), ln2))
    return _core.true_divide(both, ln2)


def sinc(x: TensorLike) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0."""
    x = _core.multiply(_as_float(x), math.pi)
    zero = _core.equal(x, 0)
    safe = _core.where(zero, 1.0, x)
    return _core.where(zero, 1.0, _core.true_divide(_core.sin(safe), safe))


def heaviside(x1: TensorLike, x2: TensorLike) -> Tensor:
    """0 below zero, x2 at zero, 1 above."""
    x1 = _as_float(x1)
    return _core.where(_core.equal(x1, 0), x2, _core.cast(_core.greater(x1, 0), x1.dtype))


def deg2rad(x: TensorLike) -> Tensor:
    """Degrees to radians."""
    return _core.multiply(_as_float(x), math.pi / 180)


def rad2deg(x: TensorLike) -> Tensor:
    """Radians to degrees."""
    return _core.multiply(_as_float(x), 180 / math.pi)


def signbit(x: TensorLike) -> Tensor:
    """Whether the sign is minus; true for -0.0 as well."""
    x = _core.as_tensor(x)
    if not config.is_float_dtype(x.dtype):
        return _core.less(x, 0)
    negative_zero = _core.less(_core.true_divide(1.0, _core.where(_core.equal(x, 0), x, 1.0)), 0)
    return _core.logical_or(_core.less(x, 0), negative_zero)


def isposinf(x: TensorLike) -> Tensor:
    """Whether x is plus infinity."""
    return _core.logical_and(_core.isinf(x), _core.greater(x, 0))


def isneginf(x: TensorLike) -> Tensor:
    """Whether x is minus infinity."""
    return _core.logical_and(_core.isinf(x), _core.less(x, 0))


def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Tensor:
    """x1 / x2, 0 where x2 is 0; so is its derivative there (keras.ops.divide_no_nan)."""
    zero = _core.equal(x2, 0)
    quotient = _core.true_divide(x1, _core.where(zero, 1, x2))
    return _core.where(zero, 0, quotient)


def nan_to_num(
    x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replaces NaN and the infinities, these by the largest finite numbers unless given."""
    x = _core.as_tensor(x)
    if not config.is_float_dtype(x.dtype):
        return x
    largest = _LARGEST[x.dtype]
    x = _core.where(_core.isnan(x), nan, x)
    x = _core.where(isposinf(x), largest if posinf is None else posinf, x)
    return _core.where(isneginf(x), -largest if neginf is None else neginf, x)


def isclose(
    x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """|x1 - x2| <= atol + rtol |x2|, elementwise (keras.ops.isclose)."""
    one, two = _core.as_tensor(x1), _core.as_tensor(x2)
    limit = _core.add(_core.multiply(_core.abs(two), rtol), atol)
    near = _core.less_equal(_core.abs(_core.subtract(one, two)), limit)
    close = _core.logical_or(_core.equal(one, two), _core.logical_and(near, _core.isfinite(two)))
    if equal_nan:
        both = _core.logical_and(_core.isnan(one), _core.isnan(two))
        close = _core.logical_or(close, both)
    return close


def allclose(
    x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Tensor:
    """Whether all elements are close (keras.ops.allclose)."""
    return _core.all(isclose(x1, x2, rtol, atol, equal_nan))


def array_equal(x1: TensorLike, x2: TensorLike) -> Tensor:
    """Whether shapes and all elements agree."""
    one, two = _core.as_tensor(x1), _core.as_tensor(x2)
    if tuple(one.shape) != tuple(two.shape):
        return _core.full((), False, "bool")
    return _core.all(_core.equal(one, two))


def _as_float(x: TensorLike) -> Tensor:
    x = _core.as_tensor(x)
    return x if config.is_float_dtype(x.dtype) else _core.cast(x, config.floatx())
