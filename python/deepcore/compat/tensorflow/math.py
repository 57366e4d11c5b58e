"""`tensorflow.math`: reductions under TensorFlow's names."""

from typing import Any

from deepcore import ops

abs = ops.absolute
exp = ops.exp
log = ops.log
sqrt = ops.sqrt
square = ops.square
sigmoid = ops.sigmoid
tanh = ops.tanh


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over `axis`."""
    return ops.sum(input_tensor, axis=axis, keepdims=keepdims)


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over `axis`."""
    return ops.mean(input_tensor, axis=axis, keepdims=keepdims)


def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest over `axis`."""
    return ops.max(input_tensor, axis=axis, keepdims=keepdims)


def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest over `axis`."""
    return ops.min(input_tensor, axis=axis, keepdims=keepdims)


def argmax(input: Any, axis: int | None = None) -> Any:
    """The position of the largest along `axis` (TensorFlow's default: the first)."""
    return ops.argmax(input, axis=0 if axis is None else axis)


def argmin(input: Any, axis: int | None = None) -> Any:
    """The position of the smallest along `axis` (TensorFlow's default: the first)."""
    return ops.argmin(input, axis=0 if axis is None else axis)
