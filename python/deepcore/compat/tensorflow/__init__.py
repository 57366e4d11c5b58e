"""The few names of `tensorflow` that Keras scripts touch; `tensorflow.keras` is deepcore itself."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import deepcore as keras
from deepcore import ops
from deepcore.compat.tensorflow import config as config
from deepcore.compat.tensorflow import math as math
from deepcore.compat.tensorflow import nn as nn
from deepcore.compat.tensorflow import random as random
from deepcore.compat.tensorflow import test as test
from deepcore.compat.tensorflow.math import (
    abs as abs,
)
from deepcore.compat.tensorflow.math import (
    argmax as argmax,
)
from deepcore.compat.tensorflow.math import (
    argmin as argmin,
)
from deepcore.compat.tensorflow.math import (
    exp as exp,
)
from deepcore.compat.tensorflow.math import (
    reduce_max as reduce_max,
)
from deepcore.compat.tensorflow.math import (
    reduce_mean as reduce_mean,
)
from deepcore.compat.tensorflow.math import (
    reduce_min as reduce_min,
)
from deepcore.compat.tensorflow.math import (
    reduce_sum as reduce_sum,
)
from deepcore.compat.tensorflow.math import (
    sqrt as sqrt,
)
from deepcore.compat.tensorflow.math import (
    square as square,
)

# The first whose `tf.keras` is Keras 3.
__version__ = f"2.16.0+deepcore.{keras.__version__}"

float16, float32, float64, bfloat16 = "float16", "float32", "float64", "bfloat16"
int32, int64, uint8, bool = "int32", "int64", "uint8", "bool"
newaxis = None

Tensor = keras.Tensor
Variable = keras.Variable
GradientTape = keras.GradientTape
function = keras.function


def get_logger() -> logging.Logger:
    """TensorFlow's logger, to silence; nothing writes to it."""
    return logging.getLogger("tensorflow")


def device(name: str) -> AbstractContextManager[None]:
    """Code inside runs on the CPU, as all code.

    Raises:
        ValueError: another device.
    """
    if "CPU" not in str(name).upper():
        raise ValueError(f"tf.device: deepcore runs on the CPU. Received: {name!r}")
    return nullcontext()


def is_tensor(x: Any) -> Any:
    """Whether `x` is a tensor or a variable."""
    return ops.is_tensor(x) or isinstance(x, Variable)


def constant(value: Any, dtype: str | None = None, shape: Sequence[int] | None = None) -> Any:
    """A tensor of `value`, repeated to `shape` when it is one number."""
    tensor = ops.convert_to_tensor(value, dtype=dtype)
    if shape is None:
        return tensor
    return ops.broadcast_to(tensor, shape) if tensor.size == 1 else ops.reshape(tensor, shape)


def convert_to_tensor(value: Any, dtype: str | None = None) -> Any:
    """A tensor of `value`."""
    return ops.convert_to_tensor(value, dtype=dtype)


def one_hot(indices: Any, depth: int, axis: int = -1, dtype: str = "float32") -> Any:
    """Ones where the index is, on a new axis of `depth` classes."""
    return ops.one_hot(indices, depth, axis=axis, dtype=dtype)


def transpose(a: Any, perm: Sequence[int] | None = None) -> Any:
    """The axes in the order `perm`; reversed without."""
    return ops.transpose(a, perm)


def concat(values: Sequence[Any], axis: int) -> Any:
    """The tensors one after the other along `axis`."""
    return ops.concatenate(values, axis=axis)


cast = ops.cast
expand_dims = ops.expand_dims
equal = ops.equal
eye = ops.eye
linspace = ops.linspace
matmul = ops.matmul
maximum = ops.maximum
minimum = ops.minimum
ones = ops.ones
ones_like = ops.ones_like
range = ops.arange
reshape = ops.reshape
shape = ops.shape
squeeze = ops.squeeze
stack = ops.stack
stop_gradient = ops.stop_gradient
tensordot = ops.tensordot
where = ops.where
zeros = ops.zeros
zeros_like = ops.zeros_like
