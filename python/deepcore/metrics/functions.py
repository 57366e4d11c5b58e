"""Accuracies as functions: 1 where right, 0 where wrong (keras.metrics)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepcore import config, ops
from deepcore.losses.base import squeeze_or_expand_to_same_rank

if TYPE_CHECKING:
    from deepcore.ops import Tensor, TensorLike

__all__ = [
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether targets and predictions are equal, elementwise."""
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.convert_to_tensor(y_true, y_pred.dtype)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    _check("accuracy", y_true, y_pred)
    return _right(y_true, y_pred)


def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Tensor:
    """Whether predictions lie on the target's side of the threshold, elementwise."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    y_true, y_pred = squeeze_or_expand_to_same_rank(y_true, y_pred)
    _check("binary_accuracy", y_true, y_pred)
    return _right(y_true, ops.cast(ops.greater(y_pred, threshold), y_true.dtype))


def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether the best class is that of the one-hot target.

    Args:
        y_true: (..., C).
        y_pred: (..., C).
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    _check("categorical_accuracy", y_true, y_pred)
    return _right(ops.argmax(y_true, -1), ops.argmax(y_pred, -1))


def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Tensor:
    """Whether the best class is the label.

    Args:
        y_true: (...) or (..., 1) labels.
        y_pred: (..., C).
    """
    y_true, y_pred = _labels("sparse_categorical_accuracy", y_true, y_pred)
    return _right(y_true, ops.argmax(y_pred, -1))


def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Tensor:
    """Whether the one-hot target's class is among the k best."""
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    _check("top_k_categorical_accuracy", y_true, y_pred)
    return ops.cast(ops.in_top_k(ops.argmax(y_true, -1), y_pred, k), config.floatx())


def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Tensor:
    """Whether the label is among the k best, or the first k with `from_sorted_ids`."""
    y_true, y_pred = _labels("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        best = y_pred[..., :k]
        hits = ops.any(ops.equal(ops.cast(ops.expand_dims(y_true, -1), best.dtype), best), -1)
    else:
        hits = ops.in_top_k(y_true, y_pred, k)
    return ops.cast(hits, config.floatx())


def _right(y_true: Tensor, y_pred: Tensor) -> Tensor:
    return ops.cast(ops.equal(y_true, y_pred), config.floatx())


def _labels(what: str, y_true: TensorLike, y_pred: TensorLike) -> tuple[Tensor, Tensor]:
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if tuple(y_true.shape) != tuple(y_pred.shape[:-1]):
        raise ValueError(
            f"{what}: the labels must have the shape of the predictions without the classes. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}."
        )
    return y_true, y_pred


def _check(what: str, y_true: Tensor, y_pred: Tensor) -> None:
    if tuple(y_true.shape) != tuple(y_pred.shape):
        raise ValueError(
            f"{what}: y_true and y_pred do not fit. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}."
        )
