"""Model: a layer that can be trained (keras.Model)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepcore import symbolic
from deepcore.models.summary import print_summary
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object
from deepcore.training.fitting import Fitting


@builtin("keras")
class Model(Fitting):
    """A layer with `compile`, `fit`, `evaluate` and `predict`.

    Subclass it: make layers in `__init__`, use them in `call`.

    Args:
        **kwargs: see `Layer`.

    Example:
        >>> class Net(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.dense = deepcore.layers.Dense(10)
        ...     def call(self, inputs):
        ...         return self.dense(inputs)
        >>> Net()(np.ones((2, 3), "float32")).shape
        (2, 10)
    """

    _tells_lost_masks = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _is_functional(args, kwargs):
            from deepcore.models.functional import Functional  # stands on this file

            return super().__new__(Functional, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _is_functional(args, kwargs):  # from the `__init__` of a subclass
            _make_functional(type(self)).__init__(self, *args, **kwargs)
            return
        if args or "inputs" in kwargs or "outputs" in kwargs:
            raise ValueError(
                f"{type(self).__name__}: pass both `inputs` and `outputs`, or neither. Received: "
                f"{len(args)} positional arguments, and the keywords {sorted(kwargs)}."
            )
        super().__init__(**kwargs)

    # Its `call` may hand them to a layer that takes them.
    takes_strings = True

    @property
    def layers(self) -> list[Any]:
        """The layers right below, in order."""
        return list(self._layers)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by its name or its place.

        Raises:
            ValueError: there is none, or not exactly one argument.
        """
        if (name is None) == (index is None):
            raise ValueError(
                f"get_layer: pass either a name or an index. Received: {name=}, {index=}."
            )
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"get_layer: the model has {len(layers)} layers. Received: {index=}."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name}. Existing layers are: {[layer.name for layer in layers]}."
        )

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        flops: bool = False,
    ) -> None:
        """Prints a table of the layers, their output shapes and their numbers of weights.

        Args:
            line_length: the table's width.
            positions: where the columns end, as shares of the width.
            print_fn: called with the text; `print` when None.
            expand_nested: show the layers of models inside.
            show_trainable: add a column that tells whether a layer is trained.
            flops: add a column of each layer's FLOPs a sample, and their totals; see
                `count_flops`.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, flops)

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Builds from `get_build_config()`: a model without `build` by calling it on shapes."""
        if config and "input_shape" in config and getattr(type(self).build, "_is_default", False):
            shape = config["input_shape"]
            self(symbolic.KerasTensor(shape, self.compute_dtype))
            return
        super().build_from_config(config)

    # ---- files; the formats are Keras's

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Saves the model as a `.keras` file: architecture, weights and optimizer state.

        Args:
            filepath: the file.
            overwrite: replace an existing file without asking.
            **kwargs: see `deepcore.saving.save_model`.
        """
        from deepcore import saving

        saving.save_model(self, filepath, overwrite=overwrite, **kwargs)

    def save_weights(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Saves the weights as a `.weights.h5` file."""
        from deepcore import saving

        saving.save_weights(self, filepath, overwrite=overwrite, **kwargs)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Loads the weights that `save` or `save_weights` wrote."""
        from deepcore import saving

        saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The configuration as JSON; `kwargs` go to `json.dumps`."""
        import json

        return json.dumps(serialize_keras_object(self), **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """A model from `get_config()`."""
        from deepcore.models import functional, functional_config

        if set(functional_config.KEYS) <= set(config) and functional_config.made_of_tensors(cls):
            inputs, outputs = functional_config.revive(config, custom_objects)
            made = functional.Functional if cls is Model else cls
            rest = {k: v for k, v in config.items() if k not in functional_config.KEYS}
            rest = {k: v for k, v in rest.items() if k != "dtype"}
            return made(inputs, outputs, **rest)
        return cls(**{k: deserialize_keras_object(v, custom_objects) for k, v in config.items()})


def model_from_json(json_string: str, custom_objects: Any = None) -> Any:
    """A model, with new weights, from `Model.to_json()` (keras.models.model_from_json).

    Args:
        json_string: the configuration.
        custom_objects: classes and functions by name.

    Raises:
        ValueError: it does not describe a model.

    Example:
        >>> model_from_json(Model(x, layers.Dense(1)(x)).to_json()).output_shape
        (None, 1)
    """
    import json

    made = deserialize_keras_object(json.loads(json_string), custom_objects)
    if not isinstance(made, Model):
        raise ValueError(
            f"model_from_json: expected the JSON of a model. Received: {json_string[:60]!r}."
        )
    return made


def _is_functional(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the arguments of a model's constructor are inputs and outputs."""
    named = {"inputs", "outputs"} & set(kwargs)
    return len(args) >= 2 or len(args) + len(named) == 2


def _make_functional(cls: type) -> Any:
    """Puts `Functional` in the place of `Model` among the bases of a class; gives it."""
    from deepcore.models.functional import Functional

    if not issubclass(cls, Functional):
        cls.__bases__ = tuple(
            Functional if base is Model else _replaced(base) for base in cls.__bases__
        )
        for known in cls.__mro__[: cls.__mro__.index(Functional)]:
            if "_parameters" in known.__dict__:  # of a `call` that it now inherits
                del known._parameters  # type: ignore[attr-defined]
    return Functional


def _replaced(base: type) -> type:
    if issubclass(base, Model):
        _make_functional(base)
    return base
