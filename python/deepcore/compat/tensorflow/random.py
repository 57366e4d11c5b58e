"""`tensorflow.random`: the seed and plain draws."""

from collections.abc import Sequence
from typing import Any

from deepcore import random, utils


def set_seed(seed: int) -> None:
    """Seeds everything: `deepcore.utils.set_random_seed`."""
    utils.set_random_seed(seed)


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str = "float32",
    seed: int | None = None,
) -> Any:
    """Normal draws."""
    return random.normal(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed)


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str = "float32",
    seed: int | None = None,
) -> Any:
    """Uniform draws in [minval, maxval)."""
    return random.uniform(shape, minval=minval, maxval=maxval, dtype=dtype, seed=seed)
