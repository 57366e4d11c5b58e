"""Which loss, metric, target and weight belongs to which output of a model."""

from __future__ import annotations

from typing import Any

from deepcore import tree


class Outputs:
    """The outputs of a model, flat, and their names.

    Args:
        y_pred: the outputs of a batch.
        names: of the layers that give them, for a functional model.

    Attributes:
        count: how many there are.
        keys: what dicts of losses, metrics and targets may name them by; None when they have no
            names: lists of a model that is not functional, and structures in structures.
        labels: what logs call them, None for those without a name.
    """

    def __init__(self, y_pred: Any, names: list[str] | None) -> None:
        self._structure = tree.map_structure(lambda _: None, y_pred)
        self.count = len(tree.flatten(y_pred))
        known = names if names and len(names) == self.count else None
        self.keys: list[str] | None = known
        if isinstance(y_pred, dict):
            paths = _paths(y_pred)
            flat = all(len(path) == 1 for path in paths)
            self.keys = ["/".join(map(str, path)) for path in paths] if flat else None
            self.labels: list[str | None] = ["/".join(map(str, path)) for path in paths]
        else:
            self.labels = list(known) if known else [None] * self.count

    @property
    def by_key(self) -> bool:
        """Whether the model gives a dict."""
        return isinstance(self._structure, dict)

    def match(self, argument: str, value: Any) -> list[Any]:
        """What belongs to each output, of an argument of `compile`.

        Args:
            argument: its name, for errors.
            value: a list or dict by output, or the structure of the outputs.

        Raises:
            ValueError: keys that no output has, or another number of values.
        """
        if isinstance(value, dict) and self.keys is not None:
            unknown = [key for key in value if key not in self.keys]
            missing = [key for key in self.keys if key not in value]
            if unknown or (missing and argument == "loss" and not self.by_key):
                raise ValueError(
                    f"Expected keys {self.keys} in {argument} dict, but found "
                    f"{argument}.keys()={list(value)}"
                )
            return [value.get(key) for key in self.keys]
        if isinstance(value, list | tuple) and len(value) == self.count:
            return list(value)
        if _like(value, self._structure):
            return tree.flatten(value)
        raise ValueError(
            f"Invalid `{argument}`: it must be a list or a dict by output"
            f"{f' {self.keys}' if self.keys else ''}, or have the structure of the outputs: "
            f"{tree.map_structure(lambda _: 'X', self._structure)}. Received: {argument}={value!r}"
        )

    def flat(self, what: str, value: Any, used: list[bool]) -> list[Any]:
        """Targets or sample weights, one for each output.

        Args:
            what: `y` or `sample_weight`, for errors.
            value: by name, by position, or for the outputs that have a loss alone.
            used: which outputs those are.

        Raises:
            ValueError: another structure.
        """
        if isinstance(value, dict) and self.keys is not None and self.count > 1:
            if set(value) <= set(self.keys):
                found = [value.get(key) for key in self.keys]
                if all(v is not None or not u for v, u in zip(found, used, strict=True)):
                    return found
            raise ValueError(self._differs(what, value))
        leaves = tree.flatten(value)
        if len(leaves) == self.count:
            return leaves
        if len(leaves) == sum(used):
            rest = iter(leaves)
            return [next(rest) if u else None for u in used]
        raise ValueError(self._differs(what, value))

    def _differs(self, what: str, value: Any) -> str:
        told = tree.map_structure(lambda _: "*", value)
        wanted = tree.map_structure(lambda _: "*", self._structure)
        names = f" (names: {self.keys})" if self.keys else ""
        return (
            f"{what} and y_pred have different structures.\n{what}: {told}\ny_pred: {wanted}{names}"
        )


def _paths(structure: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The keys and positions that lead to each leaf, in the order of `tree.flatten`."""
    if isinstance(structure, dict):
        return [p for key in sorted(structure) for p in _paths(structure[key], (*above, key))]
    if isinstance(structure, list | tuple):
        return [p for i, item in enumerate(structure) for p in _paths(item, (*above, i))]
    return [above]


def _like(value: Any, structure: Any) -> bool:
    return tree.is_nested(value) and tree.structure_of(value) == tree.structure_of(structure)
