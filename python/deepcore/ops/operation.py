"""Functions of `ops` on symbolic tensors: each call becomes an operation of a model."""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from deepcore import abstract, naming
from deepcore.nodes import Node, record
from deepcore.registry import builtin
from deepcore.symbolic import is_symbolic


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What Keras passes to an operation's call; everything else is part of its configuration.
_TENSORS = _words(
    """x x1 x2 xs array inputs kernel depthwise_kernel pointwise_kernel target output targets
    predictions condition condlist choicelist default key indices values updates start_indices
    fill_value start stop step rtol atol weights constant_values mean variance gamma beta scale
    sequence_lengths target_length output_length"""
)
# The Keras module of the functions of a file here, and of those that Keras keeps elsewhere.
_FILES = dict.fromkeys(("activation", "attention", "ctc", "nn", "normalization", "window"), "nn")
_FILES["core"] = "core"
_ELSEWHERE = {
    "core": "scatter slice slice_update unstack",
    "linalg": "norm",
    "math": "erf erfc in_top_k logsumexp rsqrt top_k",
    "nn": "moments multi_hot one_hot",
}
_PLACES = {name: place for place, names in _ELSEWHERE.items() for name in names.split()}
_CLASSES = {
    "abs": "Absolute",
    "batch_normalization": "BatchNorm",
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "hard_swish": "HardSilu",
    "layer_normalization": "LayerNorm",
    "psnr": "PSNR",
    "rms_normalization": "RMSNorm",
    "swish": "Silu",
}
# They tell about a tensor, or make tensors of nothing.
_NEVER = _words(
    """adam_update arange convert_to_numpy dtype empty eye full identity is_tensor linspace logspace
    ones sgd_update shape tri zeros"""
)
# Arguments that Keras does not know.
_OURS = frozenset({"ignore_class"})

_functions: dict[str, tuple[str, Callable[..., Any]]] = {}  # by Keras's class name


class Operation:
    """A function of `ops` in a model (keras.Operation); a subclass for each function.

    Args:
        name: made from the class's when None.
        **fixed: the arguments that are not tensors.
    """

    function: Callable[..., Any]

    def __init__(self, name: str | None = None, **fixed: Any) -> None:
        self.name = name or naming.auto_name(type(self).__name__)
        self._fixed = fixed
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not is_symbolic((args, kwargs)):
            return self._compute(*args, **kwargs)
        return record(self, args, kwargs, self.compute_output_spec(*args, **kwargs))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors of the outputs, from KerasTensors of the inputs."""
        return abstract.output_specs(self._compute, args, kwargs)

    def _compute(self, *args: Any, **kwargs: Any) -> Any:
        if _is_variadic(type(self).function):
            return type(self).function(*self._fixed.values(), *args)
        given = dict(zip(tensor_arguments(type(self).function), args, strict=False))
        return type(self).function(**given, **kwargs, **self._fixed)

    @property
    def input(self) -> Any:
        """What it was first called on."""
        tensors = self._inbound_nodes[0].input_tensors
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """What the first call gave."""
        return self._inbound_nodes[0].outputs(self)

    def get_config(self) -> dict[str, Any]:
        """The name and the arguments that are not tensors."""
        config = {k: v for k, v in self._fixed.items() if k not in _OURS or v is not None}
        return {"name": self.name, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An operation from `get_config()`."""
        known = parameters(cls.function)
        unknown = sorted(set(config) - {"name", *known})
        if unknown:
            raise ValueError(f"{cls.__name__}: unknown arguments {unknown} in its config.")
        return cls(**config)

    def __repr__(self) -> str:
        return f"<Operation name={self.name}>"


def on_symbols(function: Callable[..., Any], name: str, file: str) -> Callable[..., Any]:
    """`function`, which gives symbolic tensors for symbolic tensors, as a call of an operation.

    Args:
        function: of tensors.
        name: under which `ops` exports it.
        file: of `ops` that it comes from.
    """
    if name in _NEVER:
        return function
    kind = _CLASSES.get(name) or "".join(part.capitalize() for part in name.split("_"))
    place = _PLACES.get(name) or _FILES.get(file, "numpy")

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        # Tensors are the rule, and nothing is looked through for them: no function of `ops` can
        # compute on a symbolic one.
        try:
            return function(*args, **kwargs)
        except Exception:
            if not is_symbolic((args, kwargs)):
                raise
        return _record(kind, args, kwargs)

    call.__module__, call.__qualname__, call.__name__ = "deepcore.ops", name, name
    _functions.setdefault(kind, (place, function))
    return call


def find_operation(class_name: str) -> type[Operation] | None:
    """The operation that Keras calls so, None when there is none."""
    return _operation(class_name) if class_name in _functions else None


@functools.cache
def _operation(kind: str) -> type[Operation]:
    place, function = _functions[kind]
    made = type(kind, (Operation,), {"function": staticmethod(function), "__doc__": None})
    made.__module__ = "deepcore.ops"
    return builtin(f"keras.src.ops.{place}")(made)


def _record(kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    cls = _operation(kind)
    known = parameters(cls.function)
    if _is_variadic(cls.function):
        return cls(**dict(zip(known, args, strict=False)))(*args[len(known) :])
    given = {**dict(zip(known, args, strict=False)), **kwargs}
    if isinstance(given.get("key"), list):  # files tell no list from a tuple
        given["key"] = np.asarray(given["key"])
    if len(args) > len(known) or not set(given) <= set(known):
        cls.function(*args, **kwargs)  # tells what is wrong
    fixed = {k: given.get(k, v) for k, v in known.items() if k not in _TENSORS}
    if is_symbolic(fixed):
        raise ValueError(f"{cls.__name__}: symbolic tensors cannot stand in for {list(fixed)}.")
    tensors = tensor_arguments(cls.function)
    # One that was left out is None by default; a required one may be: `x[None]`.
    there = {k for k in given if given[k] is not None or known[k] is inspect.Parameter.empty}
    first = list(itertools.takewhile(there.__contains__, tensors))
    rest = {k: given[k] for k in tensors[len(first) :] if k in there}
    return cls(**fixed)(*(given[k] for k in first), **rest)


@functools.cache
def parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a function and their defaults, `inspect.Parameter.empty` without."""
    try:
        found = inspect.signature(function).parameters.values()
        return {p.name: p.default for p in found if p.kind is p.POSITIONAL_OR_KEYWORD}
    except ValueError:  # of the core: pybind11 writes it down as Python would
        line = str(function.__doc__).splitlines()[0]
    definition = ast.parse(f"def {line}: ...").body[0]
    assert isinstance(definition, ast.FunctionDef)
    names = [a.arg for a in definition.args.args]
    values = [ast.literal_eval(d) for d in definition.args.defaults]
    missing = [inspect.Parameter.empty] * (len(names) - len(values))
    return dict(zip(names, [*missing, *values], strict=True))


@functools.cache
def _is_variadic(function: Callable[..., Any]) -> bool:
    """Whether all that follows the fixed arguments are tensors."""
    code = getattr(function, "__code__", None)
    return bool(parameters(function)) and code is not None and bool(code.co_flags & 4)


@functools.cache
def tensor_arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters that take tensors, in the function's order."""
    return tuple(name for name in parameters(function) if name in _TENSORS)
