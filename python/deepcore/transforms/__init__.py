"""Functions of functions: gradients and compilation."""

from __future__ import annotations

from deepcore import _core
from deepcore.transforms.compile import MAX_PLANS, Function, function
from deepcore.transforms.derive import grad, value_and_grad
from deepcore.transforms.tape import GradientTape, UnconnectedGradients

__all__ = [
    "MAX_PLANS",
    "Function",
    "GradientTape",
    "UnconnectedGradients",
    "function",
    "grad",
    "is_tracing",
    "no_trace",
    "value_and_grad",
]


def no_trace() -> _core.SuspendTrace:
    """A context inside which operations run at once, also while a function is traced.

    For what must exist before the function runs: weights built on the first call.
    """
    return _core.SuspendTrace()


def is_tracing() -> bool:
    """Whether the calling thread is tracing a function."""
    return _core.is_tracing()
