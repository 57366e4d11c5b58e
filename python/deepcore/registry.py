"""Which classes and functions a saved config may name: built-in ones and those the user registers.

Loading a file looks names up here and nowhere else: nothing is imported or evaluated on its behalf.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

# The modules of this package whose objects files may name.
_HOMES = (
    "layers",
    "models",
    "losses",
    "metrics",
    "optimizers",
    "activations",
    "initializers",
    "regularizers",
    "constraints",
    "random",
    "dtype_policies",
)

_builtins: dict[tuple[str, str], Any] = {}
_builtin_names: dict[Any, tuple[str, str]] = {}
_custom: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}
_scopes: list[dict[str, Any]] = []


def builtin(module: str, name: str | None = None) -> Callable[[T], T]:
    """Makes a class or function of this package loadable under Keras's name for it.

    Args:
        module: the Keras module that exports it, for example `"keras.layers"`.
        name: its name there; its own when None.

    Example:
        >>> @builtin("keras.layers")
        ... class Dense(Layer): ...
    """

    def register(obj: T) -> T:
        key = (module, name or obj.__name__)  # type: ignore[attr-defined]
        _builtins[key] = obj
        _builtin_names.setdefault(obj, key)
        return obj

    return register


def find_builtin(module: str | None, name: str) -> Any:
    """The built-in object of that name, or None.

    A module that Keras moved (`keras.src.layers...`, `tensorflow.keras...`) finds it by name alone.
    """
    found = _builtins.get((module or "", name))
    path = (module or "").split(".")
    if found is None and path[:3] == ["keras", "src", "ops"]:
        return importlib.import_module("deepcore.ops.operation").find_operation(name)
    if found is not None or path[0] not in ("keras", "tensorflow", "tf_keras"):
        return found
    for home in _HOMES:  # they register what they have when it is imported, some when asked for it
        getattr(importlib.import_module(f"deepcore.{home}"), name, None)
    same = [(where, obj) for (where, known), obj in _builtins.items() if known == name]
    for where, obj in same:  # losses and metrics share names
        if where == module or where.split(".")[-1] in path[1:]:
            return obj
    return same[0][1] if same else None


def builtin_name(obj: Any) -> tuple[str, str] | None:
    """(module, name) of a built-in object, or None."""
    try:
        return _builtin_names.get(obj)
    except TypeError:  # not hashable
        return None


def builtin_names() -> list[str]:
    """The names of all built-in objects."""
    return [name for _, name in _builtins]


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """Lets saved models name a class or function (keras.saving.register_keras_serializable).

    Args:
        package: the first part of the registered name, `package>name`.
        name: the second part; the object's own name when None.

    Raises:
        ValueError: a class without `get_config`.
    """

    def register(obj: T) -> T:
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"register_keras_serializable: {obj.__name__} has no get_config() method."
            )
        registered = f"{package}>{name or obj.__name__}"  # type: ignore[attr-defined]
        _custom[registered] = obj
        _custom_names[obj] = registered
        return obj

    return register


def get_registered_name(obj: Any) -> str:
    """`package>name` of a registered object, else its own name."""
    try:
        return _custom_names.get(obj) or obj.__name__
    except TypeError:
        return str(obj.__name__)


def get_registered_object(name: str | None, custom_objects: dict[str, Any] | None = None) -> Any:
    """The user's object of that name: from a scope, the global dict, then `custom_objects`."""
    if not name:
        return None
    for scope in reversed(_scopes):
        if name in scope:
            return scope[name]
    if name in _custom:
        return _custom[name]
    return (custom_objects or {}).get(name)


def get_custom_objects() -> dict[str, Any]:
    """The live dict of names known everywhere (keras.saving.get_custom_objects)."""
    return _custom


class CustomObjectScope:
    """`with custom_object_scope({"MyLayer": MyLayer}): load_model(...)`."""

    def __init__(self, custom_objects: dict[str, Any] | None = None) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        _scopes.append(self.custom_objects)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _scopes.pop()


custom_object_scope = CustomObjectScope
