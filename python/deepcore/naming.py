"""Names of objects and the paths of their variables (keras.name_scope, keras.backend.auto_name)."""

from __future__ import annotations

import re
import threading
from collections import Counter
from types import TracebackType

_counts: Counter[str] = Counter()
_local = threading.local()


def to_snake_case(name: str) -> str:
    """`"MaxPooling2D"` gives `"max_pooling2d"`, `"RMSprop"` `"rm_sprop"`, as Keras does."""
    # A word starts at a capital that a small letter follows, or that follows a small letter.
    return re.sub(r"(?<=.)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name).lower()


def unique_name(prefix: str) -> str:
    """`prefix` the first time, then `prefix_1`, `prefix_2`, ..."""
    count = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def auto_name(class_name: str) -> str:
    """A fresh name for an object of the class: `dense`, `dense_1`, ..."""
    return unique_name(to_snake_case(class_name))


def reset_names() -> None:
    """Starts the counting anew (part of keras.utils.clear_session)."""
    _counts.clear()


class name_scope:
    """Variables made inside get `name` in front of their paths (keras.name_scope)."""

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "name_scope: name must be a string without the character `/`. "
                f"Received: name={name!r}."
            )
        self.name = name

    def __enter__(self) -> name_scope:
        _stack().append(self.name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _stack().pop()


def current_path() -> str:
    """The open scopes, joined: `"sequential/dense"`."""
    return "/".join(_stack())


def _stack() -> list[str]:
    if not hasattr(_local, "stack"):
        _local.stack = []
    stack: list[str] = _local.stack
    return stack
