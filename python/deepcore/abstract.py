"""Runs a function on shapes alone: what it would give, without computing anything."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from deepcore import _core, tree
from deepcore.symbolic import KerasTensor, refuse_strings
from deepcore.transforms import no_trace

# Two sizes for each unknown one: an axis of the outputs that differs between them is unknown too.
# Primes, so that no product or sum of sizes hides the difference.
_STAND_INS = (83, 89)
# Then multiples of them: for what must divide, as in `reshape(x, (-1, 8))`.
_COMMON = 2520


def output_specs(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> Any:
    """The outputs of `function` as KerasTensors; its KerasTensor arguments may have unknown sizes.

    Variables keep their values, whatever `function` assigns.
    """
    refuse_strings("The computation", (args, kwargs))
    if not any(None in t.shape for t in tree.flatten((args, kwargs)) if isinstance(t, KerasTensor)):
        only = _trace(function, args, kwargs, 1)
        return tree.map_structure(_spec, only)
    try:
        first, second = (_trace(function, args, kwargs, size) for size in _STAND_INS)
    except ValueError as error:
        try:
            first, second = (_trace(function, args, kwargs, size * _COMMON) for size in _STAND_INS)
        except ValueError as other:
            _tell_of_unknown_sizes(error, other)
            raise error from None
    return tree.map_structure(_merge, first, second)


def _tell_of_unknown_sizes(error: ValueError, other: ValueError) -> None:
    """Writes None for the sizes in a message that stood in for unknown ones.

    They are those that differ from the message of the same error with `_COMMON` times the size.
    """
    words, others = (re.split(r"(\d+)", str(e)) for e in (error, other))
    if len(words) == len(others) and len(error.args) == 1:
        pairs = zip(words, others, strict=True)
        error.args = ("".join(a if a == b else _unknown(a) for a, b in pairs),)


def _unknown(word: str) -> str:
    if not word.isdigit() or int(word) % _STAND_INS[0]:
        return word
    times = int(word) // _STAND_INS[0]
    return "None" if times == 1 else f"{times} * None"


def _trace(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any, size: int) -> Any:
    with no_trace(), _core.SuspendTapes(), _core.Trace() as trace:

        def enter(leaf: Any) -> Any:
            if not isinstance(leaf, KerasTensor):
                return leaf
            return trace.input([size if d is None else d for d in leaf.shape], leaf.dtype)

        args = tree.map_structure(enter, args)
        return function(*args, **tree.map_structure(enter, kwargs))


def _spec(value: Any) -> Any:
    return KerasTensor(value.shape, value.dtype) if hasattr(value, "dtype") else value


def _merge(a: Any, b: Any) -> Any:
    if not hasattr(a, "dtype"):
        return a
    dims = [m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)]
    return KerasTensor(dims, a.dtype)
