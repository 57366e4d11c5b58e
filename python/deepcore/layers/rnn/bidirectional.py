"""Bidirectional: a recurrent layer in both directions (keras.layers.Bidirectional)."""

from __future__ import annotations

import copy
from typing import Any

from deepcore import checks, ops, tree
from deepcore.layers.layer import Layer
from deepcore.layers.shapes import parameters_of
from deepcore.serialization import (
    builtin,
    deserialize_keras_object,
    serialize_keras_object,
)
from deepcore.symbolic import Shape

_NEEDED = ("go_backwards", "return_sequences", "return_state", "stateful")
_MODES = ("sum", "mul", "ave", "concat", None)


@builtin("keras.layers")
class Bidirectional(Layer):
    """Runs a layer from the first step to the last and a copy of it from the last to the first.

    What they give for the same step is put together (Schuster & Paliwal 1997). With
    `return_state`: a tuple of that, the forward layer's states and the backward layer's.

    Args:
        layer: an `RNN` or another layer with `go_backwards`, `return_sequences`, `return_state`
            and `stateful`; it is copied by its config.
        merge_mode: `concat` along the last axis, `sum`, `mul`, `ave`, or None for a tuple of both.
        weights: the first values of the weights, forward ones first.
        backward_layer: the layer for the way back; one like `layer` when None.
        **kwargs: see `Layer`.

    Raises:
        ValueError: layers that do not fit each other, or an unknown `merge_mode`.

    Example:
        >>> Bidirectional(LSTM(4, return_sequences=True))(np.ones((2, 5, 3))).shape
        (2, 5, 8)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        for argument, given in (("layer", layer), ("backward_layer", backward_layer)):
            if given is not None or argument == "layer":
                _check_layer(argument, given)
        checks.one_of("Bidirectional", "merge_mode", merge_mode, _MODES)
        super().__init__(**kwargs)
        self.forward_layer = _copied(layer, "forward")
        self.backward_layer = backward_layer or _copied(layer, "backward", go_backwards=True)
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(layer, "use_cudnn"):  # no part of the config
                one.use_cudnn = layer.use_cudnn
            # Masked steps of one direction must not count in what is put together.
            if getattr(one, "zero_output_for_mask", None) is not None:
                one.zero_output_for_mask = one.return_sequences
        _check_pair(self.forward_layer, self.backward_layer)
        self.merge_mode = merge_mode
        self._first_weights = weights
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Builds both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._first_weights:
            self.set_weights(self._first_weights)
            self._first_weights = None

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
    ) -> Any:
        halves = self._halves(initial_state)
        there, back = (
            self._one_way(layer, sequences, states, mask, training)
            for layer, states in zip((self.forward_layer, self.backward_layer), halves, strict=True)
        )
        y, y_back = (found[0] if self.return_state else found for found in (there, back))
        if self.return_sequences:
            y_back = ops.flip(y_back, 1)
        y, y_back = ops.cast(y, self.compute_dtype), ops.cast(y_back, self.compute_dtype)
        merged = self._merged(y, y_back)
        if not self.return_state:
            return merged
        states = (*there[1:], *back[1:])
        return (*merged, *states) if self.merge_mode is None else (merged, *states)

    def _halves(self, states: Any) -> tuple[Any, Any]:
        if states is None:
            return None, None
        if not isinstance(states, list | tuple) or len(states) % 2:
            found = len(states) if isinstance(states, list | tuple) else 1
            raise ValueError(
                "Bidirectional: initial_state must be a list of the forward layer's states and as "
                f"many of the backward layer's. Received: {found} tensor(s)."
            )
        half = len(states) // 2
        return states[:half], states[half:]

    def _one_way(
        self, layer: Any, sequences: Any, states: Any, mask: Any, training: bool | None
    ) -> Any:
        takes = parameters_of(type(layer), "call")
        given = {"initial_state": states, "mask": mask, "training": training}
        kept = {k: v for k, v in given.items() if k in takes and v is not None}
        return layer(sequences, **kept)

    def _merged(self, y: Any, y_back: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([y, y_back], axis=-1)
        if self.merge_mode == "sum":
            return ops.add(y, y_back)
        if self.merge_mode == "ave":
            return ops.multiply(ops.add(y, y_back), 0.5)
        return ops.multiply(y, y_back) if self.merge_mode == "mul" else (y, y_back)

    # ---- states

    @property
    def states(self) -> Any:
        """The states that both layers keep between batches, forward ones first; None without."""
        there, back = (
            getattr(layer, "states", None) for layer in (self.forward_layer, self.backward_layer)
        )
        return (*there, *back) if there and back else None

    def reset_state(self) -> None:
        """Sets the states kept between batches to zero.

        Raises:
            AttributeError: the layers are not stateful.
        """
        if not self.stateful:
            raise AttributeError(f"Bidirectional: layer '{self.name}' is not stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """`reset_state` under its older name."""
        self.reset_state()

    # ---- shapes and masks

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        there, back = (
            layer.compute_output_shape(sequences_shape)
            for layer in (self.forward_layer, self.backward_layer)
        )
        y, y_back = (tuple(found[0] if self.return_state else found) for found in (there, back))
        if self.merge_mode is None:
            merged: tuple[Any, ...] = (y, y_back)
        elif self.merge_mode == "concat":
            merged = ((*y[:-1], y[-1] + y_back[-1]),)
        else:
            merged = (y,)
        if self.return_state:
            return (*merged, *there[1:], *back[1:])
        return merged if self.merge_mode is None else merged[0]

    def compute_mask(self, _: Any, mask: Any) -> Any:
        """The mask of each output; states have none."""
        found = tree.flatten(mask)[0] if self.return_sequences else None
        outputs = (found, found) if self.merge_mode is None else (found,)
        if self.return_state:
            states = len(
                tree.flatten([self.forward_layer.state_size, self.backward_layer.state_size])
            )
            return (*outputs, *(None,) * states)
        return outputs if self.merge_mode is None else found

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from `get_config()`."""
        config = copy.deepcopy(config)
        layer = deserialize_keras_object(config.pop("layer"), custom_objects)
        back = config.pop("backward_layer", None)
        if back is not None:
            config["backward_layer"] = deserialize_keras_object(back, custom_objects)
        return cls(layer, **config)


def _copied(layer: Layer, side: str, **changed: Any) -> Any:
    """A new layer of the same config, without the weights."""
    described = serialize_keras_object(layer)
    described.pop("build_config", None)
    name = f"{side}_{layer.name.removeprefix(f'{side}_')}"
    described["config"] = {**described["config"], **changed, "name": name}
    return deserialize_keras_object(described)


def _check_layer(argument: str, layer: Any) -> None:
    if not isinstance(layer, Layer):
        raise ValueError(f"Bidirectional: {argument} must be a layer. Received: {layer!r}.")
    missing = [name for name in _NEEDED if not hasattr(layer, name)]
    if missing:
        raise ValueError(
            f"Bidirectional: {argument} must be a recurrent layer, with {', '.join(_NEEDED)}. "
            f"Received: {layer!r}, which lacks {', '.join(missing)}."
        )


def _check_pair(there: Any, back: Any) -> None:
    if there.go_backwards == back.go_backwards:
        raise ValueError(
            "Bidirectional: the layers must go in different directions. Received: go_backwards="
            f"{there.go_backwards} for both."
        )
    for name in ("stateful", "return_sequences", "return_state"):
        if getattr(there, name) != getattr(back, name):
            raise ValueError(
                f"Bidirectional: both layers must have the same {name}. Received: "
                f"{getattr(there, name)} and {getattr(back, name)}."
            )
