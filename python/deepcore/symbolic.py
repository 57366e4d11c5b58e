"""KerasTensor: the shape and dtype of a value that does not exist yet (keras.KerasTensor)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from deepcore import config, tree
from deepcore.naming import auto_name

if TYPE_CHECKING:
    from deepcore.layers.layer import Layer

Shape = tuple[int | None, ...]


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: output `tensor_index` of call `node_index` of a layer."""

    operation: Layer
    node_index: int
    tensor_index: int


class KerasTensor:
    """A stand-in with a shape (unknown sizes are None), a dtype and a name, but no value.

    `deepcore.Input` makes one; a layer called on one is built and gives the next.
    """

    def __init__(
        self,
        shape: Any,
        dtype: Any = None,
        name: str | None = None,
        history: KerasHistory | None = None,
    ) -> None:
        self.shape: Shape = standardize_shape(shape)
        self.dtype = config.standardize_dtype(dtype)
        self.name = name or auto_name("keras_tensor")
        if history is not None:
            self._keras_history = history

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _no_value(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            f"{self!r} is symbolic: it has a shape and a dtype but no value. "
            "Call layers on it, or compute on arrays."
        )

    __array__ = __bool__ = __float__ = __int__ = __iter__ = __len__ = _no_value


def is_symbolic(value: Any) -> bool:
    """Whether a structure holds a KerasTensor."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(value))


def is_shape(value: Any) -> bool:
    """Whether `value` is one shape, not a structure of shapes."""
    return isinstance(value, list | tuple) and all(d is None or _is_size(d) for d in value)


def standardize_shape(shape: Any) -> Shape:
    """A shape as a tuple of integers and Nones.

    Raises:
        ValueError: it is not a sequence of non-negative integers and Nones.
    """
    if _is_size(shape):
        raise ValueError(
            f"A shape must be a tuple of integers and Nones. Received: shape={shape!r}; "
            f"for one axis write ({shape},)."
        )
    try:
        dims = tuple(shape)
    except TypeError:
        dims = (shape,)
    if not all(d is None or (_is_size(d) and d >= 0) for d in dims):
        raise ValueError(
            "A shape must be a tuple of non-negative integers and Nones. "
            f"Received: shape={shape!r}."
        )
    return tuple(None if d is None else int(d) for d in dims)


def _is_size(value: Any) -> bool:
    return (
        hasattr(value, "__index__") and not isinstance(value, bool) and not hasattr(value, "ndim")
    )
