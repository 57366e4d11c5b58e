"""Lambda: a function as a layer (keras.layers.Lambda)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from deepcore.layers.layer import Layer
from deepcore.layers.shapes import map_shapes, tupled
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object
from deepcore.symbolic import is_shape


@builtin("keras.layers")
class Lambda(Layer):
    """Computes a function of its input; `mask` and `training` are passed if it takes them.

    Files hold the function's name, never its code: a model with a named, registered function can be
    saved and loaded, one with a Python lambda cannot, whatever `safe_mode` is.

    Args:
        function: of a tensor, or of nested ones.
        output_shape: the output's shape without the batch axis, or a function of the input's shape;
            found by tracing when None.
        mask: the output's mask, or a function like `compute_mask`; an input's mask is not passed on
            when None.
        arguments: further keywords of `function`.
        **kwargs: see `Layer`.

    Raises:
        TypeError: `function` cannot be called.

    Example:
        >>> Lambda(lambda x: x**2)(np.float32([[1, 2]])).tolist()
        [[1.0, 4.0]]
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not callable(function):
            raise TypeError(f"Lambda: function must be callable. Received: {function=}.")
        super().__init__(**kwargs)
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        takes = inspect.signature(function).parameters
        self._takes = [name for name in ("mask", "training") if name in takes]

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        given = {"mask": mask, "training": training}
        return self.function(
            inputs, **self.arguments, **{name: given[name] for name in self._takes}
        )

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        first = input_shape if is_shape(input_shape) else _first_shape(input_shape)
        return map_shapes(lambda shape: (first[0], *shape), self._output_shape)

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "function": serialize_keras_object(self.function)}
        if self._output_shape is not None:
            config["output_shape"] = serialize_keras_object(self._output_shape)
        if self.mask is not None:
            config["mask"] = serialize_keras_object(self.mask)
        return {**config, "arguments": serialize_keras_object(self.arguments)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A layer from `get_config()`.

        Raises:
            ValueError: the function was a lambda, or has a name that is not known.
        """
        config = dict(config)
        for name in ("function", "output_shape", "mask", "arguments"):
            if name in config:
                config[name] = deserialize_keras_object(config[name], custom_objects)
        if not callable(config.get("function")):
            raise ValueError(
                "Lambda: the function of a config must be one that is known by name. "
                f"Received: function={config.get('function')!r}."
            )
        if isinstance(config.get("output_shape"), list):
            config["output_shape"] = tupled(config["output_shape"])
        return cls(**config)


def _first_shape(input_shape: Any) -> Any:
    found: list[Any] = []
    map_shapes(found.append, input_shape)
    return found[0]
