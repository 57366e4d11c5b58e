"""clone_model: the same architecture with new weights (keras.models.clone_model)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepcore import tree
from deepcore.layers.core.input_layer import Input, InputLayer
from deepcore.models.functional import Functional
from deepcore.models.functional_config import made_of_tensors
from deepcore.models.model import Model
from deepcore.models.sequential import Sequential
from deepcore.serialization import deserialize_keras_object, serialize_keras_object
from deepcore.symbolic import KerasTensor


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """A model of the same layers, made anew: the weights are new, nothing is shared.

    Args:
        model: a functional or Sequential model; of any other class with `get_config` when the
            other arguments are left out.
        input_tensors: symbolic inputs to build on, in the structure of the model's; new ones when
            None.
        clone_function: makes the new layer of an old one; from its config when None.
        call_function: calls a new layer: `call_function(layer, *args, **kwargs)`; for functional
            models.
        recursive: clone the layers of models inside with `clone_function`, too.

    Raises:
        ValueError: an argument that this kind of model does not take, or other inputs.
    """
    cloned: dict[int, Any] = {}

    def clone(layer: Any) -> Any:
        if id(layer) not in cloned:
            if recursive and isinstance(layer, Functional | Sequential):
                inside = call_function if isinstance(layer, Functional) else None
                made = clone_model(layer, None, clone, inside, recursive=True)
            elif clone_function is not None:
                made = clone_function(layer)
            else:
                made = type(layer).from_config(layer.get_config())
            cloned[id(layer)] = made
        return cloned[id(layer)]

    if isinstance(model, Sequential):
        if call_function is not None:
            raise ValueError(
                "`call_function` argument is not supported with Sequential models. Received: "
                f"model of type '{type(model).__name__}', with call_function={call_function}"
            )
        made = _sequential(model, clone, input_tensors)
    elif isinstance(model, Functional):
        made = _functional(model, clone, input_tensors, call_function)
    else:
        if clone_function or input_tensors is not None or call_function:
            raise ValueError(
                "Arguments `clone_function`, `input_tensors` and `call_function` are only "
                "supported for Sequential models or Functional models. Received: model of type "
                f"'{type(model).__name__}', {clone_function=}, {input_tensors=}, {call_function=}"
            )
        config = serialize_keras_object(model)
        return deserialize_keras_object(config, {type(model).__name__: type(model)})
    if model.compiled:
        made.compile_from_config(model.get_compile_config())
    return made


def _sequential(model: Sequential, clone: Callable[[Any], Any], tensors: Any) -> Sequential:
    layers = [clone(layer) for layer in model.layers]
    first = model._layers[0] if model._layers else None
    if tensors is not None:
        flat = tree.flatten(tensors)
        if len(flat) != 1 or not isinstance(flat[0], KerasTensor):
            raise ValueError(
                "Argument `input_tensors` must be one KerasTensor for a Sequential model. "
                f"Received: input_tensors={tensors}"
            )
        layers.insert(0, Input(tensor=flat[0]))
    elif isinstance(first, InputLayer):
        layers.insert(0, InputLayer.from_config(first.get_config()))
    return Sequential(layers, name=model.name, trainable=model.trainable)


def _functional(
    model: Functional,
    clone: Callable[[Any], Any],
    tensors: Any,
    call_function: Callable[..., Any] | None,
) -> Any:
    if tensors is None:
        tensors = tree.map_structure(
            lambda t: Input(batch_shape=t.shape, dtype=t.dtype, name=t.name), model.input
        )
    flat = tree.flatten(tensors)
    if not all(isinstance(t, KerasTensor) for t in flat):
        raise ValueError(
            "All entries in `input_tensors` must be KerasTensors. "
            f"Received: input_tensors={tensors}"
        )
    if tree.structure_of(tensors) != tree.structure_of(model.input):
        raise ValueError(
            "`input_tensors` must have the same structure as model.input. "
            f"Reference: {model.input}. Received: {tensors}"
        )

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        made = clone(operation)
        return (
            made(*args, **kwargs) if call_function is None else call_function(made, *args, **kwargs)
        )

    outputs = model._graph.run(flat, call)
    cls: type[Model] = type(model) if made_of_tensors(type(model)) else Functional
    return cls(tensors, outputs, name=model.name)
