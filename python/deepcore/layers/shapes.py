"""Which arguments of a method take which shapes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from deepcore import tree
from deepcore.symbolic import is_shape

Parameters = Mapping[str, inspect.Parameter]


def parameters_of(cls: type, method: str) -> Parameters:
    """The parameters of a method after `self`; looked up once a class."""
    cache = cls.__dict__.get("_parameters")
    if cache is None:
        cache = {}
        cls._parameters = cache  # type: ignore[attr-defined]
    if method not in cache:
        signature = inspect.signature(getattr(cls, method))
        cache[method] = dict(list(signature.parameters.items())[1:])
    return cache[method]  # type: ignore[no-any-return]


def of_arguments(parameters: Parameters, args: tuple[Any, ...], kwargs: Any) -> dict[str, Any]:
    """The shapes of the tensors among the arguments of a call, by parameter name."""
    named = dict(zip(parameters, args, strict=False))
    named.update(kwargs)
    found = {}
    for name, value in named.items():
        leaves = tree.flatten(value)
        if leaves and all(hasattr(leaf, "shape") for leaf in leaves):
            found[name] = tree.map_structure(lambda leaf: tuple(leaf.shape), value)
    return found


def for_method(parameters: Parameters, by_name: dict[str, Any]) -> dict[str, Any]:
    """The shapes that `build` or `compute_output_shape` asks for, by its parameter names.

    One parameter takes the first argument's shape, whatever its name; of several, `query_shape`
    takes that of `query`.

    Raises:
        ValueError: a parameter names no argument of `call`.
    """
    wanted = [
        name
        for name, p in parameters.items()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if not by_name or not wanted:
        return {}
    if len(wanted) == 1:
        return {wanted[0]: next(iter(by_name.values()))}
    found = {}
    for name in wanted:
        argument = name.removesuffix("_shape")
        if argument in by_name:
            found[name] = by_name[argument]
        elif parameters[name].default is inspect.Parameter.empty:
            raise ValueError(
                f"The parameters of `build` must be named after those of `call`, with `_shape` "
                f"behind. Received: {name!r}, where `call` takes tensors as {list(by_name)}."
            )
    return found


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """`function` of each shape of a structure of shapes."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, dict):
        return {key: map_shapes(function, value) for key, value in shapes.items()}
    return type(shapes)(map_shapes(function, value) for value in shapes)


def tupled(shapes: Any) -> Any:
    """Shapes as tuples; files hold them as lists."""
    return map_shapes(tuple, shapes) if isinstance(shapes, list | tuple | dict) else shapes
