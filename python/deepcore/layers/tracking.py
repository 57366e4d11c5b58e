"""Tracker: collects the variables, layers, metrics and seed generators set as attributes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, SupportsIndex

from deepcore import tree

_changes = itertools.count(1)
_last_change = 0


def changes() -> int:
    """Grows whenever some layer of this process gets or loses a part, or is frozen."""
    return _last_change


def note_change() -> None:
    """Says that a layer's parts are not what they were."""
    global _last_change
    _last_change = next(_changes)


class Tracker:
    """Lists of what an object owns, in the order in which it came.

    It does not know its owner: containers that refer to it make no reference cycle.
    """

    def __init__(self) -> None:
        self.trainable_variables: list[Any] = []
        self.non_trainable_variables: list[Any] = []
        self.layers: list[Any] = []
        self.metrics: list[Any] = []
        self.seed_generators: list[Any] = []
        self.locked: str | None = None  # the reason, once nothing may be added

    def track(self, value: Any) -> Any:
        """Notes what `value` holds; gives it back, containers wrapped so that they report later."""
        store = self._store(value)
        if store is not None:
            if not any(value is known for known in store):
                self._check_lock(value, store)
                store.append(value)
                note_change()
            return value
        if isinstance(value, TrackedList | TrackedDict):
            return value
        if type(value) is list:
            return TrackedList(value, self)
        if type(value) is dict:
            return TrackedDict(value, self)
        if isinstance(value, tuple):
            for item in value:
                self.track(item)
        return value

    def untrack(self, value: Any) -> None:
        """Forgets an object."""
        store = self._store(value)
        if store is not None:
            store[:] = [known for known in store if known is not value]
            note_change()

    def _store(self, value: Any) -> list[Any] | None:
        kind = _kind(value)
        if kind == "variable":
            for store in (self.trainable_variables, self.non_trainable_variables):
                if any(value is known for known in store):
                    return store
            return self.trainable_variables if value.trainable else self.non_trainable_variables
        return None if kind is None else getattr(self, kind)

    def _check_lock(self, value: Any, store: list[Any]) -> None:
        if self.locked and store is not self.metrics:
            raise ValueError(f"{self.locked} Received: {value!r}.")


class TrackedList(list[Any]):
    """A list that reports what is put into it."""

    def __init__(self, values: Iterable[Any], tracker: Tracker) -> None:
        self._tracker = tracker
        super().__init__(tracker.track(v) for v in values)

    def append(self, value: Any) -> None:
        super().append(self._tracker.track(value))

    def insert(self, index: SupportsIndex, value: Any) -> None:
        super().insert(index, self._tracker.track(value))

    def extend(self, values: Iterable[Any]) -> None:
        super().extend([self._tracker.track(v) for v in values])

    def __iadd__(self, values: Iterable[Any]) -> TrackedList:  # type: ignore[misc]
        self.extend(values)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        self._tracker.track(tuple(value) if isinstance(index, slice) else value)
        super().__setitem__(index, value)

    def pop(self, index: SupportsIndex = -1) -> Any:
        value = super().pop(index)
        self._tracker.untrack(value)
        return value

    def remove(self, value: Any) -> None:
        super().remove(value)
        self._tracker.untrack(value)

    def clear(self) -> None:
        for value in self:
            self._tracker.untrack(value)
        super().clear()

    def __reduce__(self) -> Any:  # copies and pickles are plain lists
        return list, (list(self),)


class TrackedDict(dict[Any, Any]):
    """A dict that reports what is put into it."""

    def __init__(self, values: dict[Any, Any], tracker: Tracker) -> None:
        self._tracker = tracker
        super().__init__({k: tracker.track(v) for k, v in values.items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, self._tracker.track(value))

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __delitem__(self, key: Any) -> None:
        self._tracker.untrack(self[key])
        super().__delitem__(key)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def holds(container: Any, value: Any) -> bool:
    """Whether a structure holds this very object."""
    return any(leaf is value for leaf in tree.flatten(container))


def _kind(value: Any) -> str | None:
    # Imported here: a layer is tracked by layers.
    from deepcore.layers.layer import Layer
    from deepcore.metrics import Metric
    from deepcore.random import SeedGenerator
    from deepcore.variable import Variable

    if isinstance(value, Variable):
        return "variable"
    if isinstance(value, Metric):
        return "metrics"
    if isinstance(value, Layer):
        return "layers"
    if isinstance(value, SeedGenerator):
        return "seed_generators"
    return None
