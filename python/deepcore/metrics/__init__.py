# ruff: noqa: F403, F405 - this file gathers names
"""Metrics (keras.metrics)."""

from __future__ import annotations

from typing import Any

from deepcore.family import Family
from deepcore.losses.functions import *
from deepcore.metrics import functions as _functions
from deepcore.metrics.base import Metric as Metric
from deepcore.metrics.classes import *
from deepcore.metrics.classes import __all__ as _classes
from deepcore.metrics.functions import *
from deepcore.metrics.reduction import *
from deepcore.metrics.reduction import __all__ as _reductions
from deepcore.naming import to_snake_case
from deepcore.serialization import builtin

for _name in _functions.__all__:
    builtin("keras.metrics")(globals()[_name])

_objects: dict[str, Any] = {"Metric": Metric}
for _name in (*_classes, *_reductions):
    _objects[_name] = _objects[to_snake_case(_name)] = globals()[_name]
_objects["sparse_top_k_categorical_accuracy"] = SparseTopKCategoricalAccuracy
_objects["top_k_categorical_accuracy"] = TopKCategoricalAccuracy
for _short, _name in (
    ("bce", "BinaryCrossentropy"),
    ("mse", "MeanSquaredError"),
    ("mae", "MeanAbsoluteError"),
    ("mape", "MeanAbsolutePercentageError"),
    ("msle", "MeanSquaredLogarithmicError"),
):
    _objects[_short] = _objects[_short.upper()] = _objects[_name]
_family = Family("metric", _objects)

get, serialize, deserialize = _family.get, _family.serialize, _family.deserialize
