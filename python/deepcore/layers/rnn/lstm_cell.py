"""LSTMCell: long short-term memory (keras.layers.LSTMCell)."""

from __future__ import annotations

from typing import Any

from deepcore import activations, ops
from deepcore.layers.rnn.dense_cell import DenseCell
from deepcore.layers.rnn.sweep import Sweep, Swept
from deepcore.serialization import builtin


@builtin("keras.layers")
class LSTMCell(DenseCell):
    """One step of `LSTM` (Hochreiter & Schmidhuber 1997, with forget gates: Gers 2000).

    x: (N, F), states h and c: (N, units), output: (N, units), the new h.

    Args:
        units: the size of the output and of both states.
        activation: of the new content and of the output; none when None.
        recurrent_activation: of the gates; none when None.
        use_bias: whether to add a bias.
        kernel_initializer: the first value of the kernel (F, 4 units); gates i, f, c, o.
        recurrent_initializer: of the recurrent kernel (units, 4 units).
        bias_initializer: of the bias (4 units,).
        unit_forget_bias: whether the bias of the forget gate begins at 1.
        kernel_regularizer: a penalty on the kernel.
        recurrent_regularizer: a penalty on the recurrent kernel.
        bias_regularizer: a penalty on the bias.
        kernel_constraint: a projection of the kernel after each update.
        recurrent_constraint: a projection of the recurrent kernel after each update.
        bias_constraint: a projection of the bias after each update.
        dropout: the share of the inputs that is dropped in training.
        recurrent_dropout: the share of h that is dropped in training, on its way to the gates.
        seed: makes what is dropped repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `units` is not a positive integer, or a rate is not a number.

    Example:
        >>> cell = LSTMCell(4)
        >>> output, (h, c) = cell(np.ones((2, 3)), cell.get_initial_state(2))
        >>> c.shape
        (2, 4)
    """

    gates = 4

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        options = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "__class__")}
        super().__init__(options.pop("units"), options, **kwargs)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def _first_bias(self) -> Any:
        return self._forget_ones(self.units) if self.unit_forget_bias else self.bias_initializer

    def advance(self, projected: Any, states: list[Any], masks: Any) -> tuple[Any, list[Any]]:
        before, carry = states
        z = ops.add(projected, self._product(before, self.recurrent_kernel, masks))
        return lstm_step(self, ops.split(z, 4, axis=-1), carry)

    def fused(self, sequences: Any, states: list[Any], sweep: Sweep) -> Swept | None:
        if not has_default_activations(self):
            return None
        before, carry = states
        h, last, c = ops.lstm(
            sequences,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            before,
            carry,
            sweep.mask,
            sweep.reverse,
        )
        return Swept(h, last, [last, c])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


def lstm_step(cell: Any, gates: Any, carry: Any) -> tuple[Any, list[Any]]:
    """Output and states from the sums of the four gates and the c before."""
    i, f, c, o = gates
    kept = ops.multiply(cell.recurrent_activation(f), carry)
    new = ops.multiply(cell.recurrent_activation(i), cell.activation(c))
    carry = ops.add(kept, new)
    h = ops.multiply(cell.recurrent_activation(o), cell.activation(carry))
    return h, [h, carry]


def has_default_activations(cell: Any) -> bool:
    """Whether the fused ops compute what this cell does."""
    return cell.activation is activations.tanh and cell.recurrent_activation is activations.sigmoid
