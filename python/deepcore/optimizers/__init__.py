"""Optimizers (keras.optimizers)."""

from __future__ import annotations

from typing import Any

from deepcore.family import Family
from deepcore.optimizers import schedules
from deepcore.optimizers.adam import Adam, AdamW, LazyAdam
from deepcore.optimizers.adaptive import Adadelta, Adagrad, Adamax, Lion, Nadam, RMSprop
from deepcore.optimizers.base import Optimizer
from deepcore.optimizers.schedules import LearningRateSchedule
from deepcore.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "LazyAdam",
    "LearningRateSchedule",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_classes = (SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, Adamax, Nadam, Lion, LazyAdam)
_family = Family("optimizer", {c.__name__.lower(): c for c in _classes}, fold_case=True)
serialize, deserialize = _family.serialize, _family.deserialize


def get(identifier: Any) -> Optimizer:
    """An optimizer from a name, a config or an optimizer.

    Raises:
        ValueError: an unknown name, or something else.
    """
    found = _family.get(identifier)
    if not isinstance(found, Optimizer):
        raise ValueError(f"Cannot make an optimizer from {identifier!r}.")
    return found
