# ruff: noqa: F403 - this file gathers names
"""Losses (keras.losses)."""

from __future__ import annotations

from typing import Any

from deepcore.family import Family
from deepcore.losses import functions as _functions
from deepcore.losses.base import Loss as Loss
from deepcore.losses.base import LossFunctionWrapper as LossFunctionWrapper
from deepcore.losses.classes import *
from deepcore.losses.classes import __all__ as _classes
from deepcore.losses.functions import *
from deepcore.serialization import builtin

_objects: dict[str, Any] = {name: globals()[name] for name in _classes}
for _name in _functions.__all__:
    _objects[_name] = builtin("keras.losses")(globals()[_name])
for _short, _name in (
    ("bce", "binary_crossentropy"),
    ("kld", "kl_divergence"),
    ("mae", "mean_absolute_error"),
    ("mse", "mean_squared_error"),
    ("mape", "mean_absolute_percentage_error"),
    ("msle", "mean_squared_logarithmic_error"),
):
    _objects[_short] = _objects[_short.upper()] = _objects[_name]
_family = Family("loss", _objects)

get, serialize, deserialize = _family.get, _family.serialize, _family.deserialize
