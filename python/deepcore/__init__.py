"""deepcore: deep learning for CPUs with Keras's API."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from deepcore._core import Tensor, num_threads, set_num_threads
from deepcore.transforms import GradientTape, function, grad, value_and_grad
from deepcore.variable import Variable

if TYPE_CHECKING:
    from deepcore import (
        activations,
        backend,
        callbacks,
        config,
        constraints,
        data,
        datasets,
        decoding,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        preprocessing,
        random,
        regularizers,
        saving,
        utils,
    )
    from deepcore.dtype_policies import DTypePolicy
    from deepcore.initializers import Initializer
    from deepcore.layers import Input, InputSpec, Layer
    from deepcore.losses import Loss
    from deepcore.metrics import Metric
    from deepcore.models import Model, Sequential
    from deepcore.naming import name_scope
    from deepcore.optimizers import Optimizer
    from deepcore.profiler import profile
    from deepcore.random import SeedGenerator
    from deepcore.regularizers import Regularizer
    from deepcore.symbolic import KerasTensor

__version__ = "0.1.0"

# Loaded when first used: `import deepcore` stays quick.
_MODULES = frozenset(
    {
        "activations",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "data",
        "datasets",
        "decoding",
        "dtype_policies",
        "initializers",
        "layers",
        "losses",
        "metrics",
        "models",
        "ops",
        "optimizers",
        "preprocessing",
        "random",
        "regularizers",
        "saving",
        "tree",
        "utils",
    }
)
_HOMES = {
    "DTypePolicy": "dtype_policies",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "symbolic",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "SeedGenerator": "random",
    "Sequential": "models",
    "name_scope": "naming",
    "profile": "profiler",
}

__all__ = [
    "DTypePolicy",
    "GradientTape",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "SeedGenerator",
    "Sequential",
    "Tensor",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "decoding",
    "function",
    "grad",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "name_scope",
    "num_threads",
    "ops",
    "optimizers",
    "preprocessing",
    "profile",
    "random",
    "regularizers",
    "saving",
    "set_num_threads",
    "utils",
    "value_and_grad",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"deepcore.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"deepcore.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'deepcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
