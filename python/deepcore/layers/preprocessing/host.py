"""HostLayer: a layer that computes with NumPy, before the planned step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import ops
from deepcore.layers.layer import Layer
from deepcore.symbolic import KerasTensor, Shape, is_symbolic
from deepcore.variable import Variable


class HostLayer(Layer):
    """A layer whose `call` takes what people hold (strings, lists, arrays) and gives an array.

    No plan can hold it: strings are not tensors. A model that begins with such layers has them run
    over the data first, then plans the rest.
    """

    takes_strings = True
    runs_on_host = True

    def __call__(self, inputs: Any) -> Any:
        """Computes on values; on a symbolic tensor, becomes part of a model.

        Returns:
            A tensor; an array of strings where the output is strings.

        Raises:
            ValueError: the values do not fit, or only exist inside a plan.
        """
        if is_symbolic(inputs):
            return super().__call__(inputs)
        self._check_init()
        result = self.call(self._on_host(inputs))
        self.built = True
        return result if result.dtype.kind == "O" else ops.convert_to_tensor(result)

    def call(self, inputs: Any) -> npt.NDArray[Any]:
        """The computation, from strings or arrays to an array."""
        raise NotImplementedError(f"{type(self).__name__} must write call.")

    def compute_output_spec(self, inputs: Any) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)

    def on_host(self, inputs: Any) -> npt.NDArray[Any]:
        """The output for values, as an array of the dtype that it has in a model."""
        result = self.call(inputs)
        return result if result.dtype.kind == "O" else result.astype(self.output_dtype, copy=False)

    @property
    def output_dtype(self) -> str:
        """The dtype of the output in a model."""
        raise NotImplementedError(f"{type(self).__name__} must write output_dtype.")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        raise NotImplementedError(f"{type(self).__name__} must write compute_output_shape.")

    def _on_host(self, inputs: Any) -> Any:
        if isinstance(inputs, Variable):
            inputs = inputs.value
        if not ops.is_tensor(inputs):
            return inputs
        if inputs.is_symbolic:
            raise ValueError(
                f"{type(self).__name__}: the layer '{self.name}' computes before the planned step, "
                "so it must come first in a Sequential or functional model. Received: a tensor "
                "that is computed inside the step."
            )
        return np.asarray(inputs)
