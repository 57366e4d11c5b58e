"""Losses as classes (keras.losses)."""

from __future__ import annotations

from typing import Any

from deepcore import checks
from deepcore.losses import functions
from deepcore.losses.base import Loss, LossFunctionWrapper
from deepcore.serialization import builtin

_MEAN = "sum_over_batch_size"


class _Named(LossFunctionWrapper):
    """A function's class: its keywords are attributes and make up the config."""

    def get_config(self) -> dict[str, Any]:
        return {**Loss.get_config(self), **self._fn_kwargs}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


def _plain(name: str, function: Any, default: str) -> Any:
    """The class of a function without keywords."""

    def __init__(
        self: Any, reduction: str | None = _MEAN, name: str = default, dtype: Any = None
    ) -> None:
        LossFunctionWrapper.__init__(self, function, reduction, name, dtype)

    doc = f"{function.__doc__.splitlines()[0]} See `{function.__name__}` (keras.losses.{name})."
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__}
    return builtin("keras.losses")(type(name, (_Named,), body))


MeanSquaredError = _plain("MeanSquaredError", functions.mean_squared_error, "mean_squared_error")
MeanAbsoluteError = _plain(
    "MeanAbsoluteError", functions.mean_absolute_error, "mean_absolute_error"
)
MeanAbsolutePercentageError = _plain(
    "MeanAbsolutePercentageError",
    functions.mean_absolute_percentage_error,
    "mean_absolute_percentage_error",
)
MeanSquaredLogarithmicError = _plain(
    "MeanSquaredLogarithmicError",
    functions.mean_squared_logarithmic_error,
    "mean_squared_logarithmic_error",
)
LogCosh = _plain("LogCosh", functions.log_cosh, "log_cosh")
Hinge = _plain("Hinge", functions.hinge, "hinge")
SquaredHinge = _plain("SquaredHinge", functions.squared_hinge, "squared_hinge")
CategoricalHinge = _plain("CategoricalHinge", functions.categorical_hinge, "categorical_hinge")
KLDivergence = _plain("KLDivergence", functions.kl_divergence, "kl_divergence")
CTC = _plain("CTC", functions.ctc, "ctc")
Poisson = _plain("Poisson", functions.poisson, "poisson")


@builtin("keras.losses")
class Huber(LossFunctionWrapper):
    """Quadratic within `delta`, linear outside (keras.losses.Huber)."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = _MEAN,
        name: str = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(functions.huber, reduction, name, dtype, delta=delta)
        self.delta = delta

    def get_config(self) -> dict[str, Any]:
        return {**Loss.get_config(self), "delta": self.delta}


@builtin("keras.losses")
class CosineSimilarity(_Named):
    """Minus the cosine between targets and predictions (keras.losses.CosineSimilarity)."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(functions.cosine_similarity, reduction, name, dtype, axis=axis)


@builtin("keras.losses")
class BinaryCrossentropy(_Named):
    """-t log(p) - (1 - t) log(1 - p) (keras.losses.BinaryCrossentropy).

    Args:
        from_logits: predictions are logits, not probabilities.
        label_smoothing: moves the targets that far towards 1/2, in [0, 1].
        axis: the axes of the mean within a sample.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Any = -1,
        reduction: str | None = _MEAN,
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        checks.fraction("BinaryCrossentropy", "label_smoothing", label_smoothing)
        super().__init__(
            functions.binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@builtin("keras.losses")
class CategoricalCrossentropy(_Named):
    """-sum(t log(p)) for one-hot labels (keras.losses.CategoricalCrossentropy).

    Args:
        from_logits: predictions are logits, not probabilities.
        label_smoothing: moves the targets that far towards 1 / classes, in [0, 1].
        axis: the classes.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        checks.fraction("CategoricalCrossentropy", "label_smoothing", label_smoothing)
        super().__init__(
            functions.categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


@builtin("keras.losses")
class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """-log(p[label]) for integer labels (keras.losses.SparseCategoricalCrossentropy).

    Args:
        from_logits: predictions are logits, not probabilities.
        ignore_class: a label whose loss is 0.
        reduction: see `Loss`.
        axis: the classes.
        name: see `Loss`.
        dtype: see `Loss`.
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = _MEAN,
        axis: int = -1,
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits, self.ignore_class = from_logits, ignore_class

    def get_config(self) -> dict[str, Any]:
        return {
            **Loss.get_config(self),
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
        }


@builtin("keras.losses")
class BinaryFocalCrossentropy(_Named):
    """Binary cross-entropy that weighs easy samples down (keras.losses.BinaryFocalCrossentropy)."""

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: Any = -1,
        reduction: str | None = _MEAN,
        name: str = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
        )


@builtin("keras.losses")
class CategoricalFocalCrossentropy(_Named):
    """Categorical cross-entropy that weighs easy samples down (Lin et al. 2017)."""

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
            alpha=alpha,
            gamma=gamma,
        )


@builtin("keras.losses")
class Dice(_Named):
    """1 - 2 sum(t p) / (sum(t) + sum(p)) (keras.losses.Dice)."""

    def __init__(
        self,
        reduction: str | None = _MEAN,
        name: str = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(functions.dice, reduction, name, dtype, axis=axis)


@builtin("keras.losses")
class Tversky(_Named):
    """Dice with weights of false positives and negatives (keras.losses.Tversky)."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = _MEAN,
        name: str = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            functions.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis
        )


__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
]
