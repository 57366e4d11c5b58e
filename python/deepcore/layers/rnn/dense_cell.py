"""DenseCell: a cell whose gates are matrix products."""

from __future__ import annotations

from typing import Any

from deepcore import checks, ops
from deepcore.layers.rnn.weighted_cell import WeightedCell
from deepcore.symbolic import Shape


class DenseCell(WeightedCell):
    """A cell of `units` units: kernel (F, G units), recurrent_kernel (units, G units).

    Args:
        units: the size of the output and of each state.
        options: the other arguments, by name.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `units` is not a positive integer, or a rate is not a number.
    """

    def __init__(self, units: int, options: dict[str, Any], **kwargs: Any) -> None:
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.units = checks.positive_int(type(self).__name__, "units", units)
        self.use_bias = options["use_bias"]
        self._set_weight_options(options)
        self._set_dropout(options["dropout"], options["recurrent_dropout"], options["seed"])
        self.implementation = 1 if self.recurrent_dropout else implementation
        if self.implementation == 1 and self.gates > 1:
            self.dropout_mask_count = self.gates
        self.output_size = self.units

    def build(self, input_shape: Shape) -> None:
        """Makes the weights for steps of shape (..., F)."""
        width = self.gates * self.units
        features = self._channels(input_shape)
        self.kernel = self._add("kernel", "kernel", (features, width))
        self.recurrent_kernel = self._add("recurrent_kernel", "recurrent", (self.units, width))
        self.bias = None
        if self.use_bias:
            self.bias = self._add("bias", "bias", self._bias_shape(), self._first_bias())

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _first_bias(self) -> Any:
        return self.bias_initializer

    def _input_bias(self) -> Any:
        return self.bias

    def project(self, inputs: Any, masks: Any) -> Any:
        projected = self._product(inputs, self.kernel, masks)
        bias = self._input_bias()
        return projected if bias is None else ops.add(projected, bias)

    def project_all(self, sequences: Any, masks: Any) -> Any:
        if masks is not None:
            masks = [ops.expand_dims(mask, 1) for mask in masks]
        return self.project(sequences, masks)

    def _product(self, x: Any, kernel: Any, masks: Any) -> Any:
        """x @ kernel; with a list of masks of x, one for each gate."""
        if not isinstance(masks, list):
            return ops.matmul(x if masks is None else ops.multiply(x, masks), kernel)
        parts = ops.split(kernel, len(masks), axis=1)
        return ops.concatenate(
            [ops.matmul(ops.multiply(x, m), k) for m, k in zip(masks, parts, strict=True)], axis=-1
        )

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Zeros of (batch_size, units) for each state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size or 0, size), self.compute_dtype) for size in sizes]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
