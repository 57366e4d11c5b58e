"""Where each object's variables lie in a weights file: Keras 3's paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from deepcore.layers.layer import Layer
from deepcore.metrics import Metric
from deepcore.models import Model, Sequential
from deepcore.naming import to_snake_case
from deepcore.optimizers import Optimizer

# What has variables of its own in a file.
_KINDS = (Layer, Optimizer, Metric)


def walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Every object with variables below `root`, each once, with its path; `root` first, at "".

    A layer lies at its attribute's name; in a list, at its class's name in snake case, numbered
    when it comes again: `layers/dense_1`.
    """
    yield from _visit(root, "", set())


def _visit(owner: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(owner) in seen:
        return
    seen.add(id(owner))
    yield path, owner
    for name, child in _children(owner):
        below = f"{path}/{name}" if path else name
        if isinstance(child, _KINDS):
            yield from _visit(child, below, seen)
        elif isinstance(child, list | tuple | dict):
            yield from _visit_items(child, below, seen)


def _visit_items(items: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if id(items) in seen:
        return
    seen.add(id(items))
    used: dict[str, int] = {}
    for item in items.values() if isinstance(items, dict) else items:
        if isinstance(item, _KINDS):
            yield from _visit(
                item, f"{path}/{_numbered(to_snake_case(type(item).__name__), used)}", seen
            )
        elif isinstance(item, list | tuple | dict):
            yield from _visit_items(item, f"{path}/{_numbered('container', used)}", seen)


def _children(owner: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(owner, Sequential):
        yield "layers", owner.layers
    known = _own_attributes(_base_of(owner))
    for name in sorted(vars(owner), key=_natural):
        if name not in known or (name == "optimizer" and isinstance(owner, Model)):
            yield name, vars(owner)[name]


def _base_of(owner: Any) -> type:
    if isinstance(owner, Sequential):
        return Sequential
    return next(kind for kind in (Model, *_KINDS) if isinstance(owner, kind))


@cache
def _own_attributes(base: type) -> frozenset[str]:
    """The attributes that every object of this base has: not a user's."""
    if base in (Optimizer, Metric):
        return frozenset(vars(base())) if base is Metric else frozenset(vars(base(0.1)))
    return frozenset(vars(base()))


def _numbered(name: str, used: dict[str, int]) -> str:
    count = used[name] = used.get(name, -1) + 1
    return name if count == 0 else f"{name}_{count}"


def _natural(name: str) -> list[Any]:
    """Sorts layer_2 before layer_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
