"""What layers of attention between projections share: options, masks, and the two ways to
compute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import checks, constraints, initializers, ops, regularizers
from deepcore.layers.activation import Softmax
from deepcore.layers.attention.masks import all_of, causal_mask, check, sliding_window_mask
from deepcore.layers.core.einsum_dense import EinsumDense
from deepcore.layers.layer import Layer
from deepcore.layers.regularization import Dropout
from deepcore.symbolic import KerasTensor

if TYPE_CHECKING:
    from deepcore import Tensor


class ProjectedAttention(Layer):
    """Attention of several heads; subclasses say how inputs are projected.

    `_compute_attention` may be overridden: it then gets a mask with everything in it.
    """

    _query_dense: EinsumDense
    _key_dense: EinsumDense
    _value_dense: EinsumDense
    _gate_dense: EinsumDense
    _output_dense: EinsumDense
    _dot_product_equation: str
    _combine_equation: str
    _score_scale: float
    # How many axes the scores have between those of heads and keys.
    _query_axes = 1

    def _take_options(
        self,
        dropout: float,
        sliding_window: int | None,
        flash_attention: bool | None,
        kernel_initializer: Any,
        bias_initializer: Any,
        kernel_regularizer: Any,
        bias_regularizer: Any,
        kernel_constraint: Any,
        bias_constraint: Any,
    ) -> None:
        where = type(self).__name__
        checks.fraction(where, "dropout", dropout)
        self._window = sliding_window
        if sliding_window is not None:
            checks.positive_int(where, "sliding_window", sliding_window)
        self._flash_attention = bool(flash_attention)
        if self._flash_attention and dropout > 0:
            raise ValueError(
                f"{where}: flash_attention=True has no dropout. Received: dropout={dropout}."
            )
        self._rate = dropout
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._bias_initializer = initializers.get(bias_initializer)
        self._kernel_regularizer = regularizers.get(kernel_regularizer)
        self._bias_regularizer = regularizers.get(bias_regularizer)
        self._kernel_constraint = constraints.get(kernel_constraint)
        self._bias_constraint = constraints.get(bias_constraint)
        self.supports_masking = True

    def _dense(
        self, equation: str, output_shape: Any, bias_axes: str, name: str, **options: Any
    ) -> EinsumDense:
        """A projection with this layer's options; each with an initializer of its own."""

        def again(initializer: Any) -> Any:
            return type(initializer).from_config(initializer.get_config())

        dense = EinsumDense(
            equation,
            output_shape=output_shape,
            bias_axes=bias_axes if self.use_bias else None,
            kernel_initializer=again(self._kernel_initializer),
            bias_initializer=again(self._bias_initializer),
            kernel_regularizer=self._kernel_regularizer,
            bias_regularizer=self._bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=self._kernel_constraint,
            bias_constraint=self._bias_constraint,
            dtype=self.dtype_policy,
            name=name,
            **options,
        )
        dense._tells_lost_masks = False  # this layer looks after masks
        return dense

    def _make_score_layers(self, axes: Any, seed: int | None) -> None:
        self._softmax = Softmax(axis=axes, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self._rate, dtype=self.dtype_policy, seed=seed)

    use_bias: bool

    def _gated(self) -> bool:
        raise NotImplementedError(f"{type(self).__name__} must write _gated.")

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """See the class."""
        key = value if key is None else key
        ours = type(self)._compute_attention is ProjectedAttention._compute_attention
        mask = self._compute_attention_mask(
            query,
            value,
            query_mask,
            value_mask,
            key_mask,
            attention_mask,
            use_causal_mask and not ours,
        )
        gate = self._gate_dense(query) if self._gated() else None
        output, scores = self._compute_attention(
            self._query_dense(query),
            self._key_dense(key),
            self._value_dense(value),
            mask,
            training,
            return_attention_scores,
            **({"use_causal_mask": True} if ours and use_causal_mask else {}),
        )
        if gate is not None:
            output = ops.multiply(output, gate)
        output = self._output_dense(output)
        return (output, scores) if return_attention_scores else output

    def _compute_attention_mask(
        self,
        query: Tensor,
        value: Tensor,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        use_causal_mask: bool = False,
    ) -> Tensor | None:
        """All masks in one, (N, T, S) or ones in places; None when there is none."""
        queries, keys = query.shape[1], value.shape[1]
        if len(query.shape) == 3:  # with more axes, masks are those of the axes attended over
            where, batch = type(self).__name__, query.shape[0]
            check(where, "query_mask", query_mask, (batch, queries))
            check(where, "value_mask", value_mask, (batch, keys))
            check(where, "key_mask", key_mask, (batch, keys))
            by_head = attention_mask is not None and len(ops.shape(attention_mask)) == 4
            heads = (self._query_dense.kernel.shape[1],) if by_head else ()
            check(where, "attention_mask", attention_mask, (batch, *heads, queries, keys))
        return all_of(  # type: ignore[no-any-return]
            attention_mask,
            None if query_mask is None else ops.expand_dims(query_mask, -1),
            None if value_mask is None else ops.expand_dims(value_mask, -2),
            None if key_mask is None else ops.expand_dims(key_mask, -2),
            causal_mask(queries, keys) if use_causal_mask else None,
            None if self._window is None else sliding_window_mask(queries, keys, self._window),
        )

    def _compute_attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The heads' results, (N, T, H, E), and the weights where they are asked for.

        Without dropout, and when nobody asks for the weights, they are never in memory as a whole.
        """
        if self._flash_attention and return_attention_scores:
            raise ValueError(
                f"{type(self).__name__}: flash_attention=True keeps no scores. "
                "Received: return_attention_scores=True."
            )
        if not (self._rate > 0 or return_attention_scores or len(query.shape) != 4):
            output = ops.dot_product_attention(
                query,
                key,
                value,
                mask=self._for_scores(attention_mask, 4),
                scale=self._score_scale,
                is_causal=use_causal_mask,
            )
            return output, None
        if use_causal_mask:
            attention_mask = all_of(attention_mask, causal_mask(query.shape[1], key.shape[1]))
        repeats = query.shape[-2] // key.shape[-2]
        if repeats > 1:
            key, value = ops.repeat(key, repeats, -2), ops.repeat(value, repeats, -2)
        query = ops.multiply(query, ops.cast(self._score_scale, query.dtype))
        scores = ops.einsum(self._dot_product_equation, key, query)
        weights = self._masked_softmax(scores, attention_mask)
        kept = self._dropout_layer(weights, training=training) if self._rate > 0 else weights
        return ops.einsum(self._combine_equation, kept, value), weights

    def _masked_softmax(self, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        softmax: Tensor = self._softmax(scores, mask=self._for_scores(mask, len(scores.shape)))
        return softmax

    def _for_scores(self, mask: Tensor | None, rank: int) -> Tensor | None:
        """With axes of size 1 where the scores have heads."""
        if mask is None:
            return None
        while len(mask.shape) < rank:
            mask = ops.expand_dims(mask, max(-2 * self._query_axes - 1, -len(mask.shape) - 1))
        return ops.cast(mask, "bool")

    def _output_specs(self, output: Any, scores: Any, wanted: bool) -> Any:
        made = KerasTensor(output, self.compute_dtype)
        return (made, KerasTensor(scores, self.compute_dtype)) if wanted else made

    def _common_config(self) -> dict[str, Any]:
        return {
            "kernel_initializer": initializers.serialize(self._kernel_initializer),
            "bias_initializer": initializers.serialize(self._bias_initializer),
            "kernel_regularizer": regularizers.serialize(self._kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self._bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self._kernel_constraint),
            "bias_constraint": constraints.serialize(self._bias_constraint),
            "sliding_window": self._window,
            "dropout": self._rate,
        }
