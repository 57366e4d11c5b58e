"""get / serialize / deserialize, which losses, optimizers, activations and others share."""

from __future__ import annotations

import inspect
from typing import Any

from deepcore import checks
from deepcore.registry import get_registered_object
from deepcore.serialization import deserialize_keras_object, serialize_keras_object


class Family:
    """The named objects of one kind.

    Args:
        kind: how messages call one of them: `"optimizer"`.
        objects: classes and functions by name, aliases included.
        fold_case: names are compared in lower case.
    """

    def __init__(self, kind: str, objects: dict[str, Any], fold_case: bool = False) -> None:
        self.kind = kind
        self.objects = objects
        self._fold = fold_case

    def get(self, identifier: Any) -> Any:
        """An object from a name, a config dict, a class, or an object passed through.

        Raises:
            ValueError: it is none of these, or the name is not known.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            found = self.deserialize(identifier)
        elif isinstance(identifier, str):
            found = get_registered_object(identifier)
            if found is None:
                name = identifier.lower() if self._fold else identifier
                found = self.objects.get(name)
            if found is None:
                raise ValueError(checks.unknown(self.kind, identifier, self.objects))
        else:
            found = identifier
        if inspect.isclass(found):
            found = found()
        if not callable(found) and not hasattr(found, "get_config"):
            raise ValueError(
                f"Cannot make {_article(self.kind)} from {identifier!r} "
                f"of type {type(identifier).__name__}."
            )
        return found

    def serialize(self, obj: Any) -> Any:
        """The config dict of an object of this family."""
        return serialize_keras_object(obj)

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """The object a config dict describes; the name may be an alias."""
        if self._fold and isinstance(config, dict):
            name = str(config.get("class_name", "")).lower()
            if name in self.objects and not config.get("registered_name"):
                config = {**config, "class_name": name, "module": None}
        return deserialize_keras_object(
            config, custom_objects=custom_objects, module_objects=self.objects
        )


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
