"""GroupQueryAttention (keras.layers.GroupQueryAttention)."""

from __future__ import annotations

import math
from typing import Any

from deepcore import checks
from deepcore.layers.attention.projected import ProjectedAttention
from deepcore.layers.core.einsum_dense import EinsumDense
from deepcore.serialization import builtin
from deepcore.symbolic import Shape


@builtin("keras.layers", "GroupQueryAttention")
class GroupedQueryAttention(ProjectedAttention):
    """Attention whose heads share keys and values in groups (Ainslie et al. 2023).

    Called on query (N, T, D), value (N, S, D) and key (N, S, D), the value when left out; masks and
    results are those of `MultiHeadAttention`.

    Args:
        head_dim: the size of a head.
        num_query_heads: the heads of the query; a multiple of those of key and value.
        num_key_value_heads: the heads of key and value.
        dropout: the share of the weights that training drops.
        use_bias: whether projections add a bias.
        sliding_window: how near a key must be: less than so many positions; any when None.
        flash_attention: True refuses what needs all weights at once.
        kernel_initializer: the kernels' first values.
        bias_initializer: the biases' first values.
        kernel_regularizer: a penalty on the kernels.
        bias_regularizer: a penalty on the biases.
        activity_regularizer: a penalty on the outputs.
        kernel_constraint: a projection of the kernels after each update.
        bias_constraint: a projection of the biases after each update.
        use_gate: whether a sigmoid of a projection of the query multiplies the heads' results.
        seed: makes the dropout repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: sizes that are not positive, or heads that are no multiple.

    Example:
        >>> x = np.ones((2, 7, 16), "float32")
        >>> GroupedQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
        (2, 7, 16)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        where = type(self).__name__
        self.head_dim = checks.positive_int(where, "head_dim", head_dim)
        self.num_query_heads = checks.positive_int(where, "num_query_heads", num_query_heads)
        self.num_key_value_heads = checks.positive_int(
            where, "num_key_value_heads", num_key_value_heads
        )
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"{where}: num_query_heads must be a multiple of num_key_value_heads. "
                f"Received: {num_query_heads=}, {num_key_value_heads=}."
            )
        self.num_repeats = num_query_heads // num_key_value_heads
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.sliding_window = sliding_window
        self._take_options(
            dropout,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            kernel_constraint,
            bias_constraint,
        )
        self.seed = seed
        self._score_scale = 1.0 / math.sqrt(float(self.head_dim))

    def _gated(self) -> bool:
        return self.use_gate

    def build(  # type: ignore[override]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Makes the projections: kernels (D, heads, size), and (heads, size, D) at the end."""
        key_shape = value_shape if key_shape is None else key_shape
        for what, shape in (("query", query_shape), ("value", value_shape), ("key", key_shape)):
            if len(shape) != 3:
                raise ValueError(
                    f"GroupedQueryAttention: the {what} must have axes (batch, steps, features). "
                    f"Received: shape {tuple(shape)}."
                )
        self.feature_dim = query_shape[-1]
        heads, shared = self.num_query_heads, self.num_key_value_heads

        def to_heads(shape: Shape, count: int, name: str, **options: Any) -> EinsumDense:
            sizes = (None, count, self.head_dim)
            dense = self._dense("abc,cde->abde", sizes, "de", name, **options)
            dense.build(shape)
            return dense

        self._query_dense = to_heads(query_shape, heads, "query")
        self._key_dense = to_heads(key_shape, shared, "key")
        if self.use_gate:
            self._gate_dense = to_heads(query_shape, heads, "gate", activation="sigmoid")
        self._value_dense = to_heads(value_shape, shared, "value")
        self._make_score_layers(-1, self.seed)
        self._dot_product_equation = "bkuh,bquh->buqk"
        self._combine_equation = "buqk,bkuh->bquh"
        self._output_dense = self._dense(
            "abcd,cde->abe", (None, self.feature_dim), "e", "attention_output"
        )
        self._output_dense.build((None, None, heads, self.head_dim))

    def compute_output_shape(  # type: ignore[override]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        key_shape = value_shape if key_shape is None else key_shape
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "GroupedQueryAttention: query and value must have as many features. Received: "
                f"query_shape={tuple(query_shape)}, value_shape={tuple(value_shape)}."
            )
        if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
            raise ValueError(
                "GroupedQueryAttention: value and key must have as many steps. Received: "
                f"value_shape={tuple(value_shape)}, key_shape={tuple(key_shape)}."
            )
        return query_shape

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        shape = self.compute_output_shape(
            query.shape, value.shape, None if key is None else key.shape
        )
        scores = (query.shape[0], self.num_query_heads, query.shape[1], value.shape[1])
        return self._output_specs(shape, scores, return_attention_scores)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "head_dim": self.head_dim,
            "num_query_heads": self.num_query_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "use_bias": self.use_bias,
            "use_gate": self.use_gate,
            "seed": self.seed,
            **self._common_config(),
        }


GroupQueryAttention = GroupedQueryAttention
