"""Nested lists, tuples and dicts as trees of leaves (keras.tree). Dicts go by sorted keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def is_nested(structure: Any) -> bool:
    """Whether `structure` is a list, tuple or dict."""
    return isinstance(structure, list | tuple | dict)


def flatten(structure: Any) -> list[Any]:
    """The leaves in order.

    Example:
        >>> flatten({"b": 1, "a": [2, (3,)]})
        [2, 3, 1]
    """
    leaves: list[Any] = []
    _collect(structure, leaves)
    return leaves


def map_structure(func: Callable[..., Any], *structures: Any) -> Any:
    """The same structure with `func` applied to corresponding leaves.

    Raises:
        ValueError: the structures differ.
    """
    first, *rest = structures
    if not rest:
        return _mapped(func, first)
    for other in rest:
        assert_same_structure(first, other)
    others = [flatten(s) for s in rest]
    leaves = [func(*group) for group in zip(flatten(first), *others, strict=True)]
    return pack_sequence_as(first, leaves)


def pack_sequence_as(structure: Any, flat_sequence: Any) -> Any:
    """Puts leaves back into a structure, in the order of `flatten`.

    Raises:
        ValueError: too many or too few leaves.
    """
    leaves = list(flat_sequence)
    iterator = iter(leaves)
    try:
        packed = _pack(structure, iterator)
    except StopIteration:
        raise ValueError(
            f"pack_sequence_as: the structure has more leaves than the {len(leaves)} given."
        ) from None
    if next(iterator, _END) is not _END:
        raise ValueError(
            f"pack_sequence_as: the structure has fewer leaves than the {len(leaves)} given."
        )
    return packed


def assert_same_structure(a: Any, b: Any) -> None:
    """Checks that two trees have the same shape and containers.

    Raises:
        ValueError: they differ.
    """
    if structure_of(a) != structure_of(b):
        raise ValueError(f"The two structures differ: {structure_of(a)} and {structure_of(b)}.")


def structure_of(structure: Any) -> Any:
    """A hashable description of the containers, with `None` for each leaf."""
    if isinstance(structure, dict):
        keys = tuple(_keys(structure))
        return (dict, keys, tuple(structure_of(structure[k]) for k in keys))
    if isinstance(structure, list | tuple):
        return (type(structure), tuple(structure_of(item) for item in structure))
    return None


_END = object()
# Every layer call goes through here: a tuple made once is looked at sooner than `list | tuple`.
_SEQUENCES = (list, tuple)


def _collect(structure: Any, leaves: list[Any]) -> None:
    if isinstance(structure, _SEQUENCES):
        for item in structure:
            _collect(item, leaves)
    elif isinstance(structure, dict):
        for key in _keys(structure):
            _collect(structure[key], leaves)
    else:
        leaves.append(structure)


def _mapped(func: Callable[..., Any], structure: Any) -> Any:
    if isinstance(structure, _SEQUENCES):
        items = [_mapped(func, item) for item in structure]
        named = isinstance(structure, tuple) and hasattr(structure, "_fields")
        return type(structure)(*items) if named else type(structure)(items)
    if isinstance(structure, dict):
        mapped = {key: _mapped(func, structure[key]) for key in _keys(structure)}
        return {key: mapped[key] for key in structure}
    return func(structure)


def _keys(structure: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:  # keys that don't compare keep their order
        return list(structure)


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], leaves) for key in _keys(structure)}
        return {key: packed[key] for key in structure}
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*[_pack(item, leaves) for item in structure])
    if isinstance(structure, list | tuple):
        return type(structure)([_pack(item, leaves) for item in structure])
    return next(leaves)
