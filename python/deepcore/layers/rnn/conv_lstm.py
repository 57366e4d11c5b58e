"""ConvLSTM1D, ConvLSTM2D and ConvLSTM3D (keras.layers): LSTMs over sequences of images."""

from __future__ import annotations

from typing import Any

from deepcore.layers.input_spec import InputSpec
from deepcore.layers.rnn.cell_layer import SHARED, CellLayer, of_cell, parted
from deepcore.layers.rnn.conv_lstm_cell import ConvLSTMCell
from deepcore.layers.rnn.states import check_shapes
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

_WINDOW = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")


class ConvLSTM(CellLayer):
    """An LSTM whose products are convolutions (Shi et al. 2015).

    x: (N, T, ..., C), output: (N, ..., filters) of the last step, or (N, T, ..., filters) with
    `return_sequences`; with `return_state` a tuple of that, h and c (N, ..., filters). With
    `channels_first` the channels come before the image's axes.

    Args:
        filters: the channels of the output and of both states.
        kernel_size: the windows' sizes.
        strides: the steps of the window over inputs.
        padding: of inputs, `valid` or `same`.
        data_format: `channels_last` or `channels_first`; the default one when None.
        dilation_rate: the distances between elements of the window over inputs.
        activation: of the new content and of the output; none when None.
        recurrent_activation: of the gates; none when None.
        use_bias: whether to add a bias.
        kernel_initializer: the first value of the kernel (*kernel_size, C, 4 filters).
        recurrent_initializer: of the recurrent kernel (*kernel_size, filters, 4 filters).
        bias_initializer: of the bias (4 filters,).
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
        return_sequences: see `RNN`, like the next three.
        return_state: see `RNN`.
        go_backwards: see `RNN`.
        stateful: see `RNN`.
        **kwargs: `unroll` and `zero_output_for_mask` of `RNN`, and see `Layer`.

    Raises:
        ValueError: arguments, states or masks that do not fit, or images of unknown size.
    """

    rank: int
    cell: ConvLSTMCell
    filters = of_cell("filters")
    kernel_size = of_cell("kernel_size")
    strides = of_cell("strides")
    padding = of_cell("padding")
    data_format = of_cell("data_format")
    dilation_rate = of_cell("dilation_rate")
    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        **kwargs: Any,
    ) -> None:
        for_cell, flags = parted(locals())
        window = {name: for_cell.pop(name) for name in _WINDOW}
        shared = {name: for_cell.pop(name) for name in SHARED if name in for_cell}
        cell = ConvLSTMCell(self.rank, **window, options=for_cell, name="conv_lstm_cell", **shared)
        super().__init__(cell, self.rank + 3, **flags)

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Makes the cell's weights for images of this size."""
        super().build(sequences_shape, initial_state_shape)
        self.input_spec = InputSpec(shape=(None, None, *sequences_shape[2:]))

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        batch, steps, *image = sequences_shape
        state = self.cell.compute_output_shape((batch, *image))[0]
        if initial_state_shape is not None:
            check_shapes(type(self).__name__, initial_state_shape, [state, state])
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output


@builtin("keras.layers")
class ConvLSTM1D(ConvLSTM):
    """An LSTM over sequences of rows (N, T, W, C); see `ConvLSTM` for the arguments.

    Example:
        >>> ConvLSTM1D(4, 3, padding="same")(np.ones((2, 5, 9, 1), "float32")).shape
        (2, 9, 4)
    """

    rank = 1


@builtin("keras.layers")
class ConvLSTM2D(ConvLSTM):
    """An LSTM over sequences of images (N, T, H, W, C); see `ConvLSTM` for the arguments.

    Example:
        >>> ConvLSTM2D(4, 3, return_sequences=True)(np.ones((2, 5, 9, 8, 1), "float32")).shape
        (2, 5, 7, 6, 4)
    """

    rank = 2


@builtin("keras.layers")
class ConvLSTM3D(ConvLSTM):
    """An LSTM over sequences of volumes (N, T, D, H, W, C); see `ConvLSTM` for the arguments.

    Example:
        >>> ConvLSTM3D(4, 3)(np.ones((2, 5, 4, 9, 8, 1), "float32")).shape
        (2, 2, 7, 6, 4)
    """

    rank = 3
