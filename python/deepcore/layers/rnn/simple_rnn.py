"""SimpleRNN: the network of Elman (keras.layers.SimpleRNN)."""

from __future__ import annotations

from typing import Any

from deepcore.layers.rnn.cell_layer import DenseCellLayer, parted
from deepcore.layers.rnn.simple_rnn_cell import SimpleRNNCell
from deepcore.serialization import builtin


@builtin("keras.layers")
class SimpleRNN(DenseCellLayer):
    """Elman's network: h[t] = activation(x[t] @ kernel + h[t-1] @ recurrent_kernel + bias) (1990).

    x: (N, T, F), output: (N, units) of the last step, or (N, T, units) with `return_sequences`;
    with `return_state` a tuple of that and the state (N, units).
    Called as `layer(x, initial_state=None, mask=None, training=False)`.

    Args:
        units: the size of the output and of the state.
        activation: a name or a function; none when None.
        use_bias: whether to add a bias.
        kernel_initializer: the first value of the kernel (F, units).
        recurrent_initializer: of the recurrent kernel (units, units).
        bias_initializer: of the bias.
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
        **kwargs: `zero_output_for_mask` of `RNN`, and see `Layer`.

    Raises:
        ValueError: arguments, states or masks that do not fit.

    Example:
        >>> SimpleRNN(4, return_sequences=True)(np.ones((2, 5, 3))).shape
        (2, 5, 4)
    """

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
        **kwargs: Any,
    ) -> None:
        for_cell, flags = parted(locals())
        super().__init__(SimpleRNNCell(name="simple_rnn_cell", **for_cell), **flags)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["seed"]  # as in Keras's files
        return config
