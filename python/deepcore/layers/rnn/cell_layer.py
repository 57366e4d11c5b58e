"""CellLayer: an RNN that makes its own cell and takes the cell's arguments."""

from __future__ import annotations

from typing import Any

from deepcore import checks, ops, regularizers
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.rnn.rnn import RNN
from deepcore.layers.rnn.weighted_cell import WeightedCell
from deepcore.symbolic import Shape

# Arguments of the layer that its cell takes, too.
SHARED = ("dtype", "trainable")


def of_cell(name: str) -> Any:
    """An attribute that the cell holds."""
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class CellLayer(RNN):
    """What SimpleRNN, LSTM, GRU and ConvLSTM are.

    Args:
        cell: made of the arguments.
        axes: how many a batch of sequences has.
        **kwargs: see `RNN`.
    """

    cell: WeightedCell
    activation = of_cell("activation")
    use_bias = of_cell("use_bias")
    kernel_initializer = of_cell("kernel_initializer")
    recurrent_initializer = of_cell("recurrent_initializer")
    bias_initializer = of_cell("bias_initializer")
    kernel_regularizer = of_cell("kernel_regularizer")
    recurrent_regularizer = of_cell("recurrent_regularizer")
    bias_regularizer = of_cell("bias_regularizer")
    kernel_constraint = of_cell("kernel_constraint")
    recurrent_constraint = of_cell("recurrent_constraint")
    bias_constraint = of_cell("bias_constraint")
    dropout = of_cell("dropout")
    recurrent_dropout = of_cell("recurrent_dropout")

    def __init__(self, cell: WeightedCell, axes: int, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=axes)

    def get_config(self) -> dict[str, Any]:
        own = self._flags()
        penalty = regularizers.serialize(self.activity_regularizer)
        return {**self.cell.get_config(), **own, "activity_regularizer": penalty}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from `get_config()`."""
        return cls(**config)


class DenseCellLayer(CellLayer):
    """What SimpleRNN, LSTM and GRU are: sequences are (N, T, F)."""

    units = of_cell("units")

    def __init__(self, cell: WeightedCell, use_cudnn: Any = "auto", **kwargs: Any) -> None:
        super().__init__(cell, 3, **kwargs)
        checks.one_of(type(self).__name__, "use_cudnn", use_cudnn, ("auto", True, False))
        self.use_cudnn = use_cudnn

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Makes the cell's weights for sequences of F features."""
        super().build(sequences_shape, initial_state_shape)
        features = ops.shape(self.cell.kernel)[0]
        self.input_spec = InputSpec(ndim=3, axes={-1: features})


# Arguments of the layer that its cell does not take.
_FLAGS = (
    "activity_regularizer",
    "go_backwards",
    "return_sequences",
    "return_state",
    "stateful",
    "unroll",
    "use_cudnn",
)


def parted(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cell's arguments and the layer's own.

    Args:
        arguments: the `locals()` of the layer's `__init__`, `kwargs` among them.
    """
    named = {k: v for k, v in arguments.items() if k not in ("self", "kwargs", "__class__")}
    own = {**{k: v for k, v in named.items() if k in _FLAGS}, **arguments["kwargs"]}
    of_cell = {k: v for k, v in named.items() if k not in _FLAGS}
    of_cell |= {k: own[k] for k in SHARED if k in own}
    if "implementation" in own:
        of_cell["implementation"] = own.pop("implementation")
    return of_cell, own
