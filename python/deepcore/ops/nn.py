"""Normalisation, cross-entropies and what else networks need (keras.ops)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import _core, checks, config
from deepcore.ops.activation import is_softmax, log_sigmoid
from deepcore.ops.core import convert_to_tensor
from deepcore.ops.reductions import moments, norm
from deepcore.ops.shaping import moveaxis

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "batch_normalization",
    "binary_crossentropy",
    "categorical_crossentropy",
    "in_top_k",
    "normalize",
    "psnr",
    "sparse_categorical_crossentropy",
]


def normalize(
    x: TensorLike, axis: Any = -1, order: int = 2, epsilon: float | None = None
) -> Tensor:
    """x / max(norm(x), epsilon) along axes (keras.ops.normalize).

    Raises:
        ValueError: `order` is not a positive integer.
    """
    order = checks.positive_int("normalize", "order", order)
    x = _core.as_tensor(x)
    if not config.is_float_dtype(x.dtype):
        x = _core.cast(x, config.floatx())
    if not x.shape:
        x = _core.reshape(x, (1,))
    floor = config.epsilon() if epsilon is None else epsilon
    if order == 2:
        # The limit before the root keeps the gradient of an all-zero row finite.
        total = _core.sum(_core.square(x), axis, True)
        return _core.multiply(x, _core.rsqrt(_core.maximum(total, floor**2)))
    return _core.true_divide(x, _core.maximum(norm(x, order, axis, True), floor))


def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset (keras.ops.batch_normalization).

    Computed as x * factor + shift, both one number a channel.
    """
    x = _core.as_tensor(x)
    factor = _core.rsqrt(_core.add(variance, epsilon))
    if scale is not None:
        factor = _core.multiply(factor, scale)
    shift = _core.negative(_core.multiply(mean, factor))
    if offset is not None:
        shift = _core.add(shift, offset)
    if axis not in (-1, len(x.shape) - 1):
        shape = [1] * len(x.shape)
        shape[axis] = x.shape[axis]
        factor, shift = _core.reshape(factor, shape), _core.reshape(shift, shape)
    return _core.add(_core.multiply(x, factor), shift)


def batch_normalization_training(
    x: TensorLike, gamma: TensorLike | None, beta: TensorLike | None, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalization over all axes but the last, by the batch's own statistics.

    Args:
        x: (..., C).
        gamma: (C,); 1 when None.
        beta: (C,); 0 when None.
        epsilon: added to the variance.

    Returns:
        y: (..., C), the mean (C,) and the population variance (C,).
    """
    x = _core.as_tensor(x)
    last = len(x.shape) - 1
    mean, variance = moments(x, tuple(range(last)))
    return batch_normalization(x, mean, variance, last, beta, gamma, epsilon), mean, variance


def binary_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p), elementwise (keras.ops.binary_crossentropy).

    Args:
        target: in [0, 1].
        output: probabilities, kept `epsilon()` away from 0 and 1, or logits.
        from_logits: what `output` is.

    Raises:
        ValueError: the shapes differ.
    """
    output = _core.as_tensor(output)
    target = _core.cast(_core.as_tensor(target), output.dtype)
    _same_shape("binary_crossentropy", target, output)
    rest = _core.subtract(1.0, target)
    if from_logits:
        yes, no = log_sigmoid(output), log_sigmoid(_core.negative(output))
    else:
        output = _core.clip(output, config.epsilon(), 1.0 - config.epsilon())
        yes, no = _core.log(output), _core.log(_core.subtract(1.0, output))
    return _core.negative(_core.add(_core.multiply(target, yes), _core.multiply(rest, no)))


def categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-sum(t log(p)) along an axis (keras.ops.categorical_crossentropy).

    Args:
        target: one-hot or soft labels, of the output's shape.
        output: probabilities (scaled to sum to 1), or logits.
        from_logits: what `output` is.
        axis: the classes.

    Raises:
        ValueError: the shapes differ, or are those of scalars.
    """
    output = convert_to_tensor(output)
    target = _core.cast(_core.as_tensor(target), output.dtype)
    if not output.shape:
        raise ValueError("categorical_crossentropy: expected at least one axis, got a scalar.")
    _same_shape("categorical_crossentropy", target, output)
    if from_logits:
        logs = _core.log_softmax(output, axis)
    else:
        limit = config.epsilon()
        logs = _core.log(_core.clip(_normalized(output, axis), limit, 1.0 - limit))
    return _core.negative(_core.sum(_core.multiply(target, logs), axis))


def sparse_categorical_crossentropy(
    target: TensorLike,
    output: TensorLike,
    from_logits: bool = False,
    axis: int = -1,
    ignore_class: int | None = None,
) -> Tensor:
    """-log(p[label]) (keras.ops.sparse_categorical_crossentropy).

    Args:
        target: labels: the output's shape without the classes, or with 1 in their place.
        output: (..., C) probabilities (scaled to sum to 1), or logits.
        from_logits: what `output` is.
        axis: the classes.
        ignore_class: a label whose loss and gradient are 0.

    Raises:
        ValueError: the shapes do not fit.
    """
    target, output = _core.as_tensor(target), convert_to_tensor(output)
    if not output.shape:
        raise ValueError(
            "sparse_categorical_crossentropy: expected at least one axis, got a scalar."
        )
    if target.dtype.startswith(("float", "bfloat")):  # NaN is no class, but would become 0
        target = _core.where(_core.isnan(target), -(2.0**31), target)
    if target.dtype not in ("int32", "int64"):
        target = _core.cast(target, "int32")
    if not from_logits:
        output = _normalized(output, axis)
    output = output if axis in (-1, len(output.shape) - 1) else moveaxis(output, axis, -1)
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = _core.squeeze(target, -1)
    if tuple(target.shape) != tuple(output.shape[:-1]):
        raise ValueError(
            "sparse_categorical_crossentropy: the labels must have the shape of the predictions "
            f"without the classes. Received: target.shape={tuple(target.shape)}, "
            f"output.shape={tuple(output.shape)}."
        )
    return _core.sparse_categorical_crossentropy(target, output, from_logits, ignore_class)


def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Tensor:
    """Whether fewer than k classes are above the target's (keras.ops.in_top_k).

    Args:
        targets: (...) labels.
        predictions: (..., C).
        k: how many.

    Returns:
        bool (...); False where the target's prediction is not finite.
    """
    targets, predictions = _core.as_tensor(targets), _core.as_tensor(predictions)
    targets = _core.cast(targets, "int32")
    hot = _core.one_hot(targets, predictions.shape[-1], -1, "bool")
    low = _core.where(hot, predictions, float("-inf"))
    own = _core.max(low, -1, True)
    above = _core.sum(_core.cast(_core.greater(predictions, own), "int32"), -1)
    return _core.logical_and(_core.less(above, k), _core.isfinite(_core.squeeze(own, -1)))


def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio in decibels (keras.ops.psnr)."""
    error = _core.mean(_core.square(_core.subtract(x1, x2)))
    return _core.multiply(_core.log10(_core.true_divide(float(max_val) ** 2, error)), 10.0)


def _normalized(output: Tensor, axis: int) -> Tensor:
    if is_softmax(output, axis):
        return output
    return _core.true_divide(output, _core.sum(output, axis, True))


def _same_shape(what: str, target: Tensor, output: Tensor) -> None:
    if tuple(target.shape) != tuple(output.shape):
        raise ValueError(
            f"{what}: target and output must have the same shape. Received: "
            f"target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}."
        )
