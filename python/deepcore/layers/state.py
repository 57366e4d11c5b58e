"""What a layer owns: variables, sublayers, metrics, seed generators, found by attribute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from deepcore.layers.tracking import Tracker, holds, note_change

if TYPE_CHECKING:
    from deepcore.layers.layer import Layer
    from deepcore.variable import Variable

T = TypeVar("T")
_PLAIN = (str, int, float, bool, bytes, type(None))


class LayerState:
    """The part of `Layer` that keeps track of state."""

    name: str
    built: bool
    _tracker: Tracker
    _trainable: bool
    # Attributes that hold tracked kinds of objects without owning them.
    _untracked: frozenset[str] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, _PLAIN) and name not in self._untracked:
            value = self._tracker.track(value)
        old = self.__dict__.get(name)
        super().__setattr__(name, value)
        if old is not None and old is not value and not isinstance(old, _PLAIN):
            self._forget(old)

    def __delattr__(self, name: str) -> None:
        old = self.__dict__.get(name)
        super().__delattr__(name)
        if old is not None:
            self._forget(old)

    def _forget(self, old: Any) -> None:
        """A replaced attribute no longer counts, unless another one holds the same object."""
        kept = [v for k, v in self.__dict__.items() if k != "_tracker"]
        for item in old if isinstance(old, list | tuple) else [old]:
            if not isinstance(item, _PLAIN) and not any(holds(v, item) for v in kept):
                self._tracker.untrack(item)

    # ---- the lists

    @property
    def _layers(self) -> list[Layer]:
        return self._tracker.layers

    @property
    def _metrics(self) -> list[Any]:
        return self._tracker.metrics

    @property
    def _trainable_variables(self) -> list[Variable]:
        return self._tracker.trainable_variables

    @property
    def _non_trainable_variables(self) -> list[Variable]:
        return self._tracker.non_trainable_variables

    @property
    def _own_weights(self) -> list[Variable]:
        return self._trainable_variables + self._non_trainable_variables

    def _flatten_layers(self, include_self: bool = True) -> Iterator[Any]:
        """This layer and all below, each once, parents first."""
        seen: set[int] = set()
        stack: list[Any] = [self]
        while stack:
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            if include_self or layer is not self:
                yield layer
            stack.extend(reversed(layer._layers))

    @property
    def weights(self) -> list[Variable]:
        """The variables of this layer and its sublayers; no seeds, no metrics."""
        found = self._own_weights
        for layer in self._layers:
            found += layer.weights
        return unique(found)

    @property
    def variables(self) -> list[Variable]:
        """The weights and the states of seed generators."""
        found = self._own_weights + [g.state for g in self._tracker.seed_generators]
        for layer in self._layers:
            found += layer.variables
        return unique(found)

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that training changes."""
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that training leaves alone, seeds included."""
        return [v for v in self.variables if not (self.trainable and v.trainable)]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves alone."""
        return [v for v in self.weights if not (self.trainable and v.trainable)]

    @property
    def metrics(self) -> list[Any]:
        """The metrics of this layer and its sublayers."""
        found = list(self._metrics)
        for layer in self._layers:
            found += layer.metrics
        return found

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of the metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it sets the sublayers' too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        note_change()
        for variable in self._trainable_variables:
            variable.trainable = bool(value)
        for layer in self._layers:
            layer.trainable = bool(value)

    # ---- values

    def get_weights(self) -> list[npt.NDArray[Any]]:
        """Copies of the weights, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assigns the weights from arrays, in the order of `weights`.

        Raises:
            ValueError: the number or a shape differs; then nothing is assigned.
        """
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(own)} weights."
            )
        arrays = [np.asarray(w) for w in weights]
        for variable, array in zip(own, arrays, strict=True):
            if tuple(variable.shape) != array.shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(variable.shape)} is not compatible "
                    f"with provided weight shape {array.shape} (variable {variable.path})."
                )
        for variable, array in zip(own, arrays, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """The number of scalars in the weights.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                "built. You can build it manually via: `layer.build(input_shape)`."
            )
        return count_scalars(self.weights)

    # ---- files (the format is Keras's: variables numbered in the order of creation)

    def save_own_variables(self, store: Any) -> None:
        """Writes this layer's own variables, not its sublayers', into a mapping."""
        for index, variable in enumerate(self._own_weights):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote.

        Raises:
            ValueError: the number of variables differs.
        """
        own = self._own_weights
        if len(store.keys()) != len(own):
            if not own and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. "
                    f"However the weights file lists {len(store.keys())} variables for this layer."
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(own)} variables, but received "
                f"{len(store.keys())} variables during loading. "
                f"Expected: {[v.name for v in own]}"
            )
        for index, variable in enumerate(own):
            variable.assign(np.asarray(store[str(index)]))


def unique(items: Iterable[T]) -> list[T]:
    """The items without repeats, compared by identity."""
    return list({id(item): item for item in items}.values())


def count_scalars(weights: Iterable[Variable]) -> int:
    """How many numbers the variables hold."""
    return sum(math.prod(v.shape) for v in weights)
