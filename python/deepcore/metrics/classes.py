"""Metrics that are the mean of a function (keras.metrics)."""

from __future__ import annotations

from typing import Any

from deepcore import ops
from deepcore.losses import functions as losses
from deepcore.metrics import functions
from deepcore.metrics.reduction import MeanMetricWrapper
from deepcore.serialization import builtin


def _plain(name: str, function: Any, default: str) -> Any:
    """The class of a function without keywords."""

    def __init__(self: Any, name: str | None = default, dtype: Any = None) -> None:
        MeanMetricWrapper.__init__(self, function, name, dtype)

    doc = f"The mean of `{function.__name__}` (keras.metrics.{name})."
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__}
    return builtin("keras.metrics")(type(name, (MeanMetricWrapper,), body))


Accuracy = _plain("Accuracy", functions.accuracy, "accuracy")
CategoricalAccuracy = _plain(
    "CategoricalAccuracy", functions.categorical_accuracy, "categorical_accuracy"
)
SparseCategoricalAccuracy = _plain(
    "SparseCategoricalAccuracy",
    functions.sparse_categorical_accuracy,
    "sparse_categorical_accuracy",
)
MeanSquaredError = _plain("MeanSquaredError", losses.mean_squared_error, "mean_squared_error")
MeanAbsoluteError = _plain("MeanAbsoluteError", losses.mean_absolute_error, "mean_absolute_error")
MeanAbsolutePercentageError = _plain(
    "MeanAbsolutePercentageError",
    losses.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
)
MeanSquaredLogarithmicError = _plain(
    "MeanSquaredLogarithmicError",
    losses.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
)
LogCoshError = _plain("LogCoshError", losses.log_cosh, "logcosh")
Hinge = _plain("Hinge", losses.hinge, "hinge")
SquaredHinge = _plain("SquaredHinge", losses.squared_hinge, "squared_hinge")
CategoricalHinge = _plain("CategoricalHinge", losses.categorical_hinge, "categorical_hinge")
KLDivergence = _plain("KLDivergence", losses.kl_divergence, "kl_divergence")
Poisson = _plain("Poisson", losses.poisson, "poisson")


@builtin("keras.metrics")
class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions lie on the target's side of the threshold."""

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(
                f"BinaryAccuracy: threshold must be in (0, 1). Received: threshold={threshold!r}."
            )
        super().__init__(functions.binary_accuracy, name, dtype, threshold=threshold)


@builtin("keras.metrics")
class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often a one-hot target's class is among the k best."""

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(functions.top_k_categorical_accuracy, name, dtype, k=k)


@builtin("keras.metrics")
class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label is among the k best."""

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        function = functions.sparse_top_k_categorical_accuracy
        super().__init__(function, name, dtype, k=k, from_sorted_ids=from_sorted_ids)

    def get_config(self) -> dict[str, Any]:
        return _unless_default(super().get_config(), "from_sorted_ids", False)


@builtin("keras.metrics")
class BinaryCrossentropy(MeanMetricWrapper):
    """The mean binary cross-entropy."""

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )


@builtin("keras.metrics")
class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of one-hot labels."""

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


@builtin("keras.metrics")
class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean cross-entropy of integer labels."""

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


@builtin("keras.metrics")
class CosineSimilarity(MeanMetricWrapper):
    """The mean cosine of the angle between targets and predictions."""

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)

    def get_config(self) -> dict[str, Any]:
        return _unless_default(super().get_config(), "axis", -1)


def _unless_default(config: dict[str, Any], name: str, default: Any) -> dict[str, Any]:
    """Keras leaves these out, and older versions would not read them."""
    return {k: v for k, v in config.items() if k != name or v != default}


def _cosine(y_true: Any, y_pred: Any, axis: int) -> Any:
    return ops.negative(losses.cosine_similarity(y_true, y_pred, axis))


__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "TopKCategoricalAccuracy",
]
