# ruff: noqa: F403 - this file gathers names
"""Functions of tensors under Keras's names (keras.ops).

They take tensors, variables, NumPy arrays, numbers and nested lists, and follow Keras's dtype
promotion. Called on symbolic tensors (`deepcore.Input`) they become operations of a model.
"""

from typing import TYPE_CHECKING

from deepcore._core import Tensor as Tensor
from deepcore.ops.activation import *
from deepcore.ops.associative import *
from deepcore.ops.attention import *
from deepcore.ops.control_flow import *
from deepcore.ops.core import *
from deepcore.ops.creation import *
from deepcore.ops.crf import *
from deepcore.ops.ctc import *
from deepcore.ops.einsum import *
from deepcore.ops.elementwise import *
from deepcore.ops.indexing import *
from deepcore.ops.linalg import *
from deepcore.ops.nn import *
from deepcore.ops.normalization import *
from deepcore.ops.recurrent import *
from deepcore.ops.reductions import *
from deepcore.ops.shaping import *
from deepcore.ops.update import *
from deepcore.ops.window import *

if TYPE_CHECKING:
    from deepcore._core import Axis as Axis
    from deepcore._core import TensorLike as TensorLike


def _take_symbols() -> None:
    import sys

    from deepcore.ops.operation import on_symbols

    files = (
        "activation attention core creation ctc einsum elementwise indexing linalg nn "
        "normalization reductions shaping update window"
    )
    for file in files.split():
        for name in sys.modules[f"{__name__}.{file}"].__all__:
            globals()[name] = on_symbols(globals()[name], name, file)


_take_symbols()
