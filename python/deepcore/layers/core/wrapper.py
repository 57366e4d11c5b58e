"""Wrapper: a layer around another (keras.layers.Wrapper)."""

from __future__ import annotations

from typing import Any

from deepcore.layers.layer import Layer
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object


@builtin("keras.layers")
class Wrapper(Layer):
    """What layers around another share; it computes nothing itself.

    Args:
        layer: the layer inside.
        **kwargs: see `Layer`.

    Raises:
        ValueError: not a layer.
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"{type(self).__name__}: expected a layer to wrap. Received: layer={layer!r} (of "
                f"type {type(layer).__name__})."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from `get_config()`."""
        rest = {key: value for key, value in config.items() if key != "layer"}
        inside = config["layer"]
        if isinstance(inside, dict):
            inside = deserialize_keras_object(inside, custom_objects)
        return cls(inside, **rest)
