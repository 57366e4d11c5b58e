"""Input and InputLayer: where a model begins (keras.Input, keras.layers.InputLayer)."""

from __future__ import annotations

from typing import Any

from deepcore import config
from deepcore.layers.layer import Layer
from deepcore.nodes import Node
from deepcore.serialization import builtin
from deepcore.symbolic import KerasTensor, Shape, standardize_shape


@builtin("keras.layers")
class InputLayer(Layer):
    """The shape and dtype of a model's input; it computes nothing.

    Args:
        shape: without the batch axis.
        batch_size: None when any will do.
        dtype: the default float when None; `"string"` for texts.
        sparse: kept for compatibility; must be False.
        batch_shape: with the batch axis, in place of `shape`.
        input_tensor: a KerasTensor to take both from.
        optional: kept for files.
        name: of the layer.

    Raises:
        ValueError: no shape, or two.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        shape = kwargs.pop("input_shape", shape)
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ValueError(f"InputLayer: unexpected arguments {sorted(kwargs)}.")
        if sparse or ragged:
            raise ValueError("InputLayer: sparse and ragged inputs are not supported.")
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif (shape is None) == (batch_shape is None):
            raise ValueError(
                "Input: pass either `shape` (without the batch axis) or `batch_shape`. "
                f"Received: {shape=}, {batch_shape=}."
            )
        if batch_shape is not None and batch_size is not None:
            raise ValueError("Input: pass `batch_size` together with `shape` only.")
        if batch_shape is None:
            batch_shape = (batch_size, *standardize_shape(shape))
        self._batch_shape = standardize_shape(batch_shape)
        self._dtype = dtype if dtype == "string" else config.standardize_dtype(dtype)
        self.optional = optional
        self.built = True
        Node(self, (), {}, KerasTensor(self._batch_shape, self._dtype, self.name))

    @property
    def batch_shape(self) -> Shape:
        """The shape with the batch axis."""
        return self._batch_shape

    @property
    def dtype(self) -> str:
        """The dtype that inputs are cast to."""
        return self._dtype

    def call(self) -> None:
        """Nothing to compute."""

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic input for a model (keras.Input).

    Args:
        shape: without the batch axis.
        batch_size: None when any will do.
        dtype: the default float when None; `"string"` for texts.
        sparse: kept for compatibility; must be False.
        ragged: kept for compatibility; must be False.
        batch_shape: with the batch axis, in place of `shape`.
        name: of the input layer.
        tensor: a KerasTensor to take both from.
        optional: kept for files.

    Raises:
        ValueError: no shape, or two.

    Example:
        >>> Input((784,)).shape
        (None, 784)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    found: KerasTensor = layer.output
    return found
