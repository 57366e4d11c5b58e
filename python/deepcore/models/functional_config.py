"""Functional models to plain dicts and back, in Keras 3's format."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from deepcore import tree
from deepcore.layers.layer import Layer, recorded_arguments
from deepcore.layers.shapes import parameters_of
from deepcore.ops.operation import Operation
from deepcore.serialization import SavedTensor, deserialize_keras_object, serialize_keras_object
from deepcore.symbolic import KerasTensor

if TYPE_CHECKING:
    from deepcore.models.graph import Graph

KEYS = ("layers", "input_layers", "output_layers")


def made_of_tensors(cls: type) -> bool:
    """Whether a class is made as `Functional` is, from inputs and outputs."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]  # type: ignore[misc]
    kinds = {p.kind for p in parameters}
    names = [p.name for p in parameters]
    return (
        names[:3] == ["inputs", "outputs", "name"]
        or {
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        }
        <= kinds
    )


def recorded(model: Any) -> dict[str, Any]:
    """The arguments of a class that makes its inputs and outputs itself."""
    own = {"name": model.name, "trainable": model.trainable}
    config = {**own, **recorded_arguments(model, own)}
    known = inspect.signature(type(model).__init__).parameters
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return config
    return {key: value for key, value in config.items() if key in known}


# ---- to a config


def of_graph(graph: Graph) -> dict[str, Any]:
    """The layers with their calls, and which tensors are inputs and outputs."""
    layers = []
    for operation in graph.operations:
        described = serialize_keras_object(operation)
        described["name"] = operation.name
        described["inbound_nodes"] = [
            _call(graph, operation._inbound_nodes[index])
            for index in sorted(i for op, i in graph.calls if op is operation)
            if not operation._inbound_nodes[index].is_input
        ]
        layers.append(described)

    def tensor(t: KerasTensor) -> list[Any]:
        operation, node_index, place = graph.resolve(t)
        # Keras counts a call that makes a model, before those that use it.
        before = 1 if _is_functional(operation) else 0
        return [operation.name, graph.place_of(operation, node_index) + before, place]

    return {
        "layers": layers,
        "input_layers": tree.map_structure(tensor, graph.inputs),
        "output_layers": tree.map_structure(tensor, graph.outputs),
    }


def _call(graph: Graph, node: Any) -> dict[str, Any]:
    def leaf(value: Any) -> Any:
        if not isinstance(value, KerasTensor):
            return value
        operation, node_index, place = graph.resolve(value)
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": value.shape,
                "dtype": value.dtype,
                "keras_history": [operation.name, graph.place_of(operation, node_index), place],
            },
        }

    args = tree.map_structure(leaf, node.args)
    kwargs = tree.map_structure(leaf, node.kwargs)
    return {"args": serialize_keras_object(args), "kwargs": serialize_keras_object(kwargs)}


# ---- from a config


def revive(config: dict[str, Any], custom_objects: Any = None) -> tuple[Any, Any]:
    """The inputs and outputs of a config: its layers are made, and called as it says.

    Raises:
        ValueError: calls that need each other, or tensors that there are not.
    """
    made: dict[str, Any] = {}
    waiting: list[tuple[Any, list[Any]]] = []
    for described in config["layers"]:
        operation = deserialize_keras_object(described, custom_objects)
        if not isinstance(operation, Layer | Operation):
            raise ValueError(
                "Unexpected object from deserialization, expected a layer or operation. "
                f"Received: {operation!r} (of type {type(operation).__name__})."
            )
        made[described["name"]] = operation
        waiting.append((operation, list(described["inbound_nodes"])))
    while any(calls for _, calls in waiting):
        before = sum(len(calls) for _, calls in waiting)
        for operation, calls in waiting:
            # In their order, as far as what they need is there.
            while calls and _recall(operation, calls[0], made):
                calls.pop(0)
        if sum(len(calls) for _, calls in waiting) == before:
            left = [operation.name for operation, calls in waiting if calls]
            raise ValueError(
                "Invalid Functional model configuration. The graph of the model either has loops "
                f"or disconnected nodes. The calls of these layers cannot be made: {left}."
            )
    return (
        _tensors(config["input_layers"], made),
        _tensors(config["output_layers"], made),
    )


def _recall(operation: Any, described: Any, made: dict[str, Any]) -> bool:
    """Calls a layer as a config says; False if a tensor is not there yet."""
    if isinstance(described, list):
        raise ValueError(
            f"The calls of '{operation.name}' are in the format of Keras 2, which is not read. "
            "Load and save the model with Keras 3."
        )
    args = deserialize_keras_object(described["args"])
    kwargs = deserialize_keras_object(described["kwargs"])
    found = [t for t in tree.flatten((args, kwargs)) if isinstance(t, SavedTensor)]
    if not found:
        raise ValueError(
            f"Invalid Functional model configuration: '{operation.name}' is called on no tensor."
        )
    if any(_find(t.history, made) is None for t in found):
        return False

    def fill(leaf: Any) -> Any:
        return _find(leaf.history, made) if isinstance(leaf, SavedTensor) else leaf

    args, kwargs = tree.map_structure(fill, (args, kwargs))
    if isinstance(operation, Layer):
        known = parameters_of(type(operation), "call")
        kwargs = {k: v for k, v in kwargs.items() if v is not None or k in known}
    elif type(operation).__name__ == "GetItem" and len(args) == 2 and isinstance(args[1], list):
        args[1] = tuple(args[1])  # files have lists alone
    operation(*args, **kwargs)
    return True


def _find(history: Any, made: dict[str, Any]) -> KerasTensor | None:
    """The tensor of a history in a config; None while its call has not been made."""
    name, node_index, place = history
    if name not in made:
        raise ValueError(f"Invalid Functional model configuration. Unknown layer: {name}.")
    nodes = made[name]._inbound_nodes
    if not 0 <= node_index < len(nodes):
        return None
    outputs: list[KerasTensor] = tree.flatten(nodes[node_index].outputs(made[name]))
    found: KerasTensor = outputs[place]
    return found


def _tensors(described: Any, made: dict[str, Any]) -> Any:
    """The tensors of `input_layers` or `output_layers`, in their structure."""
    if isinstance(described, dict):
        return {key: _tensors(value, made) for key, value in described.items()}
    if len(described) == 3 and isinstance(described[0], str):
        name, node_index, place = described
        before = 1 if _is_functional(made.get(name)) else 0
        found = _find((name, node_index - before, place), made)
        if found is None:
            raise ValueError(
                f"Invalid Functional model configuration. There is no tensor {described}."
            )
        return found
    return type(described)(_tensors(item, made) for item in described)


def _is_functional(operation: Any) -> bool:
    from deepcore.models.functional import Functional  # stands on this file

    return isinstance(operation, Functional)
