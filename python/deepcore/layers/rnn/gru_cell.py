"""GRUCell: gated recurrent units (keras.layers.GRUCell)."""

from __future__ import annotations

from typing import Any

from deepcore import activations, ops
from deepcore.layers.rnn.dense_cell import DenseCell
from deepcore.layers.rnn.lstm_cell import has_default_activations
from deepcore.layers.rnn.sweep import Sweep, Swept
from deepcore.serialization import builtin


@builtin("keras.layers")
class GRUCell(DenseCell):
    """One step of `GRU` (Cho et al. 2014).

    x: (N, F), state: (N, units), output: (N, units).

    Args:
        units: the size of the output and of the state.
        activation: of the new content; none when None.
        recurrent_activation: of the gates; none when None.
        use_bias: whether to add a bias.
        kernel_initializer: the first value of the kernel (F, 3 units); gates z, r, h.
        recurrent_initializer: of the recurrent kernel (units, 3 units).
        bias_initializer: of the bias: (2, 3 units), of inputs and of the state, when
            `reset_after`, else (3 units,).
        kernel_regularizer: a penalty on the kernel.
        recurrent_regularizer: a penalty on the recurrent kernel.
        bias_regularizer: a penalty on the bias.
        kernel_constraint: a projection of the kernel after each update.
        recurrent_constraint: a projection of the recurrent kernel after each update.
        bias_constraint: a projection of the bias after each update.
        dropout: the share of the inputs that is dropped in training.
        recurrent_dropout: the share of the state that is dropped in training, on its way to the
            gates.
        reset_after: whether the reset gate acts after the recurrent product, as cuDNN has it, or
            before, as in the paper.
        seed: makes what is dropped repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `units` is not a positive integer, or a rate is not a number.

    Example:
        >>> output, state = GRUCell(4)(np.ones((2, 3)), np.zeros((2, 4)))
        >>> output.shape
        (2, 4)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        options = {k: v for k, v in locals().items() if k not in ("self", "kwargs", "__class__")}
        super().__init__(options.pop("units"), options, **kwargs)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after
        self.state_size = self.units

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _input_bias(self) -> Any:
        return self.bias[0] if self.bias is not None and self.reset_after else self.bias

    def advance(self, projected: Any, states: list[Any], masks: Any) -> tuple[Any, list[Any]]:
        before, units = states[0], self.units
        # The reset gate comes before the product of the new content, or after all three.
        columns = 3 * units if self.reset_after else 2 * units
        listed = isinstance(masks, list)
        kernel = ops.convert_to_tensor(self.recurrent_kernel)
        inner = self._product(
            before, kernel[:, :columns], masks[: columns // units] if listed else masks
        )
        if self.reset_after and self.bias is not None:
            inner = ops.add(inner, self.bias[1])
        x = ops.split(projected, 3, axis=-1)
        z = self.recurrent_activation(ops.add(x[0], inner[:, :units]))
        r = self.recurrent_activation(ops.add(x[1], inner[:, units : 2 * units]))
        if self.reset_after:
            second = ops.multiply(r, inner[:, 2 * units :])
        else:
            dropped = ops.multiply(before, masks[2]) if listed else before
            second = ops.matmul(ops.multiply(r, dropped), kernel[:, 2 * units :])
        new = self.activation(ops.add(x[2], second))
        h = ops.add(ops.multiply(z, before), ops.multiply(ops.subtract(1, z), new))
        return h, [h]

    def fused(self, sequences: Any, states: list[Any], sweep: Sweep) -> Swept | None:
        if not has_default_activations(self):
            return None
        h, last = ops.gru(
            sequences,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            states[0],
            sweep.mask,
            self.reset_after,
            sweep.reverse,
        )
        return Swept(h, last, [last])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "reset_after": self.reset_after}
