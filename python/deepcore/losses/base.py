"""Loss: a function of targets and predictions, weighted and reduced to a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deepcore import checks, config, masks, naming, ops, tree
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object

if TYPE_CHECKING:
    from deepcore.ops import Tensor, TensorLike

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


@builtin("keras.losses")
class Loss:
    """What every loss is (keras.losses.Loss). Subclasses write `call(y_true, y_pred)`.

    Args:
        name: made from the class's when None.
        reduction: how the loss of each sample becomes a number: "sum_over_batch_size" or "mean"
            (the mean), "sum", "mean_with_sample_weight" (over the sum of the weights), or None.
        dtype: of the computation; the default float when None.

    Raises:
        ValueError: unknown reduction.
    """

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: Any = None,
    ) -> None:
        self.name = name or naming.auto_name(type(self).__name__)
        self.reduction = checks.one_of(type(self).__name__, "reduction", reduction, REDUCTIONS)
        self._dtype = getattr(dtype, "compute_dtype", dtype)

    @property
    def dtype(self) -> str:
        """The dtype of the computation."""
        return config.standardize_dtype(self._dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: TensorLike | None = None) -> Tensor:
        """The reduced loss.

        Args:
            y_true: targets, (N, ...).
            y_pred: predictions, (N, ...).
            sample_weight: (N,), or of the shape of the losses.

        Raises:
            ValueError: shapes that do not fit.
        """
        dtype = self.dtype
        given = masks.get(y_pred)
        y_pred = tree.map_structure(lambda t: ops.convert_to_tensor(t, dtype), y_pred)
        y_true = tree.map_structure(
            lambda t: ops.convert_to_tensor(t, self._target_dtype(t)), y_true
        )
        values = self.call(y_true, y_pred)
        mask = _both(given, self._mask(y_true, values))
        return reduce_weighted_values(values, sample_weight, mask, self.reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """The loss of each sample."""
        raise NotImplementedError(f"{type(self).__name__} must write call(y_true, y_pred).")

    def _target_dtype(self, y_true: Any) -> str | None:
        return self.dtype

    def _mask(self, y_true: Any, values: Tensor) -> Tensor | None:
        """Which of the losses count; None: all."""
        return None

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


@builtin("keras.losses")
class LossFunctionWrapper(Loss):
    """A function as a `Loss`; further keywords are passed to it."""

    def __init__(
        self,
        fn: Any,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.fn = fn
        self._fn_kwargs = kwargs

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """The function of aligned targets and predictions."""
        if not tree.is_nested(y_true) and not tree.is_nested(y_pred):
            y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
        result: Tensor = self.fn(y_true, y_pred, **self._fn_kwargs)
        return result

    def _target_dtype(self, y_true: Any) -> str | None:
        # Labels stay integers: float32 holds them exactly only up to 2**24.
        return None if getattr(self.fn, "takes_labels", False) else self.dtype

    def _mask(self, y_true: Any, values: Tensor) -> Tensor | None:
        # The mean of a sparse cross-entropy leaves ignored samples out.
        label = self._fn_kwargs.get("ignore_class")
        if label is None or not getattr(self.fn, "takes_labels", False):
            return None
        return ops.reshape(ops.not_equal(y_true, label), values.shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "fn": serialize_keras_object(self.fn),
            **serialize_keras_object(self._fn_kwargs),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if isinstance(config.get("fn"), dict):
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)


def _both(a: Any, b: Any) -> Any:
    """The mask of what both masks let through."""
    if a is None or b is None:
        return b if a is None else a
    return ops.logical_and(a, b)


def squeeze_or_expand_to_same_rank(
    x1: Tensor, x2: Tensor, expand_rank_1: bool = True
) -> tuple[Tensor, Tensor]:
    """Adds or drops a last axis of size 1 where the ranks differ by one."""
    rank1, rank2 = len(x1.shape), len(x2.shape)
    if rank1 == rank2 + 1 and x1.shape[-1] == 1:
        if rank2 == 1 and expand_rank_1:
            return x1, ops.expand_dims(x2, -1)
        return ops.squeeze(x1, -1), x2
    if rank2 == rank1 + 1 and x2.shape[-1] == 1:
        if rank1 == 1 and expand_rank_1:
            return ops.expand_dims(x1, -1), x2
        return x1, ops.squeeze(x2, -1)
    return x1, x2


def align(what: str, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    """Targets and predictions of one dtype and matching shapes: (N,) meets (N, 1), never (N, N).

    Raises:
        ValueError: the shapes do not fit.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if not config.is_float_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, config.floatx())
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    a, b = tuple(y_true.shape), tuple(y_pred.shape)
    if a != b and a and b:
        fits = len(a) == len(b) and a[0] == b[0]
        if not fits or any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
            raise ValueError(
                f"{what}: y_true and y_pred do not fit. "
                f"Received: y_true.shape={a}, y_pred.shape={b}."
            )
    return y_true, y_pred


def reduce_values(
    values: Tensor,
    sample_weight: TensorLike | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> Tensor:
    """The sum or mean of the losses, or the losses themselves."""
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        return ops.divide_no_nan(total, ops.cast(ops.sum(sample_weight), total.dtype))
    return ops.divide(total, float(max(math.prod(values.shape), 1)))


def reduce_weighted_values(
    values: TensorLike,
    sample_weight: TensorLike | None = None,
    mask: TensorLike | None = None,
    reduction: str | None = "sum_over_batch_size",
    dtype: Any = None,
) -> Tensor:
    """Weighs the losses, leaves masked ones out, and reduces them."""
    values = ops.convert_to_tensor(values, dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, values.dtype)
    sample_weight = apply_mask(sample_weight, mask, values.dtype, reduction)
    if sample_weight is not None:
        values, sample_weight = match_weights(values, sample_weight)
        values = ops.multiply(values, sample_weight)
    return reduce_values(values, sample_weight, reduction)


def match_weights(values: Tensor, weights: Any) -> tuple[Tensor, Tensor]:
    """Weights with trailing axes of size 1, so that those of a sample meet all its losses.

    Raises:
        ValueError: the weights are not of the leading axes of the losses.
    """
    values, weights = squeeze_or_expand_to_same_rank(values, weights)
    shape, given = tuple(values.shape), tuple(weights.shape)
    if len(given) < len(shape) and given == shape[: len(given)]:
        weights = ops.reshape(weights, (*given, *[1] * (len(shape) - len(given))))
    given = tuple(weights.shape)
    if given and (
        len(given) != len(shape) or any(n not in (1, m) for m, n in zip(shape, given, strict=True))
    ):
        raise ValueError(f"sample_weight of shape {given} does not fit losses of shape {shape}.")
    return values, weights


def apply_mask(
    sample_weight: Any, mask: TensorLike | None, dtype: str, reduction: str | None
) -> Any:
    """Weights that are 0 where the mask is, and keep the mean one over what remains."""
    if mask is None:
        return sample_weight
    mask = ops.cast(ops.convert_to_tensor(mask), "bool")
    weight = ops.cast(mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        total = float(math.prod(mask.shape))
        weight = ops.multiply(weight, ops.divide_no_nan(total, ops.sum(weight)))
    if sample_weight is None:
        return weight
    sample_weight = ops.cast(sample_weight, dtype)
    if len(sample_weight.shape) < len(weight.shape):
        weight, sample_weight = match_weights(weight, sample_weight)
    else:
        sample_weight, weight = match_weights(sample_weight, weight)
    return ops.multiply(sample_weight, weight)
