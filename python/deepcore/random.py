"""Random draws with Keras's signatures (keras.random), from a counter-based generator.

A draw depends on its key and on each element's position alone, so it has the same bits on any
number of threads. An integer seed always gives the same draw; a `SeedGenerator` gives a new key
each time, also inside compiled functions.
"""

from __future__ import annotations

import random as python_random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import _core, checks, config, naming
from deepcore.serialization import builtin
from deepcore.variable import Variable

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "SeedGenerator",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

_INT64_MAX = 2**63 - 1


@builtin("keras.random")
class SeedGenerator:
    """A stream of keys whose state is a Variable (keras.random.SeedGenerator).

    Args:
        seed: a non-negative integer; drawn from Python's `random` when None.
        name: of the generator and of its variable's path.

    Raises:
        ValueError: `seed` is not an integer or negative.

    Example:
        >>> g = SeedGenerator(7)
        >>> g.next().tolist(), g.next().tolist()
        ([7, 0], [7, 1])
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise ValueError(f"SeedGenerator: unexpected arguments {sorted(kwargs)}.")
        self._initial_seed = seed
        if seed is None:
            seed = make_default_seed()
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
            raise ValueError(f"SeedGenerator: seed must be an integer. Received: {seed=}.")
        if not 0 <= seed <= _INT64_MAX:
            raise ValueError(f"SeedGenerator: seed must be in [0, 2**63). Received: {seed=}.")
        self.name = name or naming.auto_name("SeedGenerator")
        with naming.name_scope(self.name):
            self.state = Variable(
                np.array([seed, 0], "int64"), trainable=False, name="seed_generator_state"
            )

    def next(self, ordered: bool = True) -> Tensor:
        """The next key, int64 (2,); the state moves on."""
        key = self.state.value
        self.state.assign(_core.add(key, _core.as_tensor(_STEP)))
        return key

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


_STEP = np.array([0, 1], "int64")
_global: SeedGenerator | None = None


def make_default_seed() -> int:
    """A seed from Python's `random`, which `utils.set_random_seed` seeds."""
    return python_random.randint(1, 10**9)


def global_seed_generator() -> SeedGenerator:
    """What draws with `seed=None` use."""
    global _global
    if _global is None:
        _global = SeedGenerator(name="global_seed_generator")
    return _global


def reset_global_seed(seed: int) -> None:
    """Restarts the global stream, also for functions compiled before."""
    global _global
    if _global is None:
        # Made with the seed: left to choose one, it would use up a draw of Python's `random`.
        _global = SeedGenerator(seed, name="global_seed_generator")
    with _core.SuspendTrace():
        _global.state.assign(np.array([seed, 0], "int64"))


def draw_key(seed: int | SeedGenerator | None) -> Tensor:
    """The key for one draw, int64 (2,).

    Raises:
        ValueError: `seed` is none of the three.
    """
    if seed is None:
        return global_seed_generator().next()
    if hasattr(seed, "next"):
        return seed.next()
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool):
        return _core.as_tensor(np.array([int(seed), 0], "int64"))
    raise ValueError(
        "seed must be an integer, a keras.random.SeedGenerator or None. "
        f"Received: seed={seed!r} of type {type(seed).__name__}."
    )


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Draws from [minval, maxval) (keras.random.uniform).

    Raises:
        ValueError: the dtype is not a float, or the seed is not one.
    """
    draw = _draw(_core.random_uniform, "uniform", shape, dtype, seed)
    return _affine(draw, _minus(maxval, minval), minval)


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Draws from the normal distribution (keras.random.normal)."""
    return _affine(_draw(_core.random_normal, "normal", shape, dtype, seed), stddev, mean)


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Normal draws within two standard deviations of the mean (keras.random.truncated_normal)."""
    draw = _draw(_core.random_truncated_normal, "truncated_normal", shape, dtype, seed)
    return _affine(draw, stddev, mean)


def randint(
    shape: Sequence[int],
    minval: int,
    maxval: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Integers from [minval, maxval) (keras.random.randint).

    Raises:
        ValueError: the dtype is not an integer.
    """
    name = config.standardize_dtype(dtype)
    if not config.is_int_dtype(name):
        raise ValueError(f"randint: dtype must be an integer. Received: dtype={dtype!r}.")
    draw = _core.random_uniform(draw_key(seed), _dims(shape), "float64")
    number = _core.floor(_affine(draw, _minus(maxval, minval), minval))
    return _core.cast(number, name)


def categorical(
    logits: TensorLike,
    num_samples: int,
    dtype: Any = "int32",
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Draws classes with probabilities softmax(logits) (keras.random.categorical).

    Args:
        logits: (N, C), unnormalized log probabilities.
        num_samples: draws for each row.
        dtype: an integer dtype.
        seed: see the module.

    Returns:
        (N, num_samples).

    Raises:
        ValueError: `logits` is not a matrix.
    """
    logits = _core.as_tensor(logits)
    if len(logits.shape) != 2:
        raise ValueError(
            f"categorical: logits must have shape (N, C). Received: shape={logits.shape}."
        )
    samples = checks.positive_int("categorical", "num_samples", num_samples)
    return _core.random_categorical(
        draw_key(seed), logits, samples, config.standardize_dtype(dtype)
    )


def dropout(
    inputs: TensorLike,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: int | SeedGenerator | None = None,
) -> Tensor:
    """Sets a share `rate` of the inputs to zero and scales the rest up (keras.random.dropout).

    Args:
        inputs: any shape, a float.
        rate: in [0, 1].
        noise_shape: the shape of the mask, broadcast to the inputs'; None entries are the inputs'.
        seed: see the module.

    Raises:
        ValueError: the rate is outside [0, 1].
    """
    rate = checks.fraction("dropout", "rate", rate)
    x = _core.as_tensor(inputs)
    key = draw_key(seed)
    if rate == 1:
        return _core.multiply(x, 0)
    if noise_shape is None:
        return _core.dropout(x, key, rate)
    dims = [d if n is None else n for n, d in zip(noise_shape, x.shape, strict=True)]
    ones = _core.full(dims, 1, x.dtype)
    return _core.multiply(x, _core.dropout(ones, key, rate))


def shuffle(x: TensorLike, axis: int = 0, seed: int | SeedGenerator | None = None) -> Tensor:
    """The slices of `x` along `axis` in random order (keras.random.shuffle).

    Raises:
        NotImplementedError: in a traced function, as sorting has no traced form.
    """
    x = _core.as_tensor(x)
    key = draw_key(seed)
    if key.is_symbolic:
        raise NotImplementedError("shuffle cannot be traced; call it outside the function.")
    draw = _core.random_uniform(key, (x.shape[axis],), "float64").numpy()
    return _core.take(x, np.argsort(draw, kind="stable"), axis)


def _draw(function: Any, what: str, shape: Any, dtype: Any, seed: Any) -> Tensor:
    name = config.standardize_dtype(dtype)
    if not config.is_float_dtype(name):
        raise ValueError(f"{what}: dtype must be a float. Received: dtype={dtype!r}.")
    if name in ("float16", "bfloat16"):
        return _core.cast(function(draw_key(seed), _dims(shape), "float32"), name)
    tensor: Tensor = function(draw_key(seed), _dims(shape), name)
    return tensor


def _affine(draw: Tensor, scale: Any, shift: Any) -> Tensor:
    """draw * scale + shift in the draw's dtype, without the operations that change nothing."""
    if not (isinstance(scale, int | float) and scale == 1):
        draw = _core.multiply(draw, _like(scale, draw))
    if not (isinstance(shift, int | float) and shift == 0):
        draw = _core.add(draw, _like(shift, draw))
    return draw


def _minus(a: Any, b: Any) -> Any:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a - b
    return _core.subtract(a, b)


def _like(value: Any, tensor: Tensor) -> Any:
    return value if isinstance(value, int | float) else _core.cast(value, tensor.dtype)


def _dims(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(int(d) for d in shape)
