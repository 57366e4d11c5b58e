"""MultiHeadAttention (keras.layers.MultiHeadAttention)."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

from deepcore import checks
from deepcore.layers.attention.projected import ProjectedAttention
from deepcore.layers.core.einsum_dense import EinsumDense
from deepcore.serialization import builtin
from deepcore.symbolic import Shape


@builtin("keras.layers")
class MultiHeadAttention(ProjectedAttention):
    """Attention of several heads between linear projections (Vaswani et al. 2017).

    Called on query (N, T, D), value (N, S, D') and key (N, S, D''), the value when left out. It
    gives (N, T, D), and with `return_attention_scores=True` the weights (N, heads, T, S) too. More
    axes may lie between batch and features; `attention_axes` says which of them are attended over.
    Masks: `query_mask` (N, T), `value_mask` and `key_mask` (N, S), `attention_mask` (N, T, S) or
    (N, heads, T, S), and `use_causal_mask=True`. Without dropout, and when nobody asks for the
    weights, memory grows with T and not with its square.

    Args:
        num_heads: how many heads.
        key_dim: the size of a head's queries and keys.
        value_dim: the size of a head's values; `key_dim` when None.
        dropout: the share of the weights that training drops.
        use_bias: whether projections add a bias.
        output_shape: the output's last axes; those of the query when None.
        attention_axes: the axes attended over; all but batch and features when None.
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
        ValueError: sizes that are not positive, or inputs that do not fit.

    Example:
        >>> x = np.ones((2, 7, 16), "float32")
        >>> MultiHeadAttention(num_heads=4, key_dim=4)(x, x).shape
        (2, 7, 16)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
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
        self._num_heads = checks.positive_int(where, "num_heads", num_heads)
        self._key_dim = checks.positive_int(where, "key_dim", key_dim)
        if value_dim is not None:
            checks.positive_int(where, "value_dim", value_dim)
        self._value_dim = value_dim or key_dim
        self.use_bias = use_bias
        self._use_gate = use_gate
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
        self._output_shape = _sizes(where, "output_shape", output_shape)
        self._attention_axes = _sizes(where, "attention_axes", attention_axes)
        self.seed = seed
        self._score_scale = 1.0 / math.sqrt(float(self._key_dim))

    @property
    def num_heads(self) -> int:
        """How many heads."""
        return self._num_heads

    @property
    def key_dim(self) -> int:
        """The size of a head's queries and keys."""
        return self._key_dim

    @property
    def value_dim(self) -> int:
        """The size of a head's values."""
        return self._value_dim

    @property
    def dropout(self) -> float:
        """The share of the weights that training drops."""
        return self._rate

    @property
    def attention_axes(self) -> tuple[int, ...] | None:
        """The axes attended over."""
        return self._attention_axes

    @property
    def query_dense(self) -> EinsumDense:
        """The projection of the query."""
        return self._query_dense

    @property
    def key_dense(self) -> EinsumDense:
        """The projection of the key."""
        return self._key_dense

    @property
    def value_dense(self) -> EinsumDense:
        """The projection of the value."""
        return self._value_dense

    @property
    def output_dense(self) -> EinsumDense:
        """The projection of the result."""
        return self._output_dense

    def _gated(self) -> bool:
        return self._use_gate

    def build(  # type: ignore[override]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        """Makes the projections: kernels (D, heads, size), and (heads, size, D) at the end."""
        key_shape = _checked(value_shape, key_shape)
        rank = len(query_shape)

        def to_heads(shape: Shape, size: int, name: str, **options: Any) -> EinsumDense:
            equation, bias_axes = _projection(len(shape) - 1, 1, 2)
            sizes = (*[None] * (len(shape) - 2), self._num_heads, size)
            dense = self._dense(equation, sizes, bias_axes, name, **options)
            dense.build(shape)
            return dense

        self._query_dense = to_heads(query_shape, self._key_dim, "query")
        self._key_dense = to_heads(key_shape, self._key_dim, "key")
        if self._use_gate:
            self._gate_dense = to_heads(query_shape, self._value_dim, "gate", activation="sigmoid")
        self._value_dense = to_heads(value_shape, self._value_dim, "value")
        if self._attention_axes is None:
            self._attention_axes = tuple(range(1, rank - 1))
        self._attention_axes = tuple(a if a >= 0 else rank + a for a in self._attention_axes)
        self._query_axes = len(self._attention_axes)
        self._dot_product_equation, self._combine_equation, scores = _score_equations(
            rank + 1, self._attention_axes
        )
        self._make_score_layers(tuple(range(scores - self._query_axes, scores)), self.seed)
        outputs = self._output_shape or (query_shape[-1],)
        equation, bias_axes = _projection(rank - 1, 2, len(outputs))
        sizes = (*[None] * (rank - 2), *outputs)
        self._output_dense = self._dense(equation, sizes, bias_axes, "attention_output")
        self._output_dense.build((*query_shape[:-1], self._num_heads, self._value_dim))

    def compute_output_shape(  # type: ignore[override]
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        _checked(value_shape, key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

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
        scores = (query.shape[0], self._num_heads, query.shape[1], value.shape[1])
        return self._output_specs(shape, scores, return_attention_scores)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "use_bias": self.use_bias,
            "use_gate": self._use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "seed": self.seed,
            **self._common_config(),
        }


def _sizes(where: str, argument: str, value: Any) -> tuple[int, ...] | None:
    if value is None or value == ():
        return None
    sizes = (value,) if isinstance(value, int) else value
    if not isinstance(sizes, list | tuple) or not all(isinstance(v, int) for v in sizes):
        raise ValueError(
            f"{where}: {argument} must be an integer or a tuple of them. "
            f"Received: {argument}={value!r}."
        )
    return tuple(sizes)


def _checked(value_shape: Shape, key_shape: Shape | None) -> Shape:
    key_shape = value_shape if key_shape is None else key_shape
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            "MultiHeadAttention: value and key must have the same sizes but for the last axis. "
            f"Received: value_shape={tuple(value_shape)}, key_shape={tuple(key_shape)}."
        )
    return key_shape


def _projection(free: int, bound: int, made: int) -> tuple[str, str]:
    """The equation of a projection that keeps `free` axes, and the letters of its bias."""
    letters = string.ascii_lowercase
    rows = letters[:free]
    inner = letters[free : free + bound]
    columns = letters[free + bound : free + bound + made]
    return f"{rows}{inner},{inner}{columns}->{rows}{columns}", columns


def _score_equations(rank: int, axes: tuple[int, ...]) -> tuple[str, str, int]:
    """Of key and query, and of weights and value, with the scores' number of axes."""
    letters = string.ascii_lowercase
    query = letters[:rank]
    key, unused = "", rank
    for i in range(rank):
        key += letters[unused] if i in axes else query[i]
        unused += i in axes
    batch = [i for i in range(rank - 1) if i not in axes]
    scores = "".join(
        [*(query[i] for i in batch), *(query[i] for i in axes), *(key[i] for i in axes)]
    )
    return f"{key},{query}->{scores}", f"{scores},{key}->{query}", len(scores)
