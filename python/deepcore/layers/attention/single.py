"""Attention without projections: Attention and AdditiveAttention (keras.layers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import checks, ops, random
from deepcore.layers.attention.masks import causal_mask, check
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import KerasTensor, Shape
from deepcore.variable import Variable

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Attention(Layer):
    """softmax(query key') value: dot-product attention (Luong et al. 2015).

    Called on a list: query (N, T, D), value (N, S, E), and key (N, S, D), the value when left out.
    It gives (N, T, E), and with `return_attention_scores=True` the weights (N, T, S) too.

    Args:
        use_scale: whether to multiply the scores by a weight.
        score_mode: "dot", or "concat": the sum of tanh(query + key) by a weight.
        dropout: the share of the weights that training drops.
        seed: makes the dropout repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: an unknown `score_mode`, or not a list of two or three inputs.

    Example:
        >>> Attention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
        (2, 3, 4)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = type(self).__name__
        self.use_scale = use_scale
        self.score_mode = checks.one_of(where, "score_mode", score_mode, ("dot", "concat"))
        checks.fraction(where, "dropout", dropout)
        self.dropout = dropout
        self.seed = seed
        if dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.scale: Variable | None = None
        self.concat_score_weight: Variable | None = None
        self.supports_masking = True

    def build(self, input_shape: list[Shape]) -> None:
        """Makes scale and concat_score_weight, (), where they are asked for."""
        self._check_inputs(input_shape, None)
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(
                name="concat_score_weight", shape=(), initializer="ones"
            )

    def call(
        self,
        inputs: list[Tensor],
        mask: list[Tensor | None] | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """`mask`: of query (N, T) and value (N, S); masked queries give 0."""
        self._check_inputs(inputs, mask)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        of_query, of_value = (mask[0], mask[1]) if mask else (None, None)
        check(type(self).__name__, "the query's mask", of_query, tuple(query.shape[:-1]))
        check(type(self).__name__, "the value's mask", of_value, tuple(value.shape[:-1]))
        if self._runs_fused(query, key, value, training, return_attention_scores):
            output = self._fused(query, key, value, of_value, use_causal_mask)
            weights = None
        else:
            scores = self._calculate_scores(query, key)
            output, weights = self._apply_scores(
                scores, value, self._score_mask(scores, of_value, use_causal_mask), training
            )
        if of_query is not None:
            output = ops.where(ops.expand_dims(of_query, -1), output, ops.zeros_like(output))
        return (output, weights) if return_attention_scores else output

    def _runs_fused(
        self, query: Tensor, key: Tensor, value: Tensor, training: bool, scores: bool
    ) -> bool:
        return (
            type(self)._calculate_scores is Attention._calculate_scores
            and type(self)._apply_scores is Attention._apply_scores
            and self.score_mode == "dot"
            and not (scores or (training and self.dropout > 0))
            and all(len(x.shape) == 3 for x in (query, key, value))
        )

    def _fused(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool
    ) -> Tensor:
        """The same with one head, and the scores never in memory as a whole."""
        if self.scale is not None:
            query = ops.multiply(query, ops.cast(self.scale, query.dtype))
        if mask is not None:
            mask = ops.reshape(mask, (*mask.shape[:-1], 1, 1, mask.shape[-1]))
        q, k, v = (ops.expand_dims(x, 2) for x in (query, key, value))
        output = ops.dot_product_attention(q, k, v, mask=mask, scale=1.0, is_causal=causal)
        return ops.squeeze(output, 2)

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        """(N, T, S) from query (N, T, D) and key (N, S, D)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else ops.multiply(scores, self.scale)
        pairs = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        if self.scale is not None:
            pairs = ops.multiply(pairs, self.scale)
        assert self.concat_score_weight is not None
        return ops.multiply(self.concat_score_weight, ops.sum(ops.tanh(pairs), -1))

    def _apply_scores(
        self, scores: Tensor, value: Tensor, scores_mask: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor]:
        """The weighted sum of the values, and the weights."""
        if scores_mask is not None:
            low = 65504.0 if scores.dtype == "float16" else 1.0e9
            scores = ops.where(scores_mask, scores, ops.subtract(scores, low))
        weights = ops.softmax(scores, -1)
        if training and self.dropout > 0:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        return ops.matmul(weights, value), weights

    def _score_mask(self, scores: Tensor, mask: Tensor | None, causal: bool) -> Tensor | None:
        if mask is not None:
            mask = ops.expand_dims(ops.cast(mask, "bool"), -2)
        if not causal:
            return mask
        seen = causal_mask(scores.shape[-2], scores.shape[-1])
        return seen if mask is None else ops.logical_and(mask, seen)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the query."""
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs, mask)
        shapes = [tuple(x.shape) for x in inputs]
        output = KerasTensor(self.compute_output_shape(shapes), self.compute_dtype)
        if not return_attention_scores:
            return output
        return output, KerasTensor((*shapes[0][:-1], shapes[1][-2]), self.compute_dtype)

    def _check_inputs(self, inputs: Any, mask: Any) -> None:
        where = type(self).__name__
        if not isinstance(inputs, list | tuple) or len(inputs) not in (2, 3):
            what = len(inputs) if isinstance(inputs, list | tuple) else type(inputs).__name__
            raise ValueError(
                f"{where}: expected a list of inputs, [query, value] or [query, value, key]. "
                f"Received: {what}."
            )
        if mask is not None and (not isinstance(mask, list | tuple) or len(mask) not in (2, 3)):
            raise ValueError(
                f"{where}: mask must be a list, [query_mask, value_mask]. "
                f"Received: {type(mask).__name__}."
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "use_scale": self.use_scale,
            "score_mode": self.score_mode,
            "dropout": self.dropout,
            "seed": self.seed,
        }


@builtin("keras.layers")
class AdditiveAttention(Attention):
    """softmax(sum(scale tanh(query + key))) value: additive attention (Bahdanau et al. 2015).

    Called as `Attention` is.

    Args:
        use_scale: whether to multiply each feature of tanh(query + key) by a weight.
        dropout: the share of the weights that training drops.
        **kwargs: `seed`, and see `Layer`.

    Raises:
        ValueError: not a list of two or three inputs.

    Example:
        >>> AdditiveAttention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
        (2, 3, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: list[Shape]) -> None:
        """Makes scale (D,)."""
        self._check_inputs(input_shape, None)
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[0][-1],), initializer="glorot_uniform"
            )

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        pairs = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        if self.scale is not None:
            pairs = ops.multiply(pairs, self.scale)
        return ops.sum(pairs, -1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["score_mode"]
        return config
