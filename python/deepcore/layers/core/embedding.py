"""Embedding: a vector for each token (keras.layers.Embedding)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from deepcore import checks, constraints, initializers, ops, regularizers
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor
    from deepcore.variable import Variable


@builtin("keras.layers")
class Embedding(Layer):
    """The row of a table for each token id.

    x: integers (...) below `input_dim`, embeddings: (input_dim, output_dim), output:
    (..., output_dim).

    Args:
        input_dim: the number of ids, 0 included.
        output_dim: the size of a vector.
        embeddings_initializer: the table's first value.
        embeddings_regularizer: a penalty on the table.
        embeddings_constraint: a projection of the table after each update.
        mask_zero: whether id 0 is padding, which later layers and the loss leave out.
        weights: the table's first value, as an array.
        lora_rank: must be None.
        lora_alpha: must be None.
        **kwargs: see `Layer`; `input_length` is accepted and not needed.

    Raises:
        ValueError: a size that is not a positive integer, weights of another shape, or a rank.
        IndexError: an id that is negative, or `input_dim` or more (when called).

    Example:
        >>> Embedding(1000, 64)(np.array([[4, 10, 0]])).shape
        (1, 3, 64)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("quantization_config", None)  # in Keras's files
        if kwargs.pop("input_length", None) is not None:
            warnings.warn("Argument `input_length` is deprecated. Just remove it.", stacklevel=2)
        if lora_rank is not None or lora_alpha is not None:
            raise ValueError(
                "Embedding: low-rank adaptation is not supported. "
                f"Received: {lora_rank=}, {lora_alpha=}."
            )
        super().__init__(**kwargs)
        self.input_dim = checks.positive_int("Embedding", "input_dim", input_dim)
        self.output_dim = checks.positive_int("Embedding", "output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False  # half-precision floats count tokens badly
        if weights is not None:
            self.build()
            alone = isinstance(weights, list) and len(weights) == 1
            self.set_weights(weights if alone else [weights])

    def build(self, input_shape: Any = None) -> None:
        """Makes the table (input_dim, output_dim), for an input of any shape."""
        if self.built:
            return
        self._embeddings = self.add_weight(
            name="embeddings",
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    @property
    def embeddings(self) -> Variable:
        """The table.

        Raises:
            AttributeError: the layer is not built.
        """
        if not self.built:
            raise AttributeError("You must build the layer before accessing `embeddings`.")
        return self._embeddings

    def call(self, inputs: Tensor) -> Tensor:
        if inputs.dtype not in ("int32", "int64"):
            inputs = ops.cast(inputs, "int32")
        # `take` counts negative indices from the end; an id of -1 is a mistake.
        given = inputs
        inputs = ops.where(ops.less(inputs, 0), self.input_dim, inputs)
        try:
            vectors = ops.take(self.embeddings, inputs, axis=0)
        except IndexError:  # in a planned step, `take` tells it
            largest = ops.max(ops.cast(given, "int64")).item()
            smallest = ops.min(ops.cast(given, "int64")).item()
            raise IndexError(
                f"Embedding: an index is out of range: layer '{self.name}' has {self.input_dim} "
                f"ids, so they must be 0 to {self.input_dim - 1}. Received: ids from {smallest} to "
                f"{largest}."
            ) from None
        return ops.cast(vectors, self.compute_dtype)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
        }
