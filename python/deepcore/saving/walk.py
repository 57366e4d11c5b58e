"""Where each object's variables lie in a weights file: Keras 3's paths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from deepcore.layers.layer import Layer
from deepcore.metrics import Metric
from deepcore.models import Functional, Sequential
from deepcore.naming import to_snake_case
from deepcore.optimizers import Optimizer

# What has variables of its own in a file.
_KINDS = (Layer, Optimizer, Metric)


def walk(root: Any) -> Iterator[tuple[str, Any]]:
    """Every object with variables below `root`, each once, with its path; `root` first, at "".

    An object lies at the first attribute that leads to it, in the order of their names, private
    ones last; in a list, at its class's name in snake case, numbered when it comes again:
    `layers/dense_1`. As `layers` is an attribute of models too, `model.out` lies in there.
    """
    yield from _visit(root, "", {})


def _visit(owner: Any, path: str, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    if id(owner) in seen:
        return
    seen[id(owner)] = owner  # held, so that no other object gets its id meanwhile
    yield path, owner
    for name, child in _children(owner):
        below = f"{path}/{name}" if path else name
        if isinstance(child, _KINDS):
            yield from _visit(child, below, seen)
        elif isinstance(child, list | tuple | dict):
            yield from _visit_items(child, below, seen, set())


def _visit_items(
    items: Any, path: str, seen: dict[int, Any], inside: set[int]
) -> Iterator[tuple[str, Any]]:
    if id(items) in inside:
        return
    inside.add(id(items))
    used: dict[str, int] = {}
    for item in list(items.values()) if isinstance(items, dict) else items:
        if isinstance(item, _KINDS):
            name = _numbered(to_snake_case(type(item).__name__), used)
            yield from _visit(item, f"{path}/{name}", seen)
        elif isinstance(item, list | tuple | dict):
            name = _numbered("container", used)
            yield from _visit_items(item, f"{path}/{name}", seen, inside)


def _children(owner: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(owner, Functional | Sequential):
        yield "layers", owner.layers
    known = _own_attributes(next(kind for kind in _KINDS if isinstance(owner, kind)))
    for name in sorted(dir(owner), key=lambda name: f"~{name}" if name[0] == "_" else name):
        if name in known or name.startswith("__"):
            continue
        try:
            child = getattr(owner, name)
        except Exception:  # a property that has no value now
            continue
        yield name, child


@cache
def _own_attributes(base: type) -> frozenset[str]:
    """The attributes that every object of this base has: not a user's."""
    # Named, as names that are made up would count on.
    return frozenset(dir(base(0.1, name="x") if base is Optimizer else base(name="x")))


def _numbered(name: str, used: dict[str, int]) -> str:
    count = used[name] = used.get(name, -1) + 1
    return name if count == 0 else f"{name}_{count}"
