"""Variable, the only mutable thing: weights, optimizer state, metric totals, seeds."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from deepcore import _core, config, naming

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

_limits = threading.local()


class Variable(_core.Variable):
    """A named tensor that can be assigned (keras.Variable).

    Reading one while a function is traced makes an input of the plan, assigning one an output.
    Operators act on its value.

    Args:
        initializer: the first value: anything that makes a tensor, a callable
            `(shape, dtype) -> tensor`, or the name of an initializer.
        shape: needed, and only read, when `initializer` is a callable or a name.
        dtype: the default float, or the dtype of the value given.
        trainable: whether training may change it.
        autocast: kept for compatibility.
        aggregation: kept for compatibility; there is one replica.
        synchronization: kept for compatibility.
        name: the last part of `path`; made up when not given.

    Raises:
        ValueError: the shape is missing or not fully known, or the name has a `/`.

    Example:
        >>> v = Variable([1.0, 2.0], name="v")
        >>> v.assign_add([1.0, 1.0]).tolist()
        [2.0, 3.0]
    """

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = None,
        synchronization: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("layout", None)  # Keras's distribution API
        if kwargs:
            raise TypeError(f"Variable: unexpected arguments {sorted(kwargs)}.")
        name = name or naming.auto_name("Variable")
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Variable: name must be a string without the character `/`. Received: {name=}."
            )
        scope = naming.current_path()
        path = f"{scope}/{name}" if scope else name
        # A variable outlives the function that is being traced when it is made.
        with _core.SuspendTrace(), _core.SuspendTapes():
            value = _first_value(initializer, shape, dtype, path)
            super().__init__(value, name, bool(trainable))
        self._path = path
        self.autocast = autocast
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization or "auto"
        self.regularizer: Callable[[Any], Tensor] | None = None
        self.constraint: Callable[[Any], Any] | None = None
        self.overwrite_with_gradient = False

    @property
    def path(self) -> str:
        """The name with the scopes it was made in: `"sequential/dense/kernel"`."""
        return self._path

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def assign(self, value: TensorLike) -> Tensor:  # type: ignore[override]
        """Replaces the value; it is cast to this variable's dtype.

        Returns:
            The new value.

        Raises:
            ValueError: the shapes differ.
        """
        tensor = _core.cast(_core.as_tensor(value), self.dtype)
        if tuple(tensor.shape) != tuple(self.shape):
            raise ValueError(
                f"Variable.assign: the value has shape {tuple(tensor.shape)}, "
                f"the variable {self._path!r} has shape {tuple(self.shape)}."
            )
        super().assign(tensor)
        return tensor

    def assign_add(self, value: TensorLike) -> Tensor:
        """Adds `value`; gives the new value."""
        return self.assign(_core.add(self.value, _core.cast(_core.as_tensor(value), self.dtype)))

    def assign_sub(self, value: TensorLike) -> Tensor:
        """Subtracts `value`; gives the new value."""
        return self.assign(
            _core.subtract(self.value, _core.cast(_core.as_tensor(value), self.dtype))
        )

    def __repr__(self) -> str:
        return (
            f"<Variable path={self._path}, shape={tuple(self.shape)}, dtype={self.dtype}, "
            f"value={self.numpy()}>"
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        copy = Variable(self.numpy(), dtype=self.dtype, trainable=self.trainable, name=self.name)
        copy._path = self._path
        copy.regularizer, copy.constraint = self.regularizer, self.constraint
        memo[id(self)] = copy
        return copy


class size_limit:
    """Variables made inside may take so many bytes together, at 4 a number: for configs of files.

    A file of a few bytes must not make a program ask for all memory.
    """

    def __init__(self, nbytes: int) -> None:
        self._nbytes = nbytes

    def __enter__(self) -> None:
        self._outer = getattr(_limits, "left", None)
        _limits.left = self._nbytes

    def __exit__(self, *exc: object) -> None:
        _limits.left = self._outer


def _check_limit(dims: tuple[int, ...], path: str) -> None:
    left = getattr(_limits, "left", None)
    if left is None:
        return
    _limits.left = left - 4 * math.prod(dims)
    if _limits.left < 0:
        raise ValueError(
            f"The variable {path!r} of shape {dims} is larger than the file that it is loaded from."
        )


def _first_value(initializer: Any, shape: Any, dtype: Any, path: str) -> Tensor:
    if isinstance(initializer, str):
        from deepcore import initializers

        initializer = initializers.get(initializer)
    if not callable(initializer):
        wanted = None if dtype is None else config.standardize_dtype(dtype)
        return _core.as_tensor(initializer, wanted)
    if shape is None:
        raise ValueError(
            f"Variable: a shape is needed with an initializer. Received: shape=None for {path!r}."
        )
    dims = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(d is None or d < 0 for d in dims):
        raise ValueError(
            f"Variable: the shape must be fully known. Received: shape={dims} for {path!r}."
        )
    dtype = config.standardize_dtype(dtype)
    _check_limit(dims, path)
    value = _core.as_tensor(initializer(dims, dtype=dtype), dtype)
    if tuple(value.shape) != dims:
        raise ValueError(
            f"Variable: the initializer gave shape {tuple(value.shape)}, "
            f"expected {dims} for {path!r}."
        )
    return value
