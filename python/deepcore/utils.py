"""Small helpers (keras.utils)."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import naming, random
from deepcore.preprocessing.sequence import pad_sequences
from deepcore.preprocessing.word_vectors import load_word_vectors
from deepcore.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

__all__ = [
    "CustomObjectScope",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_word_vectors",
    "normalize",
    "pad_sequences",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
]


def set_random_seed(seed: int) -> None:
    """Seeds Python's `random`, NumPy and the draws of this package (keras.utils.set_random_seed).

    Raises:
        ValueError: `seed` is not an integer in [0, 2**32).
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed: seed must be an integer in [0, 2**32). {seed=}.")
    python_random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - the stream users seed
    random.reset_global_seed(int(seed))


def clear_session(free_memory: bool = True) -> None:
    """Starts the counting of names anew (keras.utils.clear_session)."""
    naming.reset_names()


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One-hot rows of class numbers (keras.utils.to_categorical).

    Args:
        x: integers of any shape; a last axis of size 1 is dropped.
        num_classes: the largest class and one more when None.

    Returns:
        x's shape + (num_classes,): a float tensor for a tensor, else an array of NumPy.

    Raises:
        ValueError: a class outside [0, num_classes).
    """
    from deepcore import ops

    if ops.is_tensor(x):
        shape = tuple(x.shape)
        if len(shape) > 1 and shape[-1] == 1:
            x = ops.squeeze(x, -1)
        return ops.one_hot(x, num_classes or int(ops.max(x)) + 1)
    labels = np.asarray(x).astype("int64")
    shape = labels.shape
    if len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    flat = labels.reshape(-1)
    classes = num_classes or (int(flat.max()) + 1 if flat.size else 0)
    if flat.size and not (flat.min() >= 0 and flat.max() < classes):
        raise ValueError(
            f"to_categorical: the classes must be in [0, {classes}). "
            f"Received: from {flat.min()} to {flat.max()}."
        )
    rows = np.zeros((flat.size, classes))
    rows[np.arange(flat.size), flat] = 1
    return rows.reshape((*shape, classes))


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """x over its norm along an axis (keras.utils.normalize); a tensor for a tensor."""
    from deepcore import ops

    if ops.is_tensor(x):
        return ops.normalize(x, axis, order)
    array: npt.NDArray[Any] = np.asarray(x)
    norm = np.linalg.norm(array, order, axis, keepdims=True) if array.ndim else np.abs(array)
    return array / np.where(norm == 0, 1, norm)
