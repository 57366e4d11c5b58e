"""Normalization: features with mean 0 and variance 1 (keras.layers.Normalization)."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import config, ops
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

Moments = tuple[npt.NDArray[Any], npt.NDArray[Any]]


@builtin("keras.layers")
class Normalization(Layer):
    """`(inputs - mean) / sqrt(variance)`, with moments that are given or learned by `adapt`.

    Args:
        axis: the axis, or axes, along which each position has moments of its own; None for one mean
            and variance of everything.
        mean: given together with `variance`, in place of `adapt`.
        variance: see `mean`.
        invert: compute `inputs * sqrt(variance) + mean` instead.
        **kwargs: see `Layer`.

    Raises:
        ValueError: one of `mean` and `variance` alone, or of a shape that does not fit.

    Example:
        >>> layer = Normalization(axis=None)
        >>> layer.adapt(np.array([1.0, 2.0, 3.0]))
        >>> layer(np.array([2.0])).tolist()
        [0.0]
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                "Normalization: pass both mean and variance, or neither. "
                f"Received: {mean=}, {variance=}."
            )
        if np.shape(mean) != np.shape(variance) or (
            mean is not None and len(np.shape(mean)) > len(self.axis)
        ):
            raise ValueError(
                "Normalization: mean and variance must have one shape, of at most one axis for "
                f"each in `axis`. Received: shapes {np.shape(mean)} and {np.shape(variance)}, "
                f"axis={self.axis}."
            )
        self.input_mean = mean
        self.input_variance = variance
        self.invert = bool(invert)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Makes the moments, unless they are given."""
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ValueError(
                f"Normalization: every axis must be in [-{rank}, {rank}). "
                f"Received: axis={self.axis}, input_shape={tuple(input_shape)}."
            )
        kept = sorted(a % rank for a in self.axis)
        sizes = [input_shape[a] for a in kept]
        if None in sizes:
            raise ValueError(
                "Normalization: the sizes along `axis` must be known. "
                f"Received: axis={self.axis}, input_shape={tuple(input_shape)}."
            )
        self._sizes = tuple(int(n) for n in sizes if n is not None)
        self._kept = tuple(kept)
        self._reduced = tuple(a for a in range(rank) if a not in kept)
        self._broadcast = tuple((input_shape[a] or 0) if a in kept else 1 for a in range(rank))
        if self.input_mean is None:
            make = self.add_weight
            shape = self._sizes
            self.adapt_mean = make(shape, "zeros", trainable=False, name="mean")
            self.adapt_variance = make(shape, "ones", trainable=False, name="variance")
            # In the files of old models.
            self.count = make((), "zeros", dtype="int32", trainable=False, name="count")

    def adapt(self, data: Any) -> None:
        """Learns mean and variance.

        Args:
            data: an array; or an iterable of batches, a list among them.

        Raises:
            ValueError: no data, or of another shape than the layer was built for.
        """
        if self.input_mean is not None:
            raise ValueError("Normalization: cannot adapt a layer that was given its mean.")
        alone = isinstance(data, np.ndarray) or ops.is_tensor(data) or hasattr(data, "to_numpy")
        batches = iter([data] if alone else data)
        first = next(batches, None)
        if first is None:
            raise ValueError("Normalization: adapt needs data. Received: no batches.")
        count, mean, variance = 0.0, np.zeros(()), np.zeros(())
        for item in itertools.chain([first], batches):
            batch = np.asarray(item[0] if isinstance(item, tuple) else item)
            if batch.size == 0:
                raise ValueError(f"Normalization: adapt needs data. Received: shape {batch.shape}.")
            if not self.built:
                self.build(batch.shape)
            sizes = tuple(batch.shape[a] for a in self._kept if a < batch.ndim)
            if sizes != self._sizes:
                raise ValueError(
                    f"Normalization: adapt takes data of the shape {self._broadcast}, where 1 is "
                    f"any size. Received: shape {batch.shape}."
                )
            mean, variance = _joined(
                (mean, variance), self._moments(batch), count, size := self._rows(batch)
            )
            count += size
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def _rows(self, batch: npt.NDArray[Any]) -> float:
        return float(math.prod(batch.shape[a] for a in self._reduced))

    def _moments(self, batch: npt.NDArray[Any]) -> Moments:
        batch = batch.astype("float64")
        return batch.mean(self._reduced), batch.var(self._reduced)

    def call(self, inputs: Any) -> Any:
        dtype = self.compute_dtype
        inputs = ops.cast(inputs, dtype)
        mean, variance = self._statistics()
        scale = ops.maximum(ops.sqrt(ops.cast(variance, dtype)), config.epsilon())
        mean = ops.cast(mean, dtype)
        return inputs * scale + mean if self.invert else (inputs - mean) / scale

    def _statistics(self) -> tuple[Any, Any]:
        if self.input_mean is None:
            shape = self._broadcast
            return ops.reshape(self.adapt_mean, shape), ops.reshape(self.adapt_variance, shape)
        mean, variance = np.asarray(self.input_mean), np.asarray(self.input_variance)
        sizes = [1] * len(self._broadcast)
        for i in range(1, mean.ndim + 1):
            sizes[self._kept[-i]] = mean.shape[-i]
        both = (ops.convert_to_tensor(m.reshape(sizes)) for m in (mean, variance))
        return next(both), next(both)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": _plain(self.input_mean),
            "variance": _plain(self.input_variance),
        }


def _joined(one: Moments, other: Moments, m: float, n: float) -> Moments:
    """The moments of m and n numbers together."""
    share = n / (m + n)
    mean = one[0] * (1 - share) + other[0] * share
    variance = (one[1] + (one[0] - mean) ** 2) * (1 - share)
    return mean, variance + (other[1] + (other[0] - mean) ** 2) * share


def _plain(value: Any) -> Any:
    return None if value is None else np.asarray(value).tolist()
