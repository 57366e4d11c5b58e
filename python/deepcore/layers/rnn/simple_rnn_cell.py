"""SimpleRNNCell: the state is the output (keras.layers.SimpleRNNCell)."""

from __future__ import annotations

from typing import Any

from deepcore import activations, ops
from deepcore.layers.rnn.dense_cell import DenseCell
from deepcore.layers.rnn.sweep import Sweep, Swept
from deepcore.serialization import builtin

# Those whose derivative is told by their result: the fused op has them.
_FUSED = {getattr(activations, name): name for name in ("linear", "relu", "sigmoid", "tanh")}


@builtin("keras.layers")
class SimpleRNNCell(DenseCell):
    """One step of `SimpleRNN`: activation(x @ kernel + h @ recurrent_kernel + bias) (Elman 1990).

    x: (N, F), state: (N, units), output: (N, units).

    Args:
        units: the size of the output and of the state.
        activation: a name or a function; none when None.
        use_bias: whether to add a bias.
        kernel_initializer: the first value of the kernel (F, units).
        recurrent_initializer: of the recurrent kernel (units, units).
        bias_initializer: of the bias (units,).
        kernel_regularizer: a penalty on the kernel.
        recurrent_regularizer: a penalty on the recurrent kernel.
        bias_regularizer: a penalty on the bias.
        kernel_constraint: a projection of the kernel after each update.
        recurrent_constraint: a projection of the recurrent kernel after each update.
        bias_constraint: a projection of the bias after each update.
        dropout: the share of the inputs that is dropped in training.
        recurrent_dropout: the share of the state that is dropped in training.
        seed: makes what is dropped repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `units` is not a positive integer, or a rate is not a number.

    Example:
        >>> output, state = SimpleRNNCell(4)(np.ones((2, 3)), np.zeros((2, 4)))
        >>> output.shape
        (2, 4)
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        self.state_size = self.units

    def drops(self, training: bool) -> tuple[bool, bool]:
        return training and self.dropout > 0, training and self.recurrent_dropout > 0

    def advance(self, projected: Any, states: list[Any], masks: Any) -> tuple[Any, list[Any]]:
        h = ops.add(projected, self._product(states[0], self.recurrent_kernel, masks))
        output = self.activation(h)
        return output, [output]

    def fused(self, sequences: Any, states: list[Any], sweep: Sweep) -> Swept | None:
        activation = _FUSED.get(self.activation)
        if activation is None:
            return None
        h, last = ops.simple_rnn(
            sequences,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            states[0],
            sweep.mask,
            activation,
            sweep.reverse,
        )
        return Swept(h, last, [last])
