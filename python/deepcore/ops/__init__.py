# ruff: noqa: F403 - this file gathers names
"""Functions of tensors under Keras's names (keras.ops).

They take tensors, variables, NumPy arrays, numbers and nested lists, and follow Keras's dtype
promotion.
"""

from typing import TYPE_CHECKING

from deepcore._core import Tensor as Tensor
from deepcore.ops.activation import *
from deepcore.ops.core import *
from deepcore.ops.creation import *
from deepcore.ops.elementwise import *
from deepcore.ops.indexing import *
from deepcore.ops.linalg import *
from deepcore.ops.nn import *
from deepcore.ops.reductions import *
from deepcore.ops.shaping import *
from deepcore.ops.update import *
from deepcore.ops.window import *

if TYPE_CHECKING:
    from deepcore._core import Axis as Axis
    from deepcore._core import TensorLike as TensorLike
