"""Sequential: layers one after the other (keras.Sequential)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import masks, tree
from deepcore.layers.core.input_layer import InputLayer
from deepcore.layers.layer import Layer
from deepcore.layers.shapes import tupled
from deepcore.layers.tracking import note_change
from deepcore.models import inputs as given
from deepcore.models.functional import Functional
from deepcore.models.model import Model
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object
from deepcore.symbolic import KerasTensor, Shape, is_shape, standardize_shape
from deepcore.training.arrays import Columns
from deepcore.training.prepared import Prepared, with_prepared

if TYPE_CHECKING:
    from deepcore._core import Tensor


@builtin("keras")
class Sequential(Model):
    """A stack of layers; each takes the one before.

    With an `Input` (or `input_shape=` on the first layer) weights are made at once, else on the
    first call, `fit` or `build`.

    Args:
        layers: the layers.
        trainable: whether training changes the weights.
        name: of the model.

    Example:
        >>> model = Sequential([Input((784,)), Dense(64, activation="relu"), Dense(10)])
        >>> model.output_shape
        (None, 10)
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self._output_spec: KerasTensor | None = None
        for layer in layers or []:
            self._append(layer)
        self._rebuild()

    def _lock_state(self) -> None:
        """Layers may come and go at any time."""

    # ---- the stack

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Puts a layer on top.

        Raises:
            ValueError: not a layer, a name that is taken, or a second input.
        """
        self._append(layer)
        if rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Any:
        """Takes the last layer off and gives it back.

        Raises:
            ValueError: there is none.
        """
        if not self.layers:
            raise ValueError(f"Sequential model '{self.name}' has no layers to pop.")
        layer = self._layers.pop()
        self._reset()
        if rebuild:
            self._rebuild()
        return layer

    def _append(self, layer: Any) -> None:
        history = getattr(layer, "_keras_history", None)
        if history is not None and isinstance(history.operation, InputLayer):
            layer = history.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `deepcore.layers.Layer` can be added to a Sequential model. "
                f"Received: {layer!r} (of type {type(layer).__name__})"
            )
        if any(layer.name == other.name and layer is not other for other in self._layers):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and self._layers:
            raise ValueError(
                f"Sequential model '{self.name}': an Input must come first. It has "
                f"{len(self._layers)} layers already."
            )
        if not self._layers and layer._batch_input_shape is not None:
            self._layers.append(InputLayer(batch_shape=layer._batch_input_shape))
        elif not self._layers and _has_one_input(layer):
            first = layer.inputs[0]  # type: ignore[attr-defined]
            self._layers.append(InputLayer(batch_shape=first.shape, dtype=first.dtype))
        self._layers.append(layer)
        self._reset()

    def _reset(self) -> None:
        self.built = False
        self._output_spec = None
        self._steps.clear()
        note_change()  # for models that hold this one

    def _rebuild(self) -> None:
        if len(self._layers) > 1 and isinstance(self._layers[0], InputLayer):
            self.build(self._layers[0].batch_shape)

    @property
    def layers(self) -> list[Any]:
        """The layers, without the input."""
        skip = bool(self._layers) and isinstance(self._layers[0], InputLayer)
        return self._layers[1:] if skip else list(self._layers)

    # ---- shapes

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of all layers.

        Args:
            input_shape: with the batch axis, None where unknown.

        Raises:
            ValueError: there are no layers, another input shape is set, or a layer does not fit.
        """
        if not self._layers:
            raise ValueError(
                f"Sequential model '{self.name}' cannot be built because it has no layers. "
                "Call `model.add(layer)`."
            )
        first = self._layers[0]
        if isinstance(first, InputLayer):
            if input_shape is not None and standardize_shape(input_shape) != first.batch_shape:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input "
                    f"shape {first.batch_shape}. You cannot build it with {input_shape=}."
                )
            x = first.output
        elif is_shape(input_shape) and len(input_shape):
            dtype = first.compute_dtype
            entry = InputLayer(batch_shape=(None, *input_shape[1:]), dtype=dtype)
            x = entry.output
        else:
            return  # several inputs: built by the first call
        for layer in self.layers:
            x = layer(x)
        if not isinstance(first, InputLayer):
            self._layers.insert(0, entry)
        self._output_spec = x

    @property
    def _input(self) -> InputLayer | None:
        return self._layers[0] if self.built and isinstance(self._layers[0], InputLayer) else None

    @property
    def input(self) -> KerasTensor:
        """The symbolic input."""
        return self.inputs[0]

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self.outputs[0]

    @property
    def input_shape(self) -> Shape:
        """The input's shape, None for the batch axis."""
        return self.inputs[0].shape

    @property
    def output_shape(self) -> Any:
        """The output's shape, None for the batch axis."""
        return self.outputs[0].shape

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic input."""
        if self._input is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined inputs yet.")
        return [self._input.output]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic output."""
        if self._output_spec is None:
            raise AttributeError(f"Sequential model '{self.name}' has no defined outputs yet.")
        return [self._output_spec]

    def compute_output_shape(self, input_shape: Any) -> Any:
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    @property
    def input_dtype(self) -> str:  # type: ignore[override]
        """The input layer's dtype, else the compute dtype."""
        first = self._layers[0] if self._layers else None
        if isinstance(first, InputLayer) and first.dtype != "string":
            return first.dtype
        return self.compute_dtype

    def _data_dtypes(self, x: Any) -> dict[int, str]:
        if not self._layers or isinstance(x, Prepared):
            return {}
        first = self._layers[0]
        dtype = first.dtype if isinstance(first, InputLayer) else first.compute_dtype
        return {index: dtype for index in tree.flatten(x) if index is not None}

    def _output_names(self) -> list[str] | None:
        return [self.name]

    # ---- calls

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x = masks.handed_on(inputs, mask)
        layers, entry = self.layers, self._input
        if isinstance(x, Prepared):
            x, layers, entry = x[0], layers[self._begun :], None
        if entry is not None:
            x = self._fitted(x, entry)
        first = x
        try:
            for layer in layers:
                x = layer(x)
        except ValueError as error:
            if entry is not None and tuple(first.shape[1:]) != entry.batch_shape[1:]:
                error.add_note(
                    f"The model '{self.name}' was made for inputs of shape {entry.batch_shape}. "
                    f"Received: shape {tuple(first.shape)}."
                )
            raise
        return x

    # ---- layers that begin the model on the host

    @property
    def _begun(self) -> int:
        """How many there are."""
        return len(list(itertools.takewhile(lambda layer: layer.runs_on_host, self.layers)))

    @property
    def runs_on_host(self) -> bool:  # type: ignore[override]
        """Whether all layers do: then it is part of what begins another model."""
        return 0 < self._begun == len(self.layers)

    def on_host(self, inputs: Any) -> Any:
        """The output for values, as an array."""
        for layer in self.layers:
            inputs = layer.on_host(inputs)
        return inputs

    def _prepare(self, where: str, columns: Columns) -> Columns:
        begun = self._begun
        if not begun:
            return super()._prepare(where, columns)
        x = columns.structure[0]
        if isinstance(x, dict) and len(x) == 1:
            x = next(iter(x.values()))
        if not isinstance(x, int):
            raise ValueError(f"{where}: the model '{self.name}' takes one input. Received: {x!r}.")
        found = columns.arrays[x]
        if not self.built:
            self.build((None, *found.shape[1:]))
        entry = self._input
        if entry is not None:
            found = given.on_host(self.name, 0, found, entry.batch_shape, entry.dtype)
        for layer in self.layers[:begun]:
            found = layer.on_host(found)
        if found.dtype.kind == "O":
            raise ValueError(
                f"{where}: '{self.layers[begun - 1].name}' of the model '{self.name}' gives "
                "strings, which no later layer takes. Call it on the model's predictions instead."
            )
        return with_prepared(columns, [found])

    def _fitted(self, x: Any, entry: InputLayer) -> Tensor:
        """The input with the axes and the dtype of the input layer: one of size 1 may come or go.

        Its sizes are the layers' matter, as in Keras: an LSTM takes other lengths than the first.
        """
        if isinstance(x, dict) and set(x) == {entry.name}:
            x = x[entry.name]
        if not hasattr(x, "shape"):
            got = list(x) if isinstance(x, dict) else f"{len(x)} values"
            raise ValueError(
                f'Layer "{self.name}" takes one input, or a dict of it by its name '
                f"{entry.name!r}. Received: {type(x).__name__} of {got}."
            )
        shape = entry.batch_shape
        fitted: Tensor = given.fit(self.name, 0, x, shape, entry.dtype, any_sizes=True)
        return masks.carried(x, fitted)  # type: ignore[no-any-return]

    def _build_for_lengths(self, shape: Shape) -> None:
        if not self.built:
            self.build((None, None, *shape[2:]))

    # ---- configuration

    def get_build_config(self) -> dict[str, Any] | None:
        return None if self._input is None else {"input_shape": self._input.batch_shape}

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "layers": [serialize_keras_object(layer) for layer in self._layers],
        }
        if self._input is not None:
            config["build_input_shape"] = self._input.batch_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model from `get_config()`.

        Raises:
            ValueError: the name or the layers are missing.
        """
        if "name" not in config or "layers" not in config:
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' and "
                f"'layers' keys. Received: {config=}"
            )
        layers = [deserialize_keras_object(c, custom_objects) for c in config["layers"]]
        arguments = {k: config[k] for k in ("trainable", "dtype") if k in config}
        model = cls(layers, name=config["name"], **arguments)
        shape = config.get("build_input_shape")
        if not model.built and shape:
            model.build(tupled(shape))
        return model


def _has_one_input(layer: Any) -> bool:
    """Whether a layer is a model that says what it takes: a stack that begins with it does, too."""
    return isinstance(layer, Sequential | Functional) and layer.built and len(layer.inputs) == 1
