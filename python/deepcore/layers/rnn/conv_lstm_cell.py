"""ConvLSTMCell: an LSTM cell whose products are convolutions (Shi et al. 2015)."""

from __future__ import annotations

from typing import Any

from deepcore import activations, checks, config, ops
from deepcore.layers import windows
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.rnn.lstm_cell import lstm_step
from deepcore.layers.rnn.weighted_cell import WeightedCell
from deepcore.symbolic import Shape


class ConvLSTMCell(WeightedCell):
    """One step of `ConvLSTM`: inputs and states are images of `rank` axes, with channels.

    Args:
        rank: the number of spatial axes, 1 to 3.
        filters: the channels of the output and of both states.
        kernel_size: the windows' sizes.
        strides: the steps of the window over inputs.
        padding: of inputs, `valid` or `same`; states are padded so as to keep their size.
        data_format: `channels_last` or `channels_first`; the default one when None.
        dilation_rate: the distances between elements of the window over inputs.
        options: the other arguments, as those of `LSTMCell`, by name.
        **kwargs: see `Layer`.

    Raises:
        ValueError: a size is not positive, or strides and dilation are both above 1.
    """

    gates = 4
    dropout_mask_count = 4

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        options: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind = f"ConvLSTM{rank}D"
        self.rank = rank
        self.filters = checks.positive_int(kind, "filters", filters)
        self.kernel_size = checks.int_tuple(kind, "kernel_size", kernel_size, rank)
        self.strides = checks.int_tuple(kind, "strides", strides, rank)
        self.padding = checks.one_of(kind, "padding", str(padding).lower(), ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = checks.int_tuple(kind, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{kind}: strides and dilation_rate cannot both be above 1. "
                f"Received: {strides=}, {dilation_rate=}."
            )
        self.activation = activations.get(options["activation"])
        self.recurrent_activation = activations.get(options["recurrent_activation"])
        self.use_bias = options["use_bias"]
        self.unit_forget_bias = options["unit_forget_bias"]
        self._set_weight_options(options)
        self._set_dropout(options["dropout"], options["recurrent_dropout"], options["seed"])
        self.state_size = [self.filters, self.filters]
        self.input_spec = InputSpec(ndim=rank + 2)
        self._axis = -1 if self.data_format == "channels_last" else 1

    def build(self, inputs_shape: Shape, states_shape: Any = None) -> None:
        """Makes the weights for images of this shape (N, ..., C)."""
        channels = self._channels(inputs_shape, self._axis)
        state = self.compute_output_shape(inputs_shape)[0][1:]
        if None in state:
            raise ValueError(
                f"ConvLSTM{self.rank}D: the sizes of the images must be known. "
                f"Received: a step of shape {tuple(inputs_shape)}."
            )
        self._state_shape = state
        width = 4 * self.filters
        self.kernel = self._add("kernel", "kernel", (*self.kernel_size, channels, width))
        self.recurrent_kernel = self._add(
            "recurrent_kernel", "recurrent", (*self.kernel_size, self.filters, width)
        )
        self.bias = None
        if self.use_bias:
            first = self._forget_ones(self.filters) if self.unit_forget_bias else None
            self.bias = self._add("bias", "bias", (width,), first)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Zeros of the output's shape for both states."""
        shape = (batch_size or 0, *self._state_shape)
        return [ops.zeros(shape, self.compute_dtype) for _ in range(2)]

    def compute_output_shape(self, inputs_shape: Shape, states_shape: Any = None) -> Any:
        shape = windows.slid(
            f"ConvLSTM{self.rank}D",
            tuple(inputs_shape),
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.filters,
        )
        return shape, [shape, shape]

    # ---- a step

    def project(self, inputs: Any, masks: Any) -> Any:
        y = self._convolved(
            inputs,
            self.kernel,
            masks,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        if self.bias is None:
            return y
        after = (1,) * self.rank if self._axis == 1 else ()
        return ops.add(y, ops.reshape(self.bias, (-1, *after)))

    def project_all(self, sequences: Any, masks: Any) -> Any:
        batch, steps = sequences.shape[:2]

        def flat(x: Any) -> Any:
            return ops.reshape(x, (batch * steps, *x.shape[2:]))

        if masks is not None:
            shape = sequences.shape
            masks = [flat(ops.broadcast_to(ops.expand_dims(mask, 1), shape)) for mask in masks]
        y = self.project(flat(sequences), masks)
        return ops.reshape(y, (batch, steps, *y.shape[1:]))

    def advance(self, projected: Any, states: list[Any], masks: Any) -> tuple[Any, list[Any]]:
        before, carry = states
        z = ops.add(
            projected, self._convolved(before, self.recurrent_kernel, masks, padding="same")
        )
        return lstm_step(self, ops.split(z, 4, axis=self._axis), carry)

    def _convolved(self, x: Any, kernel: Any, masks: Any, **window: Any) -> Any:
        """x convolved with the kernels of all gates, each gate's x dropped by a mask of its own."""
        if masks is None:
            return ops.conv(x, kernel, data_format=self.data_format, **window)
        parts = ops.split(kernel, len(masks), axis=-1)
        return ops.concatenate(
            [
                ops.conv(ops.multiply(x, mask), part, data_format=self.data_format, **window)
                for mask, part in zip(masks, parts, strict=True)
            ],
            axis=self._axis,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "unit_forget_bias": self.unit_forget_bias,
        }
