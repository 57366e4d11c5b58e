"""LSTM: long short-term memory (keras.layers.LSTM)."""

from __future__ import annotations

from typing import Any

from deepcore.layers.rnn.cell_layer import DenseCellLayer, of_cell, parted
from deepcore.layers.rnn.lstm_cell import LSTMCell
from deepcore.serialization import builtin


@builtin("keras.layers")
class LSTM(DenseCellLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997, with forget gates: Gers 2000).

    x: (N, T, F), output: (N, units) of the last step, or (N, T, units) with `return_sequences`;
    with `return_state` a tuple of that, h and c (N, units).
    Called as `layer(x, initial_state=None, mask=None, training=False)`.

    Args:
        units: the size of the output and of each state.
        activation: of the new content and of the output; none when None.
        recurrent_activation: of the gates; none when None.
        use_bias: whether to add a bias.
        kernel_initializer: the first value of the kernel (F, 4 units).
        recurrent_initializer: of the recurrent kernel (units, 4 units).
        bias_initializer: of the bias.
        unit_forget_bias: whether the bias of the forget gate begins at 1.
        kernel_regularizer: a penalty on the kernel.
        recurrent_regularizer: a penalty on the recurrent kernel.
        bias_regularizer: a penalty on the bias.
        activity_regularizer: a penalty on the output.
        kernel_constraint: a projection of the kernel after each update.
        recurrent_constraint: a projection of the recurrent kernel after each update.
        bias_constraint: a projection of the bias after each update.
        dropout: the share of the inputs that is dropped in training, the same at each step.
        recurrent_dropout: the share of the state that is dropped in training.
        seed: makes what is dropped repeatable.
        return_sequences: see `RNN`, like the next four.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        unroll: see `RNN`.
        use_cudnn: accepted; there is no cuDNN here, and one result.
        **kwargs: `zero_output_for_mask` of `RNN`, and see `Layer`.

    Raises:
        ValueError: arguments, states or masks that do not fit.

    Example:
        >>> output, h, c = LSTM(4, return_state=True)(np.ones((2, 5, 3)))
        >>> c.shape
        (2, 4)
    """

    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        for_cell, flags = parted(locals())
        super().__init__(LSTMCell(name="lstm_cell", **for_cell), **flags)
