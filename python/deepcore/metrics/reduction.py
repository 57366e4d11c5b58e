"""Mean and Sum, which other metrics are made of (keras.metrics)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deepcore import masks, ops
from deepcore.losses.base import align, apply_mask, match_weights
from deepcore.metrics.base import Metric
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object

if TYPE_CHECKING:
    from deepcore.ops import Tensor, TensorLike

__all__ = ["Mean", "MeanMetricWrapper", "RootMeanSquaredError", "Sum"]


def reduce_to_samplewise_values(
    values: Any, sample_weight: Any, reduce_fn: Callable[..., Tensor], dtype: str
) -> tuple[Tensor, Tensor | None]:
    """One weighted value, and one weight, for each sample."""
    values = ops.convert_to_tensor(values, dtype)
    if sample_weight is not None:
        sample_weight = ops.convert_to_tensor(sample_weight, dtype)
        given = len(sample_weight.shape)
        values, sample_weight = match_weights(values, sample_weight)
        sample_weight = ops.broadcast_to(sample_weight, values.shape)
        if len(values.shape) > given >= 1:  # weights of whole samples: reduce those first
            rest = list(range(given, len(values.shape)))
            values = reduce_fn(values, axis=rest)
            sample_weight = ops.mean(sample_weight, axis=rest)
        values = ops.multiply(values, sample_weight)
        if len(sample_weight.shape) > 1:
            rest = list(range(1, len(sample_weight.shape)))
            sample_weight = reduce_fn(sample_weight, axis=rest)
    if len(values.shape) > 1:
        values = reduce_fn(values, axis=list(range(1, len(values.shape))))
    return values, sample_weight


@builtin("keras.metrics")
class Sum(Metric):
    """The weighted sum of all values (keras.metrics.Sum)."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds values of any shape, with weights of their leading axes."""
        values, _ = reduce_to_samplewise_values(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Tensor:
        """The sum."""
        return self.total.value


@builtin("keras.metrics")
class Mean(Metric):
    """The weighted mean of all values, 0 before the first (keras.metrics.Mean).

    Example:
        >>> m = Mean()
        >>> m.update_state([1, 3, 5, 7])
        >>> m.result().item()
        4.0
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        """Adds values of any shape, with weights of their leading axes."""
        values, weight = reduce_to_samplewise_values(values, sample_weight, ops.mean, self.dtype)
        self.total.assign_add(ops.sum(values))
        if weight is not None:
            self.count.assign_add(ops.sum(ops.broadcast_to(weight, values.shape)))
        else:
            self.count.assign_add(float(values.shape[0] if values.shape else 1))

    def result(self) -> Tensor:
        """The mean."""
        return ops.divide_no_nan(self.total.value, self.count.value)


@builtin("keras.metrics")
class MeanMetricWrapper(Mean):
    """The mean of a function of targets and predictions (keras.metrics.MeanMetricWrapper)."""

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), dtype)
        self._fn = fn
        self._fn_kwargs = kwargs

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: TensorLike | None = None
    ) -> None:
        """Adds a batch of targets and predictions."""
        mask = masks.get(y_pred)
        values = self._fn(y_true, y_pred, **self._fn_kwargs)
        sample_weight = apply_mask(sample_weight, mask, self.dtype, "sum")
        label = self._fn_kwargs.get("ignore_class")
        if label is not None:  # ignored samples weigh nothing
            mask = ops.reshape(ops.not_equal(y_true, label), values.shape)
            sample_weight = apply_mask(sample_weight, mask, self.dtype, "sum")
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **serialize_keras_object(self._fn_kwargs)}
        if type(self) is MeanMetricWrapper:
            config["fn"] = serialize_keras_object(self._fn)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if isinstance(config.get("fn"), dict):
            config = {**config, "fn": deserialize_keras_object(config["fn"])}
        return cls(**config)


@builtin("keras.metrics")
class RootMeanSquaredError(Mean):
    """sqrt(mean((y_true - y_pred)**2)) (keras.metrics.RootMeanSquaredError)."""

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: TensorLike | None = None
    ) -> None:
        """Adds a batch of targets and predictions."""
        y_true, y_pred = align(self.name, y_true, y_pred)
        super().update_state(ops.square(ops.subtract(y_pred, y_true)), sample_weight)

    def result(self) -> Tensor:
        """The root of the mean."""
        return ops.sqrt(super().result())
