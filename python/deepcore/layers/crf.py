"""CRF: a linear-chain conditional random field on top of a network that reads sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepcore import checks, constraints, initializers, ops, regularizers, tree
from deepcore.layers.context import current_targets
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor

_DECODERS = ("viterbi", "marginals")


@builtin("deepcore.layers")
class CRF(Layer):
    """Tags sequences as wholes: a tag's score depends on the tag before it.

    Brings its own loss: where the tags are known (in `fit` and `evaluate`), the layer adds the
    negative log-likelihood of the tag sequence, so that `compile("adam")` is enough. The targets
    are integers (N, T); for a model of several outputs they come in a dict, under this layer's
    name. Not in Keras; Lafferty, McCallum & Pereira 2001, with the potentials of Lample et al.
    2016, "Neural architectures for named entity recognition".

    x: (N, T, F); output: (N, T, units), whose argmax over the last axis is the tag. Masked steps
    are left out of the chain; their output is 0.

    Args:
        units: the number of tags, K.
        decode: `"viterbi"` for one at the tags of the likeliest sequence and zero elsewhere,
            `"marginals"` for the probability of each tag at each step.
        use_kernel: whether to make potentials of the inputs by a matrix product and a bias; else
            the inputs are the potentials, and F must be K.
        allowed_transitions: (K, K) of truth values, whether tag j may follow tag i; decoding takes
            no others. All when None.
        allowed_start: (K,), the tags that a sequence may begin with; all when None.
        allowed_end: (K,), those that it may end with; all when None.
        kernel_initializer: the first value of the kernel (F, K).
        transition_initializer: of the transitions (K, K) and the scores of first and last tags.
        bias_initializer: of the bias.
        kernel_regularizer: a penalty on the kernel.
        transition_regularizer: a penalty on the transitions.
        kernel_constraint: a projection of the kernel after each update.
        transition_constraint: a projection of the transitions after each update.
        **kwargs: see `Layer`.

    Raises:
        ValueError: arguments, inputs or targets that do not fit.

    Example:
        >>> model = Sequential([Input((7, 4)), layers.Bidirectional(layers.LSTM(8,
        ...     return_sequences=True)), CRF(3)])
        >>> model.compile("adam", metrics=["accuracy"])
        >>> history = model.fit(x, tags)
    """

    def __init__(
        self,
        units: int,
        decode: str = "viterbi",
        use_kernel: bool = True,
        allowed_transitions: Any = None,
        allowed_start: Any = None,
        allowed_end: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        transition_initializer: Any = "zeros",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        transition_regularizer: Any = None,
        kernel_constraint: Any = None,
        transition_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = checks.positive_int("CRF", "units", units)
        if decode not in _DECODERS:
            raise ValueError(f"CRF: decode must be one of {_DECODERS}. Received: {decode=}.")
        self.decode = decode
        self.use_kernel = use_kernel
        k = self.units
        self.allowed_transitions = _allowed("allowed_transitions", allowed_transitions, (k, k))
        self.allowed_start = _allowed("allowed_start", allowed_start, (k,))
        self.allowed_end = _allowed("allowed_end", allowed_end, (k,))
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.transition_initializer = initializers.get(transition_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.transition_regularizer = regularizers.get(transition_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.transition_constraint = constraints.get(transition_constraint)
        self.input_spec = InputSpec(ndim=3)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Makes kernel (F, K) and bias (K,) where used, transitions (K, K), start and end (K,)."""
        width = input_shape[-1]
        if width is None or (not self.use_kernel and width != self.units):
            expected = "known" if self.use_kernel else f"of size {self.units}, one score a tag"
            raise ValueError(
                f"CRF: the last axis of the input must be {expected}. Received: {input_shape=}."
            )
        self.input_spec = InputSpec(ndim=3, axes={-1: width})
        if self.use_kernel:
            self.kernel = self.add_weight(
                name="kernel",
                shape=(width, self.units),
                initializer=self.kernel_initializer,
                regularizer=self.kernel_regularizer,
                constraint=self.kernel_constraint,
            )
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer
            )
        self.transitions = self.add_weight(
            name="transitions",
            shape=(self.units, self.units),
            initializer=self.transition_initializer,
            regularizer=self.transition_regularizer,
            constraint=self.transition_constraint,
        )
        ends = {"shape": (self.units,), "initializer": self.transition_initializer}
        self.start = self.add_weight(name="start", **ends)
        self.end = self.add_weight(name="end", **ends)

    def call(
        self, inputs: Tensor, mask: Tensor | None = None, training: bool | None = None
    ) -> Tensor:
        """`mask`: (N, T), True where a step counts."""
        potentials = inputs
        if self.use_kernel:
            potentials = ops.add(ops.matmul(inputs, self.kernel), self.bias)
        targets = current_targets()
        if targets is not None:
            self._learn(potentials, mask, *targets)
        transitions = _only(self.transitions, self.allowed_transitions)
        start, end = _only(self.start, self.allowed_start), _only(self.end, self.allowed_end)
        if self.decode == "marginals":
            return ops.crf_marginals(potentials, transitions, start, end, mask)
        tags, _ = ops.viterbi_decode(potentials, transitions, start, end, mask)
        path = ops.one_hot(tags, self.units, dtype=potentials.dtype)
        if mask is None:
            return path
        return ops.multiply(path, ops.expand_dims(ops.cast(mask, path.dtype), -1))

    def _learn(
        self, potentials: Tensor, mask: Tensor | None, y: Any, weights: Any, compiled: Any
    ) -> None:
        """Adds the mean loss of the sequences of a batch.

        A compiled loss would learn nothing from the best path, and find zeros, not probabilities,
        where steps are masked.
        """
        if isinstance(compiled, dict):
            compiled = compiled.get(self.name)
        elif isinstance(compiled, list | tuple):
            compiled = compiled[0] if len(compiled) == 1 else None
        if compiled is not None:
            raise ValueError(
                f"CRF: layer '{self.name}' brings its own loss: compile the model without one, or "
                f"with None for this output. Received: loss={compiled!r}."
            )
        tags = self._own("y", y)
        if len(tags.shape) == 3 and tags.shape[-1] == 1:
            tags = ops.squeeze(tags, -1)
        if tuple(tags.shape) != tuple(potentials.shape[:2]) or "int" not in tags.dtype:
            raise ValueError(
                f"CRF: the targets of layer '{self.name}' must be integer tags of shape "
                f"{tuple(potentials.shape[:2])}. Received: shape {tuple(tags.shape)}, dtype "
                f"{tags.dtype}."
            )
        loss = ops.negative(
            ops.crf_log_likelihood(potentials, tags, self.transitions, self.start, self.end, mask)
        )
        if weights is not None:
            weights = self._own("sample_weight", weights)
            if tuple(weights.shape) not in ((loss.shape[0],), (loss.shape[0], 1)):
                raise ValueError(
                    f"CRF: the weights of layer '{self.name}' must be one a sequence, of shape "
                    f"({loss.shape[0]},). Received: shape {tuple(weights.shape)}."
                )
            loss = ops.multiply(loss, ops.cast(ops.reshape(weights, (-1,)), loss.dtype))
        self.add_loss(ops.mean(loss))

    def _own(self, what: str, values: Any) -> Tensor:
        """This layer's part of what `fit` was given."""
        if isinstance(values, dict):
            if self.name not in values:
                raise ValueError(
                    f"CRF: `{what}` has nothing for layer '{self.name}'. "
                    f"Received: keys {sorted(values)}."
                )
            values = values[self.name]
        found = tree.flatten(values)
        if len(found) != 1:
            raise ValueError(
                f"CRF: give `{what}` of several outputs as a dict, so that layer '{self.name}' "
                f"finds its own. Received: {len(found)} arrays."
            )
        own: Tensor = found[0]
        return own

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "decode": self.decode,
            "use_kernel": self.use_kernel,
            "allowed_transitions": _listed(self.allowed_transitions),
            "allowed_start": _listed(self.allowed_start),
            "allowed_end": _listed(self.allowed_end),
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "transition_initializer": initializers.serialize(self.transition_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "transition_regularizer": regularizers.serialize(self.transition_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "transition_constraint": constraints.serialize(self.transition_constraint),
        }


def _allowed(name: str, given: Any, shape: tuple[int, ...]) -> npt.NDArray[np.bool_] | None:
    if given is None:
        return None
    array = np.asarray(given)
    if array.shape != shape or array.dtype.kind not in "bui":
        raise ValueError(
            f"CRF: {name} must be truth values of shape {shape}. "
            f"Received: shape {array.shape}, dtype {array.dtype}."
        )
    found: npt.NDArray[np.bool_] = array.astype(bool)
    if not found.any():
        raise ValueError(f"CRF: {name} allows nothing.")
    return found


def _only(scores: Any, allowed: npt.NDArray[np.bool_] | None) -> Any:
    return scores if allowed is None else ops.where(allowed, scores, float("-inf"))


def _listed(allowed: npt.NDArray[np.bool_] | None) -> Any:
    return None if allowed is None else allowed.tolist()
