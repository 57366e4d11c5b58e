"""Objects to plain dicts and back, in Keras 3's format (keras.saving.serialize_keras_object)."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from deepcore import checks, registry
from deepcore.registry import (
    CustomObjectScope,
    builtin,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

__all__ = [
    "CustomObjectScope",
    "builtin",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "register_keras_serializable",
    "serialize_keras_object",
]

_LAMBDA = (
    "A lambda cannot be saved or loaded, as its code would have to be run from the file. "
    "Use a named function, registered with @keras.saving.register_keras_serializable()."
)


def serialize_keras_object(obj: Any) -> Any:
    """Plain data that describes `obj`: `{"module", "class_name", "config", "registered_name"}`.

    Numbers, strings, lists, tuples and dicts pass through, item by item.

    Raises:
        ValueError: a lambda.
        TypeError: an object without `get_config`.
    """
    if obj is None or isinstance(obj, str | int | float | bool):
        return obj
    if isinstance(obj, list | tuple):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, bytes):
        return _special("__bytes__", {"value": obj.decode("utf-8")})
    if isinstance(obj, slice):
        parts = {k: serialize_keras_object(getattr(obj, k)) for k in ("start", "stop", "step")}
        return _special("__slice__", parts)
    if obj is Ellipsis:
        return _special("__ellipsis__", {})
    if isinstance(obj, np.dtype) or (isinstance(obj, type) and issubclass(obj, np.generic)):
        return np.dtype(obj).name
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        if obj.ndim == 0:
            return obj.item()
        return _special("__numpy__", {"value": obj.tolist(), "dtype": obj.dtype.name})
    if _is_tensor(obj):
        return _special("__tensor__", {"value": obj.numpy().tolist(), "dtype": obj.dtype})
    if isinstance(obj, types.FunctionType | types.BuiltinFunctionType):
        return _serialize_function(obj)
    return _serialize_object(obj)


def deserialize_keras_object(
    config: Any,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """The object that `serialize_keras_object` described.

    Args:
        config: plain data.
        custom_objects: classes and functions by name, beside the registered ones.
        safe_mode: kept for compatibility: lambdas are refused in either mode.
        module_objects: (keyword) names that a bare string or a dict without module may use.

    Raises:
        ValueError: a name nobody knows, or a lambda.
        TypeError: a malformed config.
    """
    module_objects: dict[str, Any] | None = kwargs.pop("module_objects", None)

    def inner(value: Any) -> Any:
        return deserialize_keras_object(value, custom_objects, safe_mode)

    if isinstance(config, str):
        found = (custom_objects or {}).get(config)
        if found is None and module_objects:
            found = get_registered_object(config) or module_objects.get(config)
        return config if found is None else found
    if config is None or isinstance(config, int | float | bool):
        return config
    if isinstance(config, list | tuple):
        return [inner(item) for item in config]
    if not isinstance(config, dict):
        raise TypeError(f"Cannot read the config {config!r} of type {type(config).__name__}.")
    if "class_name" not in config or "config" not in config:
        return {key: inner(value) for key, value in config.items()}

    name, body = config["class_name"], config["config"]
    if not isinstance(name, str):
        raise TypeError(f"class_name must be a string. Received: class_name={name!r}.")
    for key in ("module", "registered_name"):
        if not isinstance(config.get(key), str | None):
            raise TypeError(f"{key} must be a string or None. Received: {key}={config[key]!r}.")
    if name.startswith("__") and name.endswith("__"):
        return _deserialize_special(name, body, inner)
    if name == "function":
        return _find_function(config, custom_objects, module_objects)
    cls = _find_class(config, custom_objects, module_objects)
    if isinstance(cls, types.FunctionType):
        return cls
    return _rebuild(cls, config, custom_objects)


def _special(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": name, "config": config}


def _is_tensor(obj: Any) -> bool:
    return type(obj).__name__ == "Tensor" and hasattr(obj, "is_symbolic")


def _serialize_function(function: Any) -> dict[str, Any]:
    if function.__name__ == "<lambda>":
        raise ValueError(_LAMBDA)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": get_registered_name(function),
        "registered_name": "function",
    }


def _serialize_object(obj: Any) -> dict[str, Any]:
    if not hasattr(obj, "get_config"):
        raise TypeError(
            f"Cannot serialize {obj!r} of type {type(obj).__name__}: it has no get_config()."
        )
    cls = type(obj)
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(f"{cls.__name__}.get_config() must return a dict, it returned {config!r}.")
    known = registry.builtin_name(cls)
    module: str | None = None
    name, registered = cls.__name__, None if known else get_registered_name(cls)
    if known:
        module, name = known
        if module.startswith("keras.src."):  # Keras registers what it does not export
            registered = name
    elif cls.__module__ != "__main__":
        module = cls.__module__
    described = {
        "module": module,
        "class_name": name,
        "config": serialize_keras_object(config),
        "registered_name": registered,
    }
    for part in ("build_config", "compile_config"):
        extra = getattr(obj, f"get_{part}", lambda: None)()
        if extra is not None:
            described[part] = serialize_keras_object(extra)
    return described


def _deserialize_special(name: str, body: Any, inner: Any) -> Any:
    body = body or {}
    if name == "__numpy__":
        return np.array(body["value"], dtype=_numpy_dtype(body["dtype"]))
    if name == "__tensor__":
        from deepcore import ops

        return ops.convert_to_tensor(body["value"], dtype=body["dtype"])
    if name == "__bytes__":
        return body["value"].encode("utf-8")
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__keras_tensor__":
        return SavedTensor(body["keras_history"])
    if name == "__slice__":
        return slice(inner(body["start"]), inner(body["stop"]), inner(body["step"]))
    if name == "__lambda__":
        raise ValueError(_LAMBDA)
    raise ValueError(f"The config names an object of unknown kind {name!r}.")


class SavedTensor:
    """A symbolic tensor in the config of a functional model: known by where it comes from.

    Args:
        history: the name of a layer, which of its calls, which of the call's results.
    """

    def __init__(self, history: Any) -> None:
        name, node_index, place = history
        self.history: tuple[str, int, int] = (str(name), int(node_index), int(place))


def _numpy_dtype(name: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.dtype(name)
    if dtype.hasobject:
        raise ValueError(f"An array of dtype {name!r} cannot be loaded.")
    return dtype


def _find_function(config: Any, custom: Any, module_objects: Any) -> Any:
    name = config["config"]
    if not isinstance(name, str):
        raise TypeError(f"The config of a function must be its name. Received: {name!r}.")
    found = get_registered_object(name, custom)
    if found is None and module_objects:
        found = module_objects.get(name)
    if found is None:
        module = config.get("module")
        found = registry.find_builtin("keras" if module == "builtins" else module, name)
    if found is None:
        raise ValueError(_unknown("function", name))
    return found


def _find_class(config: Any, custom: Any, module_objects: Any) -> Any:
    name, module = config["class_name"], config.get("module")
    found = get_registered_object(config.get("registered_name"), custom)
    if found is None and module:
        found = registry.find_builtin(module, name)
    if found is None:
        found = get_registered_object(name, custom)
    if found is None and module_objects and not (module and config.get("registered_name")):
        found = module_objects.get(name)
    if found is None:
        raise ValueError(_unknown("class", name if not module else f"{module}.{name}"))
    return found


def _rebuild(cls: Any, config: dict[str, Any], custom: Any) -> Any:
    body = config["config"] if config["config"] is not None else {}
    if not isinstance(body, dict):
        raise TypeError(f"The config of {cls.__name__} must be a dict. Received: {body!r}.")
    if not hasattr(cls, "from_config"):
        raise TypeError(f"{cls.__name__} cannot be rebuilt: it has no from_config().")
    with CustomObjectScope(custom):
        obj = cls.from_config(dict(body))
        if config.get("build_config") and not getattr(obj, "built", False):
            obj.build_from_config(config["build_config"])
            obj.built = True
        if config.get("compile_config") and hasattr(obj, "compile_from_config"):
            obj.compile_from_config(config["compile_config"])
    return obj


def _unknown(kind: str, name: str) -> str:
    near = checks.near_matches(name.split(".")[-1], registry.builtin_names())
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return (
        f"The config names the {kind} {name!r}, which is not known here.{hint} "
        "Register your own with @keras.saving.register_keras_serializable() before loading, "
        "or pass it in custom_objects."
    )
