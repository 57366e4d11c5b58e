"""Functional: a model of the calls between some symbolic tensors and others (keras.Model)."""

from __future__ import annotations

import warnings
from typing import Any

from deepcore import masks, tree
from deepcore.layers.core.input_layer import InputLayer
from deepcore.layers.layer import Layer
from deepcore.layers.shapes import map_shapes, parameters_of
from deepcore.models import functional_config, inputs
from deepcore.models.graph import Graph
from deepcore.models.model import Model
from deepcore.ops.operation import Operation
from deepcore.serialization import builtin
from deepcore.symbolic import KerasHistory, KerasTensor
from deepcore.training.arrays import Columns
from deepcore.training.prepared import Prepared, with_prepared


@builtin("keras.src.models.functional")
class Functional(Model):
    """What `Model(inputs, outputs)` makes.

    Between tensors inside another model, it shares that model's layers and weights.

    Args:
        inputs: symbolic tensors, in lists, tuples and dicts.
        outputs: symbolic tensors that come of them.
        name: of the model.
        trainable: whether training changes the weights; as the layers are when None.

    Raises:
        ValueError: something else, outputs that do not come of the inputs, or a name used twice.

    Example:
        >>> x = Input((8,))
        >>> branch = layers.Dense(8, activation="relu")(x)
        >>> Model(x, layers.Dense(1)(layers.add([x, branch]))).output_shape
        (None, 1)
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        trainable: bool | None = None,
        **kwargs: Any,
    ) -> None:
        _check_tensors("inputs", inputs)
        _check_tensors("outputs", outputs)
        if isinstance(inputs, dict):
            _check_names(inputs)
        entry, stand_for = _entries(inputs)
        graph = Graph(entry, _plain(outputs), stand_for)
        super().__init__(name=name, **kwargs)
        self._graph = graph
        for layer in self.layers:
            self._tracker.track(layer)
        if trainable is not None:
            self.trainable = trainable
        self.build(None)

    def _lock_state(self) -> None:
        """Layers beside the graph may come at any time."""

    def build(self, input_shape: Any = None) -> None:
        """The weights were made when the layers were called."""

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """See `build`."""

    def get_build_config(self) -> dict[str, Any] | None:
        return {"input_shape": None}

    # ---- the graph

    @property
    def layers(self) -> list[Any]:
        """The layers, those far from the outputs first."""
        return [op for op in self._graph.operations if isinstance(op, Layer)]

    @property
    def operations(self) -> list[Any]:
        """The layers and the operations, those far from the outputs first."""
        return list(self._graph.operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, in a flat list."""
        return list(self._graph.flat_inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in a flat list."""
        return list(self._graph.flat_outputs)

    @property
    def input(self) -> Any:
        """The symbolic inputs, as they were given."""
        return self._graph.inputs

    @property
    def output(self) -> Any:
        """The symbolic outputs, as they were given."""
        return self._graph.outputs

    @property
    def input_shape(self) -> Any:
        """The shape of the input; a list of them if there are several."""
        shapes = [t.shape for t in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """The shape of the output; a list of them if there are several."""
        shapes = [t.shape for t in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, by which dicts of data go."""
        return [t.name for t in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that give the outputs, by which losses and metrics go."""
        return [self._graph.resolve(t).operation.name for t in self.outputs]

    # ---- calls

    def _convert(self, x: Any) -> Any:
        return x  # each input takes a dtype of its own, in `call`

    def _converts_symbols(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        return False

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:

        def compute(operation: Any, *args: Any, **kwargs: Any) -> Any:
            # As Keras does: this call's flag wins over one in the graph.
            if training is not None and _takes_training(operation):
                kwargs["training"] = training
            return operation(*args, **kwargs)

        if isinstance(inputs, Prepared):
            outputs = self._graph.program.finish(inputs, compute)
        else:
            outputs = self._graph.run(self._arranged(masks.handed_on(inputs, mask)), compute)
        # As Keras does for values, not for symbols: a list of one output is that output.
        single = isinstance(outputs, list | tuple) and len(outputs) == 1
        return outputs[0] if single else outputs

    def compute_output_spec(
        self, inputs: Any, training: bool | None = None, mask: Any = None
    ) -> Any:
        values = self._arranged(inputs)
        if all(v.shape == t.shape for v, t in zip(values, self.inputs, strict=True)):
            return tree.map_structure(lambda t: KerasTensor(t.shape, t.dtype), self.output)
        return self._graph.run(values, lambda op, *a, **k: op.compute_output_spec(*a, **k))

    def compute_output_shape(self, input_shape: Any) -> Any:
        specs = map_shapes(KerasTensor, input_shape)
        return tree.map_structure(lambda t: t.shape, self.compute_output_spec(specs))

    def _arranged(self, given: Any) -> list[Any]:
        flat = inputs.arrange(self.name, given, self.input)
        found: list[Any] = []
        for index, (x, t) in enumerate(zip(flat, self.inputs, strict=True)):
            if x is None:
                if not t._keras_history.operation.optional:
                    raise ValueError(
                        f"The input '{t.name}' is not optional, but None was passed. "
                        "Please provide a valid tensor."
                    )
                found.append(None)
            else:
                found.append(masks.carried(x, inputs.fit(self.name, index, x, t.shape, t.dtype)))
        return found

    # ---- layers that begin the model on the host

    @property
    def runs_on_host(self) -> bool:  # type: ignore[override]
        """Whether all layers do: then it is part of what begins another model."""
        return self._graph.program.all_on_host

    def on_host(self, inputs: Any) -> Any:
        """The outputs for values, as arrays."""
        flat = tree.flatten(inputs)
        return self._graph.run(flat, _on_host)

    def _prepare(self, where: str, columns: Columns) -> Columns:
        program = self._graph.program
        if not program.handed:
            return super()._prepare(where, columns)
        if "string" in program.handed:
            raise ValueError(
                f"{where}: the model '{self.name}' hands strings on to a layer that is not the "
                "first of its own, or gives them out. Look them up by StringLookup or "
                "TextVectorization right behind the Input."
            )
        places = inputs.arrange(self.name, columns.structure[0], self.input)
        values = [
            None if i is None else inputs.on_host(self.name, n, columns.arrays[i], t.shape, t.dtype)
            for n, (i, t) in enumerate(zip(places, self.inputs, strict=True))
        ]
        return with_prepared(columns, program.begin(values, _on_host))

    def _output_names(self) -> list[str] | None:
        return self.output_names

    def _data_dtypes(self, x: Any) -> dict[int, str]:
        if isinstance(x, Prepared):
            return dict(zip(x, self._graph.program.handed, strict=True))
        try:
            places = inputs.arrange(self.name, x, self.input)
        except ValueError:  # the call tells better what is wrong
            return {}
        return {i: t.dtype for i, t in zip(places, self.inputs, strict=True) if i is not None}

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        if not functional_config.made_of_tensors(type(self)):
            return functional_config.recorded(self)
        return {
            "name": self.name,
            "trainable": self.trainable,
            **functional_config.of_graph(self._graph),
        }

    get_config._records_arguments = True  # type: ignore[attr-defined]


def _on_host(layer: Any, inputs: Any, **kwargs: Any) -> Any:
    return layer.on_host(inputs)  # which has no use for masks and flags


def _takes_training(operation: Any) -> bool:
    return isinstance(operation, Layer) and "training" in parameters_of(type(operation), "call")


def _plain(structure: Any) -> Any:
    """A structure of its own, of plain lists and dicts."""
    return tree.map_structure(lambda t: t, structure)


def _entries(given: Any) -> tuple[Any, dict[KerasHistory, KerasHistory]]:
    """Inputs for a graph: those made by `Input`, and new ones for tensors inside another graph."""
    stand_for: dict[KerasHistory, KerasHistory] = {}

    def entry(tensor: KerasTensor) -> KerasTensor:
        history: KerasHistory = tensor._keras_history
        if history.operation._inbound_nodes[history.node_index].is_input:
            return tensor
        layer = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE")
        made: KerasTensor = layer.output
        stand_for[history] = made._keras_history
        return made

    return tree.map_structure(entry, given), stand_for


def _check_tensors(what: str, given: Any) -> None:
    flat = tree.flatten(given)
    if not flat:
        raise ValueError(f"`{what}` argument cannot be empty. Received: {what}={given}.")
    for leaf in flat:
        if not isinstance(leaf, KerasTensor):
            raise ValueError(
                f"All `{what}` values must be KerasTensors. Received: {what}={given} including "
                f"invalid value {leaf!r} of type {type(leaf).__name__}."
            )
        origin = getattr(leaf, "_keras_history", None)
        if origin is None or not isinstance(origin.operation, Layer | Operation):
            raise ValueError(
                f"All `{what}` values must come from `Input`. Received: {what}={given} including "
                f"{leaf!r}, which no layer gave."
            )


def _check_names(given: dict[str, Any]) -> None:
    for key, tensor in given.items():
        if isinstance(tensor, KerasTensor) and key != tensor.name:
            warnings.warn(
                "When providing `inputs` as a dict, all keys in the dict must match the names of "
                f"the corresponding tensors. Received key '{key}' mapping to value {tensor} which "
                f"has name '{tensor.name}'. Change the tensor name to '{key}' (via "
                f"`Input(..., name='{key}')`)",
                stacklevel=4,
            )
