"""Activations (keras.ops): elementwise, and those that normalise an axis."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any

from deepcore import _core, config
from deepcore._core import log_softmax, relu, sigmoid, softplus
from deepcore.ops.shaping import moveaxis

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]

# The fixed point of mean 0 and variance 1 (Klambauer et al. 2017).
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def relu6(x: TensorLike) -> Tensor:
    """min(max(x, 0), 6)."""
    return _core.relu6(_as_float(x))


def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Tensor:
    """x above zero, negative_slope * x below."""
    x = _as_float(x)
    return _core.where(_core.greater(x, 0), x, _core.multiply(x, negative_slope))


def elu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above zero, alpha (e**x - 1) below."""
    x = _as_float(x)
    return _core.where(_core.greater(x, 0), x, _core.multiply(_expm1_below(x), alpha))


def celu(x: TensorLike, alpha: float = 1.0) -> Tensor:
    """x above zero, alpha (e**(x / alpha) - 1) below."""
    x = _as_float(x)
    below = _core.multiply(_expm1_below(_core.true_divide(x, alpha)), alpha)
    return _core.where(_core.greater(x, 0), x, below)


def selu(x: TensorLike) -> Tensor:
    """The self-normalising elu."""
    return _core.multiply(elu(x, _SELU_ALPHA), _SELU_SCALE)


def gelu(x: TensorLike, approximate: bool = True) -> Tensor:
    """x times the normal distribution function of x, by tanh when `approximate`."""
    x = _as_float(x)
    if approximate:
        cubic = _core.add(x, _core.multiply(_core.multiply(x, _core.square(x)), 0.044715))
        share = _core.tanh(_core.multiply(cubic, math.sqrt(2 / math.pi)))
    else:
        share = _core.erf(_core.multiply(x, math.sqrt(0.5)))
    return _core.multiply(_core.multiply(x, 0.5), _core.add(share, 1.0))


def silu(x: TensorLike) -> Tensor:
    """x sigmoid(x)."""
    x = _as_float(x)
    return _core.multiply(x, _core.sigmoid(x))


def mish(x: TensorLike) -> Tensor:
    """x tanh(softplus(x))."""
    x = _as_float(x)
    return _core.multiply(x, _core.tanh(_core.softplus(x)))


def softsign(x: TensorLike) -> Tensor:
    """x / (1 + |x|)."""
    x = _as_float(x)
    return _core.true_divide(x, _core.add(_core.abs(x), 1.0))


def log_sigmoid(x: TensorLike) -> Tensor:
    """log(sigmoid(x)), without underflow."""
    return _core.negative(_core.softplus(_core.negative(_as_float(x))))


def hard_sigmoid(x: TensorLike) -> Tensor:
    """relu6(x + 3) / 6."""
    return _core.true_divide(relu6(_core.add(_as_float(x), 3.0)), 6.0)


def hard_silu(x: TensorLike) -> Tensor:
    """x hard_sigmoid(x)."""
    x = _as_float(x)
    return _core.multiply(x, hard_sigmoid(x))


def hard_tanh(x: TensorLike) -> Tensor:
    """x between -1 and 1."""
    return _core.clip(_as_float(x), -1.0, 1.0)


def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x outside [-threshold, threshold], else 0."""
    x = _as_float(x)
    return _core.where(_core.greater(_core.abs(x), threshold), x, 0.0)


def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Tensor:
    """x nearer to zero by `threshold`, 0 within it."""
    x = _as_float(x)
    return _core.subtract(x, _core.clip(x, -threshold, threshold))


def tanh_shrink(x: TensorLike) -> Tensor:
    """x - tanh(x)."""
    x = _as_float(x)
    return _core.subtract(x, _core.tanh(x))


def threshold(x: TensorLike, threshold: float, default_value: float) -> Tensor:
    """x above the threshold, else the default (keras.ops.threshold)."""
    x = _core.as_tensor(x)
    return _core.where(_core.greater(x, threshold), x, _core.cast(default_value, x.dtype))


def squareplus(x: TensorLike, b: float = 4) -> Tensor:
    """(x + sqrt(x**2 + b)) / 2."""
    x = _as_float(x)
    return _core.multiply(_core.add(x, _core.sqrt(_core.add(_core.square(x), float(b)))), 0.5)


def sparse_plus(x: TensorLike) -> Tensor:
    """0 below -1, x above 1, (x + 1)**2 / 4 between."""
    x = _as_float(x)
    bend = _core.multiply(_core.square(_core.add(x, 1.0)), 0.25)
    return _core.where(_core.less_equal(x, -1), 0.0, _core.where(_core.less(x, 1), bend, x))


def sparse_sigmoid(x: TensorLike) -> Tensor:
    """(x + 1) / 2 between -1 and 1, 0 below, 1 above."""
    return _core.multiply(_core.add(hard_tanh(x), 1.0), 0.5)


def glu(x: TensorLike, axis: int = -1) -> Tensor:
    """The first half of an axis times the sigmoid of the second.

    Raises:
        ValueError: the axis is odd.
    """
    x = _as_float(x)
    if x.shape[axis] % 2:
        raise ValueError(
            f"glu: the axis must be even. Received: shape={tuple(x.shape)}, axis={axis}."
        )
    value, gate = _core.split(x, 2, axis)
    return _core.multiply(value, _core.sigmoid(gate))


def softmax(x: TensorLike, axis: Any = -1) -> Tensor:
    """e**x over the sum along an axis, or several (keras.ops.softmax)."""
    x = _as_float(x)
    if axis is None or isinstance(axis, list | tuple):
        axes = list(range(len(x.shape))) if axis is None else [a % len(x.shape) for a in axis]
        rest = [a for a in range(len(x.shape)) if a not in axes]
        moved = _core.transpose(x, rest + axes)
        flat = _core.reshape(moved, [*(x.shape[a] for a in rest), -1])
        result = _core.reshape(_core.softmax(flat, -1), moved.shape)
        back = sorted(range(len(x.shape)), key=(rest + axes).__getitem__)
        return _core.transpose(result, back)
    result = _core.softmax(x, axis)
    _remember(result, axis % len(x.shape))
    return result


def sparsemax(x: TensorLike, axis: int = -1) -> Tensor:
    """The nearest point of the simplex (Martins & Astudillo 2016); many entries are 0."""
    x = _as_float(x)
    if axis not in (-1, len(x.shape) - 1):
        return moveaxis(sparsemax(moveaxis(x, axis, -1)), -1, axis)
    moved = _core.expand_dims(x, -1)
    other = _core.expand_dims(x, -2)
    above = _core.cast(_core.greater_equal(other, moved), x.dtype)  # [..., i, j]: x_j >= x_i
    count = _core.sum(above, -1)
    total = _core.sum(_core.multiply(above, other), -1)
    inside = _core.cast(_core.greater(_core.add(_core.multiply(count, x), 1.0), total), x.dtype)
    size = _core.sum(inside, -1, True)
    level = _core.true_divide(
        _core.subtract(_core.sum(_core.multiply(inside, x), -1, True), 1.0), size
    )
    return _core.relu(_core.subtract(x, level))


def is_softmax(x: Tensor, axis: int) -> bool:
    """Whether x came from `softmax` along that axis: then it sums to 1 without asking."""
    if id(x) not in _softmaxed:
        return False
    reference, along = _softmaxed[id(x)]
    return reference() is x and along == axis % len(x.shape)


swish = silu
hard_swish = hard_silu

_softmaxed: dict[int, tuple[weakref.ref[Tensor], int]] = {}


def _remember(tensor: Tensor, axis: int) -> None:
    key = id(tensor)
    _softmaxed[key] = (weakref.ref(tensor, lambda _: _softmaxed.pop(key, None)), axis)


def _as_float(x: TensorLike) -> Tensor:
    x = _core.as_tensor(x)
    return x if config.is_float_dtype(x.dtype) else _core.cast(x, config.floatx())


def _expm1_below(x: Tensor) -> Tensor:
    # Without the limit the unused side would overflow, and its gradient 0 * inf be NaN.
    return _core.expm1(_core.minimum(x, 0.0))
