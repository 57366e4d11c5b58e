"""KerasTensor: the shape and dtype of a value that does not exist yet (keras.KerasTensor)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from deepcore import config, tree
from deepcore.naming import auto_name

Shape = tuple[int | None, ...]


class KerasHistory(NamedTuple):
    """Where a symbolic tensor comes from: output `tensor_index` of call `node_index` of a layer."""

    operation: Any
    node_index: int
    tensor_index: int


def _operator(function: str, swap: bool = False) -> Callable[..., Any]:
    """A method that calls a function of `ops`, its arguments in the other order if `swap`."""

    def apply(self: KerasTensor, *other: Any) -> Any:
        from deepcore import ops  # stands on this file

        return getattr(ops, function)(*(*other, self) if swap else (self, *other))

    return apply


class KerasTensor:
    """A stand-in with a shape (unknown sizes are None), a dtype and a name, but no value.

    `deepcore.Input` makes one; a layer called on one is built and gives the next. Operators and
    the functions of `ops` give the next, too: they become part of the model.
    """

    # NumPy leaves operators with an array on the left to the ones below.
    __array_ufunc__ = None

    def __init__(
        self,
        shape: Any,
        dtype: Any = None,
        name: str | None = None,
        history: KerasHistory | None = None,
    ) -> None:
        self.shape: Shape = standardize_shape(shape)
        # Strings have no tensors: they go to the layers that begin a model, which give numbers.
        self.dtype = dtype if dtype == "string" else config.standardize_dtype(dtype)
        self.name = name or auto_name("keras_tensor")
        self._keras_mask: Any = None
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

    __add__ = _operator("add")
    __radd__ = _operator("add", swap=True)
    __sub__ = _operator("subtract")
    __rsub__ = _operator("subtract", swap=True)
    __mul__ = _operator("multiply")
    __rmul__ = _operator("multiply", swap=True)
    __matmul__ = _operator("matmul")
    __rmatmul__ = _operator("matmul", swap=True)
    __truediv__ = _operator("true_divide")
    __rtruediv__ = _operator("true_divide", swap=True)
    __floordiv__ = _operator("floor_divide")
    __rfloordiv__ = _operator("floor_divide", swap=True)
    __mod__ = _operator("mod")
    __rmod__ = _operator("mod", swap=True)
    __pow__ = _operator("power")
    __rpow__ = _operator("power", swap=True)
    __and__ = _operator("logical_and")
    __rand__ = _operator("logical_and", swap=True)
    __or__ = _operator("logical_or")
    __ror__ = _operator("logical_or", swap=True)
    __xor__ = _operator("logical_xor")
    __rxor__ = _operator("logical_xor", swap=True)
    __neg__ = _operator("negative")
    __abs__ = _operator("absolute")
    __invert__ = _operator("logical_not")
    __lt__ = _operator("less")
    __le__ = _operator("less_equal")
    __gt__ = _operator("greater")
    __ge__ = _operator("greater_equal")
    __getitem__ = _operator("get_item")
    # `==` stays identity, as in Keras: tensors are the keys of dicts.
    __ne__ = _operator("not_equal")
    reshape = _operator("reshape")
    squeeze = _operator("squeeze")

    def __round__(self, ndigits: int | None = None) -> Any:
        return _operator("round")(self, ndigits or 0)


def is_symbolic(value: Any) -> bool:
    """Whether a structure holds a KerasTensor."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(value))


def refuse_strings(who: str, value: Any) -> None:
    """Strings have no tensors: only the layers that begin a model take them.

    Raises:
        ValueError: a structure holds a symbolic tensor of strings.
    """
    for leaf in tree.flatten(value):
        if isinstance(leaf, KerasTensor) and leaf.dtype == "string":
            raise ValueError(
                f"{who} takes numbers, but '{leaf.name}' holds strings (shape {leaf.shape}). Pass "
                "them through TextVectorization, StringLookup or Hashing first."
            )


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
