"""Where weights begin (keras.initializers): callables `(shape, dtype) -> tensor`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import checks, config, ops, random
from deepcore.family import Family
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object

if TYPE_CHECKING:
    from deepcore.ops import Tensor

# The standard deviation of N(0, 1) cut off at two: what truncated draws are scaled up by.
_TRUNCATED_STDDEV = 0.87962566103423978


@builtin("keras.initializers")
class Initializer:
    """What every initializer is (keras.initializers.Initializer)."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """A tensor of that shape, of the default float dtype unless given."""
        raise NotImplementedError(f"{type(self).__name__} must implement __call__(shape, dtype).")

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        return cls(**config)

    def clone(self) -> Initializer:
        """One more of the same configuration."""
        return self.from_config(self.get_config())


@builtin("keras.initializers")
class Zeros(Initializer):
    """Zeros (keras.initializers.Zeros)."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return ops.zeros(shape, dtype)


@builtin("keras.initializers")
class Ones(Initializer):
    """Ones (keras.initializers.Ones)."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return ops.ones(shape, dtype)


@builtin("keras.initializers")
class Constant(Initializer):
    """One value, or an array that broadcasts to the shape (keras.initializers.Constant)."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return ops.full(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(deserialize_keras_object(config["value"]))


@builtin("keras.initializers")
class Identity(Initializer):
    """`gain` times the identity matrix (keras.initializers.Identity)."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) != 2:
            raise ValueError(f"Identity: the shape must have 2 axes. Received: shape={shape}.")
        return ops.cast(ops.multiply(self.gain, ops.eye(*shape)), config.standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """A random initializer: the same instance always gives the same draw.

    Args:
        seed: an integer, a `SeedGenerator` (a new draw each time), or None for one drawn when the
            initializer is made, from what `utils.set_random_seed` seeds.

    Raises:
        ValueError: `seed` is none of these.
    """

    def __init__(self, seed: Any = None) -> None:
        self._given_seed = seed
        if seed is None:
            seed = random.make_default_seed()
        elif isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if not isinstance(seed, int | np.integer | random.SeedGenerator) or isinstance(seed, bool):
            raise ValueError(
                f"{type(self).__name__}: seed must be an integer, a SeedGenerator or None. "
                f"Received: seed={seed!r}."
            )
        self.seed: Any = int(seed) if isinstance(seed, np.integer) else seed

    def get_config(self) -> dict[str, Any]:
        return {"seed": serialize_keras_object(self._given_seed)}


@builtin("keras.initializers")
class RandomNormal(RandomInitializer):
    """Normal draws (keras.initializers.RandomNormal)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@builtin("keras.initializers")
class TruncatedNormal(RandomInitializer):
    """Normal draws within two `stddev` of the mean (keras.initializers.TruncatedNormal)."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev = mean, stddev
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


@builtin("keras.initializers")
class RandomUniform(RandomInitializer):
    """Uniform draws from [minval, maxval) (keras.initializers.RandomUniform)."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval, self.maxval = minval, maxval
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


@builtin("keras.initializers")
class VarianceScaling(RandomInitializer):
    """Draws of variance scale / n, n the fan of `mode` (keras.initializers.VarianceScaling).

    Args:
        scale: above 0.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" ("normal"), "untruncated_normal" or "uniform".
        seed: see `RandomInitializer`.
        input_axes: the axes counted as inputs; all but the last when None.
        output_axes: the axes counted as outputs; given together with `input_axes`.

    Raises:
        ValueError: an argument outside of these.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if scale <= 0:
            raise ValueError(f"VarianceScaling: scale must be above 0. Received: {scale=}.")
        checks.one_of("VarianceScaling", "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        checks.one_of(
            "VarianceScaling",
            "distribution",
            distribution,
            ("uniform", "truncated_normal", "untruncated_normal"),
        )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, stddev, dtype, self.seed)
        return random.truncated_normal(shape, 0.0, stddev / _TRUNCATED_STDDEV, dtype, self.seed)

    def _axes_config(self) -> dict[str, Any]:
        # Left out when unset: Keras before 3.13 does not know them.
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {name: value for name, value in axes.items() if value is not None}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            **self._axes_config(),
        }


class _Scaled(VarianceScaling):
    """A VarianceScaling whose scale, mode and distribution have a name of their own."""

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(self._scale, self._mode, self._distribution, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        return {**RandomInitializer.get_config(self), **self._axes_config()}


@builtin("keras.initializers")
class GlorotUniform(_Scaled):
    """Uniform, variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""

    _scale, _mode, _distribution = 1.0, "fan_avg", "uniform"


@builtin("keras.initializers")
class GlorotNormal(_Scaled):
    """Truncated normal, variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""

    _scale, _mode, _distribution = 1.0, "fan_avg", "truncated_normal"


@builtin("keras.initializers")
class LecunNormal(_Scaled):
    """Truncated normal, variance 1 / fan_in."""

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"


@builtin("keras.initializers")
class LecunUniform(_Scaled):
    """Uniform, variance 1 / fan_in."""

    _scale, _mode, _distribution = 1.0, "fan_in", "uniform"


@builtin("keras.initializers")
class HeNormal(_Scaled):
    """Truncated normal, variance 2 / fan_in (He et al. 2015)."""

    _scale, _mode, _distribution = 2.0, "fan_in", "truncated_normal"


@builtin("keras.initializers")
class HeUniform(_Scaled):
    """Uniform, variance 2 / fan_in (He et al. 2015)."""

    _scale, _mode, _distribution = 2.0, "fan_in", "uniform"


@builtin("keras.initializers")
class Orthogonal(RandomInitializer):
    """An orthogonal matrix of the last axis against the others (keras.initializers.Orthogonal)."""

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal: the shape must have at least 2 axes. Received: shape={shape}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        size = (max(rows, columns), min(rows, columns))
        draw = random.normal(size, dtype="float64", seed=self.seed).numpy()
        q, r = np.linalg.qr(draw)
        q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)  # makes the draw uniform (Mezzadri 2007)
        matrix = (q.T if rows < columns else q).reshape(shape)
        return ops.convert_to_tensor(self.gain * matrix, dtype=config.standardize_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
he_uniform, he_normal = HeUniform, HeNormal

_NAMES = {
    "Zeros": "zeros zero",
    "Ones": "ones one",
    "Constant": "constant",
    "Identity": "identity IdentityInitializer",
    "Orthogonal": "orthogonal OrthogonalInitializer",
    "RandomNormal": "random_normal normal",
    "RandomUniform": "random_uniform uniform",
    "TruncatedNormal": "truncated_normal",
    "VarianceScaling": "variance_scaling",
    "GlorotUniform": "glorot_uniform",
    "GlorotNormal": "glorot_normal",
    "LecunUniform": "lecun_uniform",
    "LecunNormal": "lecun_normal",
    "HeUniform": "he_uniform",
    "HeNormal": "he_normal",
}
_family = Family(
    "initializer",
    {name: globals()[cls] for cls, more in _NAMES.items() for name in (cls, *more.split())},
)
serialize, deserialize = _family.serialize, _family.deserialize


def get(identifier: Any) -> Any:
    """An initializer from a name, a config, a class, a callable or an array; None stays None."""
    if isinstance(identifier, np.ndarray | np.generic) or ops.is_tensor(identifier):
        return Constant(identifier)
    return _family.get(identifier)


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """(fan_in, fan_out) of weights (..., inputs, outputs); the leading axes count for both."""
    dims = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(dims[a] for a in input_axes), math.prod(dims[a] for a in output_axes)
    if len(dims) < 2:
        only = dims[0] if dims else 1
        return only, only
    field = math.prod(dims[:-2])
    return dims[-2] * field, dims[-1] * field
