"""Dtypes, shapes and values for the tests of tensors."""

from typing import Any

import numpy as np

DTYPES = ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
SHAPES: list[tuple[int, ...]] = [
    (),
    (1,),
    (7,),
    (8,),
    (9,),
    (17,),
    (3, 5),
    (2, 3, 4),
    (0,),
    (3, 0, 2),
]


def values(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 4).astype(dtype)
