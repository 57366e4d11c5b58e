"""Losses as functions: one value for each sample (keras.losses)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deepcore import config, ops
from deepcore.losses.base import align

if TYPE_CHECKING:
    from deepcore.ops import Tensor, TensorLike

__all__ = [
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "ctc",
    "dice",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean((y_true - y_pred)**2) over the last axis."""
    y_true, y_pred = align("mean_squared_error", y_true, y_pred)
    return _mean(ops.square(ops.subtract(y_true, y_pred)))


def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = align("mean_absolute_error", y_true, y_pred)
    return _mean(ops.abs(ops.subtract(y_true, y_pred)))


def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """100 mean(|(y_true - y_pred) / y_true|) over the last axis."""
    y_true, y_pred = align("mean_absolute_percentage_error", y_true, y_pred)
    scale = ops.maximum(ops.abs(y_true), config.epsilon())
    return ops.multiply(_mean(ops.abs(ops.divide(ops.subtract(y_true, y_pred), scale))), 100.0)


def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean((log(y_true + 1) - log(y_pred + 1))**2) over the last axis."""
    y_true, y_pred = align("mean_squared_logarithmic_error", y_true, y_pred)
    logs = [ops.log(ops.add(ops.maximum(y, config.epsilon()), 1.0)) for y in (y_pred, y_true)]
    return _mean(ops.square(ops.subtract(*logs)))


def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Tensor:
    """Quadratic within `delta`, linear outside: the mean over the last axis."""
    y_true, y_pred = align("huber", y_true, y_pred)
    error = ops.abs(ops.subtract(y_pred, y_true))
    inside = ops.multiply(ops.square(error), 0.5)
    outside = ops.subtract(ops.multiply(error, delta), 0.5 * delta * delta)
    return _mean(ops.where(ops.less_equal(error, delta), inside, outside))


def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(log(cosh(y_pred - y_true))) over the last axis, without overflow."""
    y_true, y_pred = align("log_cosh", y_true, y_pred)
    error = ops.subtract(y_pred, y_true)
    return _mean(ops.subtract(ops.logaddexp(error, ops.negative(error)), math.log(2)))


def ctc(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Connectionist temporal classification: -log p(labels), see `ops.ctc_loss`.

    Args:
        y_true: (N, L), labels; 0 is the blank and fills rows up.
        y_pred: (N, T, C), logits.

    Raises:
        ValueError: other shapes.
    """
    labels, logits = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(labels.shape) != 2 or len(logits.shape) != 3:
        raise ValueError(
            "ctc: expected y_true (batch, labels) and logits y_pred (batch, steps, classes). "
            f"Received: y_true.shape={tuple(labels.shape)}, y_pred.shape={tuple(logits.shape)}."
        )
    lengths = ops.sum(ops.cast(ops.not_equal(labels, 0), "int32"), axis=-1)
    rows, steps, _ = logits.shape
    return ops.ctc_loss(labels, logits, lengths, ops.full((rows,), steps, dtype="int32"))


def hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(max(1 - y_true y_pred, 0)) over the last axis; labels 0 and 1 become -1 and 1."""
    y_true, y_pred = align("hinge", y_true, y_pred)
    return _mean(ops.relu(ops.subtract(1.0, ops.multiply(_signed(y_true), y_pred))))


def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(max(1 - y_true y_pred, 0)**2) over the last axis; labels as in `hinge`."""
    y_true, y_pred = align("squared_hinge", y_true, y_pred)
    margin = ops.relu(ops.subtract(1.0, ops.multiply(_signed(y_true), y_pred)))
    return _mean(ops.square(margin))


def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """max(best wrong class - right class + 1, 0)."""
    y_true, y_pred = align("categorical_hinge", y_true, y_pred)
    right = ops.sum(ops.multiply(y_true, y_pred), -1)
    wrong = ops.max(ops.multiply(ops.subtract(1.0, y_true), y_pred), -1)
    return ops.relu(ops.add(ops.subtract(wrong, right), 1.0))


def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """sum(y_true log(y_true / y_pred)) over the last axis."""
    y_true, y_pred = align("kl_divergence", y_true, y_pred)
    y_true = ops.clip(y_true, config.epsilon(), 1.0)
    y_pred = ops.clip(y_pred, config.epsilon(), 1.0)
    return ops.sum(ops.multiply(y_true, ops.log(ops.divide(y_true, y_pred))), -1)


def poisson(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """mean(y_pred - y_true log(y_pred)) over the last axis."""
    y_true, y_pred = align("poisson", y_true, y_pred)
    logs = ops.log(ops.add(y_pred, config.epsilon()))
    return _mean(ops.subtract(y_pred, ops.multiply(y_true, logs)))


def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between targets and predictions."""
    y_true, y_pred = align("cosine_similarity", y_true, y_pred)
    product = ops.multiply(ops.normalize(y_true, axis), ops.normalize(y_pred, axis))
    return ops.negative(ops.sum(product, axis))


def binary_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Tensor:
    """The mean over `axis` of -t log(p) - (1 - t) log(1 - p).

    Args:
        y_true: in [0, 1].
        y_pred: probabilities or logits, of the same shape.
        from_logits: what `y_pred` is.
        label_smoothing: moves the targets that far towards 1/2.
        axis: the axes of the mean.
    """
    y_true, y_pred = align("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = ops.add(ops.multiply(y_true, 1.0 - label_smoothing), 0.5 * label_smoothing)
    y_true = ops.broadcast_to(y_true, y_pred.shape)
    return _mean(ops.binary_crossentropy(y_true, y_pred, from_logits), axis)


def categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """-sum(t log(p)) over the classes.

    Args:
        y_true: one-hot or soft labels.
        y_pred: probabilities or logits, of the same shape.
        from_logits: what `y_pred` is.
        label_smoothing: moves the targets that far towards 1 / classes.
        axis: the classes.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    if label_smoothing:
        classes = y_true.shape[-1]
        smooth = ops.multiply(y_true, 1.0 - label_smoothing)
        y_true = ops.add(smooth, label_smoothing / classes)
    return ops.categorical_crossentropy(y_true, y_pred, from_logits, axis)


def sparse_categorical_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """-log(p[label]).

    Args:
        y_true: labels, of the shape of the predictions without the classes, or with 1 for them.
        y_pred: probabilities or logits.
        from_logits: what `y_pred` is.
        ignore_class: a label whose loss is 0.
        axis: the classes.
    """
    return ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis, ignore_class)


sparse_categorical_crossentropy.takes_labels = True  # type: ignore[attr-defined]


def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: Any = -1,
) -> Tensor:
    """Cross-entropy times (1 - p of the truth)**gamma (Lin et al. 2017)."""
    y_true, y_pred = align("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = ops.add(ops.multiply(y_true, 1.0 - label_smoothing), 0.5 * label_smoothing)
    if from_logits:
        y_pred = ops.sigmoid(y_pred)
    y_true = ops.broadcast_to(y_true, y_pred.shape)
    truth = ops.add(
        ops.multiply(y_true, y_pred),
        ops.multiply(ops.subtract(1.0, y_true), ops.subtract(1.0, y_pred)),
    )
    loss = ops.multiply(
        ops.power(ops.subtract(1.0, truth), gamma), ops.binary_crossentropy(y_true, y_pred)
    )
    if apply_class_balancing:
        weight = ops.add(
            ops.multiply(y_true, alpha), ops.multiply(ops.subtract(1.0, y_true), 1.0 - alpha)
        )
        loss = ops.multiply(weight, loss)
    return _mean(loss, axis)


def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Cross-entropy times alpha (1 - p)**gamma for each class (Lin et al. 2017)."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    if label_smoothing:
        smooth = ops.multiply(y_true, 1.0 - label_smoothing)
        y_true = ops.add(smooth, label_smoothing / y_true.shape[-1])
    if from_logits:
        y_pred = ops.softmax(y_pred, axis)
    output = ops.divide(y_pred, ops.sum(y_pred, axis, True))
    output = ops.clip(output, config.epsilon(), 1.0 - config.epsilon())
    factor = ops.multiply(ops.power(ops.subtract(1.0, output), gamma), alpha)
    entropy = ops.negative(ops.multiply(y_true, ops.log(output)))
    return ops.sum(ops.multiply(factor, entropy), axis)


def dice(y_true: TensorLike, y_pred: TensorLike, axis: Any = None) -> Tensor:
    """1 - 2 sum(t p) / (sum(t) + sum(p)) over `axis`."""
    y_true, y_pred = align("dice", y_true, y_pred)
    shared = ops.sum(ops.multiply(y_true, y_pred), axis)
    both = ops.add(ops.add(ops.sum(y_true, axis), ops.sum(y_pred, axis)), config.epsilon())
    return ops.subtract(1.0, ops.divide(ops.multiply(shared, 2.0), both))


def tversky(
    y_true: TensorLike, y_pred: TensorLike, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Tensor:
    """Dice with a weight `alpha` of what is missed and `beta` of what is wrongly found."""
    y_true, y_pred = align("tversky", y_true, y_pred)
    shared = ops.sum(ops.multiply(y_true, y_pred), axis)
    positives = ops.sum(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis)
    negatives = ops.sum(ops.multiply(y_true, ops.subtract(1.0, y_pred)), axis)
    weighed = ops.add(ops.multiply(negatives, alpha), ops.multiply(positives, beta))
    whole = ops.add(ops.add(shared, weighed), config.epsilon())
    return ops.subtract(1.0, ops.divide(shared, whole))


def _mean(values: Tensor, axis: Any = -1) -> Tensor:
    return ops.mean(values, axis) if values.shape else values


def _signed(labels: Tensor) -> Tensor:
    binary = ops.all(ops.logical_or(ops.equal(labels, 0), ops.equal(labels, 1)))
    signed: Tensor = ops.where(binary, ops.subtract(ops.multiply(labels, 2.0), 1.0), labels)
    return signed
