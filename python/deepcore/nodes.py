"""Node: one call of a layer or an operation on symbolic tensors, as the layer remembers it."""

from __future__ import annotations

import weakref
from typing import Any

from deepcore import tree
from deepcore.symbolic import KerasHistory, KerasTensor


class Node:
    """The arguments of a call and what it gave (keras's Node).

    It refers to its results weakly, and to the layer not at all: a symbolic tensor holds the layer
    it comes from, a layer its nodes, a node the tensors it was given. So models make no reference
    cycles, unless a layer is called on its own result.

    Args:
        operation: the layer or operation that was called; the node is the last of its
            `_inbound_nodes` from now on.
        args: its positional arguments.
        kwargs: its keyword arguments.
        outputs: what it gave, KerasTensors in lists, tuples and dicts.

    Raises:
        ValueError: it gave something else.
    """

    def __init__(
        self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any
    ) -> None:
        flat = tree.flatten(outputs)
        for leaf in flat:
            if not isinstance(leaf, KerasTensor):
                raise ValueError(
                    f"All outputs of '{operation.name}' must be tensors, to be part of a model. "
                    f"Received: {leaf!r} (of type {type(leaf).__name__})."
                )
        self.args = args
        self.kwargs = kwargs
        self.input_tensors = [t for t in tree.flatten((args, kwargs)) if isinstance(t, KerasTensor)]
        index = len(operation._inbound_nodes)
        for place, tensor in enumerate(flat):
            tensor._keras_history = KerasHistory(operation, index, place)
        self._specs = tree.map_structure(_Spec, outputs)
        self._alive: list[Any] = [weakref.ref(t) for t in flat]
        operation._inbound_nodes.append(self)

    @property
    def is_input(self) -> bool:
        """Whether it is where a model begins."""
        return not self.input_tensors

    @property
    def output_shapes(self) -> Any:
        """The shapes of the results, in their structure."""
        return tree.map_structure(lambda spec: spec.shape, self._specs)

    def outputs(self, operation: Any) -> Any:
        """The results; made anew if nobody has kept them.

        Args:
            operation: the one that was called.
        """
        index = next(i for i, node in enumerate(operation._inbound_nodes) if node is self)
        found = []
        for place, spec in enumerate(tree.flatten(self._specs)):
            tensor = self._alive[place]()
            if tensor is None:
                history = KerasHistory(operation, index, place)
                tensor = KerasTensor(spec.shape, spec.dtype, spec.name, history)
                tensor._keras_mask = spec.mask
                self._alive[place] = weakref.ref(tensor)
            found.append(tensor)
        return tree.pack_sequence_as(self._specs, found)

    def __getstate__(self) -> dict[str, Any]:
        # A copy's results come from the copied layer: none of them exists yet.
        return {**self.__dict__, "_alive": []}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._alive = [_nothing for _ in tree.flatten(self._specs)]


def record(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> Any:
    """Notes a call; gives its results."""
    outputs = tree.map_structure(own, outputs)
    Node(operation, args, kwargs, outputs)
    return outputs


def own(result: Any) -> Any:
    """A result of a call; a tensor of its own where it is an argument passed through."""
    passed = isinstance(result, KerasTensor) and hasattr(result, "_keras_history")
    return KerasTensor(result.shape, result.dtype) if passed else result


class _Spec:
    """A result without its history."""

    def __init__(self, tensor: KerasTensor) -> None:
        self.shape = tensor.shape
        self.dtype = tensor.dtype
        self.name = tensor.name
        self.mask = tensor._keras_mask


def _nothing() -> None:
    """Stands for a weak reference to what is gone."""
