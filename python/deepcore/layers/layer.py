"""Layer: weights and a computation on them, made of ops (keras.Layer)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deepcore import config, constraints, dtype_policies, initializers, naming, regularizers
from deepcore.layers import masked_calls, shapes
from deepcore.layers.calling import LayerCalls, layer_scope
from deepcore.layers.tracking import Tracker
from deepcore.serialization import builtin
from deepcore.symbolic import standardize_shape
from deepcore.transforms import no_trace
from deepcore.variable import Variable

if TYPE_CHECKING:
    pass

_LOCKED = (
    "You cannot add new elements of state (variables or sub-layers) to a layer that is already "
    "built. All state must be created in the `__init__()` method or in the `build()` method."
)


@builtin("keras.layers")
class Layer(LayerCalls):
    """A computation with weights: write `build` to make weights and `call` to use them.

    Variables, layers, metrics and seed generators set as attributes (also inside lists, tuples and
    dicts) are tracked.

    Args:
        activity_regularizer: a penalty on the output, added to the loss.
        trainable: whether training changes the weights.
        dtype: a dtype or a dtype policy; the default float when None.
        autocast: whether float inputs are cast to the compute dtype.
        name: unique when not given: `dense`, `dense_1`, ...
        **kwargs: `input_shape`, `batch_input_shape` or `input_dim`, for the first layer of a
            `Sequential`.

    Raises:
        ValueError: an unknown argument.

    Example:
        >>> class Scale(Layer):
        ...     def build(self, input_shape):
        ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        ...     def call(self, inputs):
        ...         return inputs * self.scale
        >>> Scale()(np.ones((2, 3), "float32")).shape
        (2, 3)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _prepared(cls.__dict__["build"])  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        # Here and not in __init__: subclasses may set attributes before they call it.
        object.__setattr__(self, "_tracker", Tracker())
        if hasattr(cls.get_config, "_records_arguments"):
            object.__setattr__(self, "_init_arguments", (args, kwargs))
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                f"{kind}: name must be a string without the character `/`. Received: {name=}."
            )
        if not isinstance(trainable, bool):
            raise ValueError(f"{kind}: trainable must be a boolean. Received: {trainable=}.")
        self._batch_input_shape = _pop_input_shape(kwargs)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {kind}: {kwargs}")
        self.name = name or naming.auto_name(kind)
        self._dtype_policy = dtype_policies.get(dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.built = False
        self.input_spec: Any = None
        self.supports_masking = masked_calls.computes(self)
        self._trainable = trainable
        self._path: str | None = None
        self._build_shapes: dict[str, Any] | None = None
        self._building = False
        self._scope_open = False
        # Plain, as nothing in them is ever owned.
        object.__setattr__(self, "_losses", [])
        object.__setattr__(self, "_inbound_nodes", [])

    @property
    def dtype_policy(self) -> dtype_policies.DTypePolicy:
        """The dtypes of weights and computations."""
        return self._dtype_policy

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self._dtype_policy.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:  # type: ignore[override]
        """The dtype that float inputs are cast to."""
        return self._dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:  # type: ignore[override]
        """The dtype that inputs are converted to."""
        return self.compute_dtype

    @property
    def path(self) -> str | None:
        """The name with its parents' in front, known once built."""
        return self._path

    # ---- weights

    def build(self, input_shape: Any) -> None:
        """Makes the weights; the default makes none.

        Args:
            input_shape: the shape of the input, None where unknown.
        """
        self.built = True

    build._is_default = True  # type: ignore[attr-defined]

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation: from inputs to outputs, by `deepcore.ops`."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented."
        )

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Makes and tracks a variable (keras.Layer.add_weight).

        Args:
            shape: fully known; () when None.
            initializer: the first value; `glorot_uniform` for floats, `zeros` for others when None.
            dtype: the layer's when None.
            trainable: whether training changes it.
            autocast: kept for compatibility.
            regularizer: a penalty added to the loss.
            constraint: applied after each update.
            aggregation: kept for compatibility.
            overwrite_with_gradient: kept for compatibility.
            name: the last part of its path.

        Raises:
            ValueError: the layer is already built, or `shape` is a name.
        """
        self._check_init()
        if isinstance(shape, str):
            raise ValueError(
                "add_weight: `name` must be passed as a keyword: "
                f"add_weight(shape=..., name={shape!r}). Received: {shape=}."
            )
        if self._tracker.locked:
            raise ValueError(f"{self._tracker.locked} Received: add_weight(name={name!r}).")
        kind = config.standardize_dtype(dtype) if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if config.is_float_dtype(kind) else "zeros"
        with layer_scope(self):
            variable = Variable(
                initializers.get(initializer),
                shape=() if shape is None else shape,
                dtype=kind,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._tracker.track(variable)
        if not self.trainable:
            variable.trainable = False
        return variable

    add_variable = add_weight

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build_from_config` needs; None before `build`."""
        if self._build_shapes is None:
            return None
        if len(self._build_shapes) == 1:
            return {"input_shape": next(iter(self._build_shapes.values()))}
        return {"shapes_dict": dict(self._build_shapes)}

    def build_from_config(self, config: dict[str, Any] | None) -> None:
        """Builds from `get_build_config()`."""
        if config and "input_shape" in config:
            self.build(shapes.tupled(config["input_shape"]))
        elif config and "shapes_dict" in config:
            self.build(**{k: shapes.tupled(v) for k, v in config["shapes_dict"].items()})

    def _lock_state(self) -> None:
        self._tracker.locked = _LOCKED

    # ---- configuration

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same layer again."""
        own: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            own["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        cls = type(self)
        if cls.get_config is not Layer.get_config or cls.__init__ is Layer.__init__:
            return own
        return {**recorded_arguments(self, own), **own}

    get_config._records_arguments = True  # type: ignore[attr-defined]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _prepared(build: Callable[..., None]) -> Callable[..., None]:
    """`build` in the layer's scope, outside of traces; then shapes are noted and state locked."""

    @functools.wraps(build)
    def wrapper(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self._building:  # super().build() in a subclass
            build(self, *args, **kwargs)
            return
        self._building = True
        try:
            with no_trace(), layer_scope(self):
                self._path = naming.current_path()
                build(self, *args, **kwargs)
        finally:
            self._building = False
        names = shapes.parameters_of(type(self), "build")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        self.__dict__["_build_shapes"] = {k: v for k, v in given.items() if v is not None}
        self.built = True
        self._lock_state()

    return wrapper


def _pop_input_shape(kwargs: dict[str, Any]) -> tuple[int | None, ...] | None:
    """Keras 2's ways to tell the input of the first layer."""
    batch_shape = kwargs.pop("batch_input_shape", None)
    shape = kwargs.pop("input_shape", None)
    size = kwargs.pop("batch_size", None) if shape is not None else None
    width = kwargs.pop("input_dim", None)
    if batch_shape is not None:
        return standardize_shape(batch_shape)
    if shape is None and width is not None:
        shape = (width,)
    return None if shape is None else (size, *standardize_shape(shape))


def recorded_arguments(layer: Layer, own: dict[str, Any]) -> dict[str, Any]:
    """The constructor's arguments, for a layer that takes its own but has no `get_config`.

    Args:
        layer: the layer.
        own: what every layer tells: left out.
    """
    args, kwargs = layer.__dict__["_init_arguments"]
    names = list(inspect.signature(type(layer).__init__).parameters)[1:]
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    given = {key: value for key, value in given.items() if key not in own}
    if not all(_is_plain(value) for value in given.values()):
        raise NotImplementedError(
            f"Layer {type(layer).__name__} was created by passing non-serializable argument values "
            f"in `__init__()`: {given}. Override `get_config()` to make it serializable."
        )
    return given


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | int | float | bool)
