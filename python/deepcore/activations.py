"""Activations by name (keras.activations)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import ops
from deepcore.family import Family
from deepcore.registry import builtin_name
from deepcore.serialization import builtin
from deepcore.symbolic import is_symbolic

if TYPE_CHECKING:
    from deepcore.ops import Tensor, TensorLike


def linear(x: TensorLike) -> Tensor:
    """x itself."""
    return x if is_symbolic(x) else ops.convert_to_tensor(x)  # type: ignore[return-value]


def exponential(x: TensorLike) -> Tensor:
    """e**x."""
    return ops.exp(x)


def tanh(x: TensorLike) -> Tensor:
    """The hyperbolic tangent."""
    return ops.tanh(x)


def sigmoid(x: TensorLike) -> Tensor:
    """1 / (1 + e**-x)."""
    return ops.sigmoid(x)


def softplus(x: TensorLike) -> Tensor:
    """log(1 + e**x)."""
    return ops.softplus(x)


def log_softmax(x: TensorLike, axis: int = -1) -> Tensor:
    """The logarithm of softmax."""
    return ops.log_softmax(x, axis)


def relu(
    x: TensorLike,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Tensor:
    """max(x, 0), or with the arguments a bent version of it (keras.activations.relu).

    Args:
        x: any shape.
        negative_slope: of what is below the threshold.
        max_value: the largest result.
        threshold: what is not above it gives negative_slope * (x - threshold).
    """
    if threshold == 0 and negative_slope == 0:
        if max_value == 6:  # an op of its own, which a convolution before it takes in
            return ops.relu6(x)
        y = ops.relu(x)
        return y if max_value is None else ops.minimum(y, max_value)
    if threshold == 0 and max_value is None:
        return ops.leaky_relu(x, negative_slope)
    x = ops.convert_to_tensor(x)
    below = ops.multiply(ops.subtract(x, threshold), negative_slope)
    y = ops.where(ops.greater(x, threshold), x, below)
    return y if max_value is None else ops.minimum(y, max_value)


def gelu(x: TensorLike, approximate: bool = False) -> Tensor:
    """x times the normal distribution function of x."""
    return ops.gelu(x, approximate)


relu6, leaky_relu, elu, celu, selu = ops.relu6, ops.leaky_relu, ops.elu, ops.celu, ops.selu
silu, mish, softsign, log_sigmoid = ops.silu, ops.mish, ops.softsign, ops.log_sigmoid
hard_sigmoid, hard_silu, hard_tanh = ops.hard_sigmoid, ops.hard_silu, ops.hard_tanh
hard_shrink, soft_shrink, tanh_shrink = ops.hard_shrink, ops.soft_shrink, ops.tanh_shrink
threshold, squareplus, glu = ops.threshold, ops.squareplus, ops.glu
sparse_plus, sparse_sigmoid, sparsemax = ops.sparse_plus, ops.sparse_sigmoid, ops.sparsemax
softmax = ops.softmax
swish, hard_swish = silu, hard_silu

_NAMES = """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear
    log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus
    softsign sparse_plus sparse_sigmoid sparsemax squareplus tanh tanh_shrink threshold
"""
_objects: dict[str, Any] = {name: globals()[name] for name in _NAMES.split()}
for _function in _objects.values():
    builtin("keras.activations")(_function)
_objects |= {"swish": silu, "hard_swish": hard_silu}
_family = Family("activation", _objects)
deserialize = _family.deserialize


def get(identifier: Any) -> Any:
    """An activation from a name, a config or a callable; None is `linear`.

    Raises:
        ValueError: an unknown name.
    """
    return linear if identifier is None else _family.get(identifier)


def serialize(activation: Any) -> Any:
    """The name of a built-in activation, the config dict of another one."""
    known = builtin_name(activation)
    return known[1] if known and known[0] == "keras.activations" else _family.serialize(activation)
