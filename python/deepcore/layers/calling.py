"""How a layer is called: convert, check, build, pass `training` on, compute."""

from __future__ import annotations

import inspect
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import abstract, masks, naming, ops, tree
from deepcore.layers import masked_calls, shapes
from deepcore.layers.context import call_context, inherited_training
from deepcore.layers.input_spec import assert_input_compatibility
from deepcore.layers.state import LayerState
from deepcore.nodes import Node, own
from deepcore.symbolic import KerasTensor, is_symbolic, refuse_strings
from deepcore.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepcore import Tensor


# Made once: `isinstance(x, a | b)` makes its union at each call.
_NUMBERS = (str, int, float, bool, type(None))
_ARRAYS = (np.ndarray, np.generic, Variable)
_FLOATS = ("float", "bfloat")
# Kinds of NumPy arrays that hold strings, or may.
_TEXT = ("U", "S", "O", "T")


class LayerCalls(LayerState):
    """The part of `Layer` that runs calls and collects losses."""

    autocast: bool
    compute_dtype: str
    input_dtype: str
    input_spec: Any
    supports_masking: bool
    activity_regularizer: Callable[[Any], Any] | None
    build: Callable[..., None]
    call: Callable[..., Any]
    _losses: list[Tensor]
    _inbound_nodes: list[Node]
    _scope_open: bool
    # Not so models: the layers inside pass masks on, or tell themselves.
    _tells_lost_masks = True
    # Whether symbolic strings may reach `call`, and whether it computes ahead of the planned step.
    takes_strings = False
    runs_on_host = False
    # Of the outputs, as `summary` shows them; a class attribute until the first call.
    _called_shapes: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Builds on the first call, casts the inputs, and computes.

        Raises:
            ValueError: an input does not fit the layer.
        """
        self._check_init()
        with layer_scope(self):
            if is_symbolic(args) or (kwargs and is_symbolic(list(kwargs.values()))):
                return self._symbolic_call(args, kwargs)
            args = tree.map_structure(self._convert, args)
            if kwargs:
                kwargs = tree.map_structure(self._convert, kwargs)
            self._check_first(args)
            self._maybe_build(args, kwargs)
            training = self._resolve_training(args, kwargs)
            masked = masked_calls.concern(self, args, kwargs)
            previous = masked_calls.fill(self, args, kwargs) if masked else None
            with call_context(training) as context:
                if context.entry:
                    self._clear_losses()
                outputs = self.call(*args, **kwargs)
                if self.activity_regularizer is not None:
                    self._regularize_activity(outputs)
                if masked:
                    given = masked_calls.first(self, args, kwargs)
                    masked_calls.pass_on(self, given, outputs, previous)
        if not self.built:
            self.built = True
        if self._called_shapes is None:
            self.__dict__["_called_shapes"] = tree.map_structure(_rowless, outputs)
        return outputs

    def _convert(self, x: Any) -> Any:
        """Arrays become tensors; floats take the compute dtype."""
        if isinstance(x, _NUMBERS):
            return x
        if isinstance(x, _ARRAYS) or ops.is_tensor(x):
            if isinstance(x, np.ndarray) and x.dtype.kind in _TEXT:
                return self._strings(x)
            dtype = str(x.dtype)
            to = self.input_dtype if self.autocast and dtype.startswith(_FLOATS) else None
            if dtype == to and ops.is_tensor(x):
                return x
            return masks.carried(x, ops.convert_to_tensor(x, to))
        return self._convert(np.asarray(x)) if hasattr(x, "__array__") else x

    def _strings(self, x: np.ndarray[Any, Any]) -> Any:
        if self.takes_strings:
            return x
        raise ValueError(
            f"{type(self).__name__}: the layer '{self.name}' takes numbers. Received: an array of "
            f"strings or objects (dtype {x.dtype}, shape {x.shape}). Pass strings through "
            "TextVectorization, StringLookup or Hashing first."
        )

    def _check_first(self, args: tuple[Any, ...]) -> None:
        if not args:
            return
        for leaf in tree.flatten(args[0]):
            if isinstance(leaf, str | int | float | bool):
                raise ValueError(
                    "Only tensors may be passed as the first argument of a layer. "
                    f"Received: {leaf!r} (of type {type(leaf).__name__}) in a call of layer "
                    f'"{self.name}". Convert lists with `np.array(...)`.'
                )
        assert_input_compatibility(self.input_spec, args[0], self.name)

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.built:
            return
        by_name = shapes.of_arguments(shapes.parameters_of(type(self), "call"), args, kwargs)
        if getattr(type(self).build, "_is_default", False):
            if by_name:  # a model in a file is built by a call on this shape
                self.__dict__["_build_shapes"] = {"input_shape": next(iter(by_name.values()))}
            return
        self.build(**shapes.for_method(shapes.parameters_of(type(self), "build"), by_name))
        self._check_first(args)  # build knows more about the input

    def _resolve_training(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool | None:
        """`training` as given, else the caller's, else the default of `call`; set in `kwargs`."""
        parameters = shapes.parameters_of(type(self), "call")
        accepts = "training" in parameters
        if accepts and len(args) > (position := list(parameters).index("training")):
            return args[position]  # type: ignore[no-any-return]
        training = kwargs.pop("training", None)
        if training is None:
            training = inherited_training()
        if accepts and training is None:
            default = parameters["training"].default
            return None if default is inspect.Parameter.empty else default
        if accepts:
            kwargs["training"] = training
        return training  # type: ignore[no-any-return]

    # ---- calls on shapes

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self.takes_strings:
            refuse_strings(f"{type(self).__name__}: the layer '{self.name}'", (args, kwargs))
        self._check_first(args)
        self._maybe_build(args, kwargs)
        # As Keras does, so that its configs and ours are the same: masks that were filled in are
        # part of a model's graph where nothing had to be converted. Elsewhere they come with the
        # values.
        noted = kwargs
        if self._converts_symbols(args, kwargs):
            kwargs = dict(kwargs)
        previous = masked_calls.fill(self, args, kwargs)
        outputs = self.compute_output_spec(*args, **kwargs)
        outputs = tree.map_structure(own, outputs)
        self.built = True
        masked_calls.pass_on(self, masked_calls.first(self, args, kwargs), outputs, previous)
        Node(self, args, noted, outputs)
        self.__dict__["_called_shapes"] = self._inbound_nodes[-1].output_shapes
        return outputs

    def _converts_symbols(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether Keras would look at each argument of a call for something to convert."""
        if kwargs or len(args) != 1 or not isinstance(args[0], KerasTensor):
            return True
        return args[0].dtype != self.input_dtype

    @property
    def input(self) -> Any:
        """The symbolic input of the first call; a list if there were several.

        Raises:
            ValueError: the layer was not called on symbolic tensors.
        """
        tensors = self._first_node().input_tensors
        if not tensors:  # where a model begins, input and output are one
            return self.output
        return tensors[0] if len(tensors) == 1 else list(tensors)

    @property
    def output(self) -> Any:
        """The symbolic output of the first call, in the structure that `call` gives.

        Raises:
            ValueError: the layer was not called on symbolic tensors.
        """
        return self._first_node().outputs(self)

    def _first_node(self) -> Node:
        if not self._inbound_nodes:
            raise ValueError(
                f"The layer {self.name} has never been called on a symbolic tensor and thus has "
                "no defined input and output."
            )
        return self._inbound_nodes[0]

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors of the outputs, from KerasTensors of the inputs."""
        if getattr(type(self).compute_output_shape, "_is_default", False):
            return self._traced_outputs(args, kwargs)
        by_name = shapes.of_arguments(shapes.parameters_of(type(self), "call"), args, kwargs)
        target = shapes.parameters_of(type(self), "compute_output_shape")
        shape = self.compute_output_shape(**shapes.for_method(target, by_name))
        return shapes.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for a shape of the input; found by tracing `call` by default."""
        spec = shapes.map_shapes(lambda s: KerasTensor(s, self.compute_dtype), input_shape)
        return tree.map_structure(lambda t: t.shape, self._traced_outputs((spec,), {}))

    compute_output_shape._is_default = True  # type: ignore[attr-defined]

    def _traced_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            with call_context(bool(self._resolve_training(args, kwargs))):
                return self.call(*args, **kwargs)

        try:
            return abstract.output_specs(run, args, kwargs)
        finally:
            self._clear_losses()  # of symbolic values

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output; that of the input by default (keras.Layer.compute_mask).

        A layer that writes this, or sets `supports_masking`, passes masks on; others drop them.

        Args:
            inputs: the first argument of the call.
            previous_mask: its mask, in its structure; None where there is none.
        """
        return previous_mask

    compute_mask._is_default = True  # type: ignore[attr-defined]

    # ---- losses

    def add_loss(self, loss: Any) -> None:
        """Adds scalars to the training loss; for use inside `call`.

        Raises:
            ValueError: not a tensor.
        """
        for value in tree.flatten(loss):
            if not ops.is_tensor(value):
                raise ValueError(f"add_loss: expected scalar tensors. Received: {value!r}.")
            self._losses.append(value)

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` collected in the last call, and the weights' penalties."""
        found = [loss for layer in self._flatten_layers() for loss in layer._losses]
        for variable in self.trainable_weights:
            if variable.regularizer is not None:
                found.append(variable.regularizer(variable))
        return found

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    def _regularize_activity(self, outputs: Any) -> None:
        assert self.activity_regularizer is not None
        for output in tree.flatten(outputs):
            loss = self.activity_regularizer(output)
            # Per sample, so that the batch size does not change the penalty's strength.
            self.add_loss(loss / max(1, output.shape[0]) if output.shape else loss)

    def _check_init(self) -> None:
        if "_scope_open" not in self.__dict__:
            raise RuntimeError(
                f"In layer {type(self).__name__!r}, you forgot to call `super().__init__()` as the "
                "first statement in the `__init__()` method."
            )


def _rowless(output: Any) -> tuple[int | None, ...]:
    """The shape of an output, its batch axis unknown."""
    return (None, *output.shape[1:]) if getattr(output, "shape", ()) else ()


class layer_scope:
    """Opens the layer's name scope, once: `build` inside `__call__` must not put the name twice."""

    def __init__(self, layer: LayerCalls) -> None:
        self._layer = layer
        self._scope = None if layer._scope_open else naming.name_scope(layer.name)

    def __enter__(self) -> None:
        if self._scope is not None:
            self._scope.__enter__()
            self._layer.__dict__["_scope_open"] = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._scope is not None:
            self._layer.__dict__["_scope_open"] = False
            self._scope.__exit__(kind, value, trace)
