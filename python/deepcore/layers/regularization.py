"""Dropout and noise while training (keras.layers.Dropout and others)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import checks, config, ops, random
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Dropout(Layer):
    """While training, sets a share of the inputs to zero and scales the rest by 1 / (1 - rate).

    Args:
        rate: the share, in [0, 1].
        noise_shape: the mask's shape, broadcast to the input's; None entries are the input's.
        seed: makes the masks repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `rate` outside [0, 1], or a bad `noise_shape`.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        checks.fraction(type(self).__name__, "rate", rate)
        self.rate = rate
        self.seed = seed
        self.noise_shape = _checked(noise_shape)
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(
            inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }


class SpatialDropout(Dropout):
    """Drops whole channels of a sample; subclasses say over how many axes these go."""

    rank: int
    data_format = "channels_last"

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        ones = (1,) * self.rank
        first = self.data_format == "channels_first"
        shape = (None, None, *ones) if first else (None, *ones, None)
        return random.dropout(inputs, self.rate, noise_shape=shape, seed=self.seed_generator)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype}


@builtin("keras.layers")
class SpatialDropout1D(SpatialDropout):
    """While training, drops whole channels of sequences (N, L, C).

    Args:
        rate: the share, in [0, 1].
        seed: makes the masks repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `rate` outside [0, 1].
    """

    rank = 1


@builtin("keras.layers")
class SpatialDropout2D(SpatialDropout):
    """While training, drops whole channels of images (N, H, W, C).

    Args:
        rate: the share, in [0, 1].
        data_format: `channels_last` or `channels_first`; the default one when None.
        seed: makes the masks repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `rate` outside [0, 1].
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = config.standardize_data_format(data_format)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class _Noise(Layer):
    """Normal numbers while training; none are drawn at strength 0."""

    def __init__(self, strength: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        if strength > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def _normal(self, like: Tensor, mean: float, stddev: float) -> Tensor:
        return random.normal(like.shape, mean, stddev, dtype=like.dtype, seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@builtin("keras.layers")
class GaussianNoise(_Noise):
    """While training, adds normal numbers.

    Args:
        stddev: their standard deviation, in [0, 1].
        seed: makes them repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `stddev` outside [0, 1].
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(checks.fraction("GaussianNoise", "stddev", stddev), seed, **kwargs)
        self.stddev = stddev

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.stddev == 0:
            return inputs
        return ops.add(inputs, self._normal(inputs, 0.0, self.stddev))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


@builtin("keras.layers")
class GaussianDropout(_Noise):
    """While training, multiplies by normal numbers of mean 1 and variance rate / (1 - rate).

    Args:
        rate: in [0, 1).
        seed: makes them repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `rate` outside [0, 1).
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        strength = checks.fraction("GaussianDropout", "rate", rate, closed=False)
        super().__init__(strength, seed, **kwargs)
        self.rate = rate

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return ops.multiply(inputs, self._normal(inputs, 1.0, stddev))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def _checked(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    if isinstance(noise_shape, list | tuple) and all(
        n is None or (isinstance(n, int) and n > 0) for n in noise_shape
    ):
        return tuple(noise_shape)
    raise ValueError(
        "Dropout: noise_shape must be a tuple of positive integers and Nones. "
        f"Received: {noise_shape=}."
    )
