"""grad and value_and_grad, for functions written as in JAX."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from deepcore import _core, config, tree
from deepcore.transforms.tape import GradientTape


def value_and_grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    wrt: Any = None,
) -> Callable[..., Any]:
    """A function that gives `fun`'s value and its gradient.

    Args:
        fun: gives a scalar, or `(scalar, anything)` with `has_aux`.
        argnums: which positional arguments to differentiate: trees of floats. The first one,
            unless `wrt` is given.
        has_aux: see `fun`.
        wrt: variables (a nest of them, or a callable that gives one) to differentiate instead;
            with `argnums` too, the gradient is the pair of both.

    Returns:
        A function of the same arguments giving `(value, gradient)`.

    Example:
        >>> value_and_grad(lambda x: x * x)(3.0)[1].item()
        6.0
    """
    picks = _positions(argnums, wrt)

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if picks and max(picks) >= len(args):
            raise ValueError(
                f"value_and_grad: argument {max(picks)} is asked for, {len(args)} were given."
            )
        variables = wrt() if callable(wrt) and not isinstance(wrt, _core.Variable) else wrt
        given = list(args)
        with GradientTape(watch_accessed_variables=False) as tape:
            for i in picks:
                given[i] = tree.map_structure(_float_tensor, args[i])
                tape.watch(given[i])
            if variables is not None:
                tape.watch(variables)
            result = fun(*given, **kwargs)
            value = _core.as_tensor(result[0] if has_aux else result)
            if tuple(value.shape) != ():
                raise TypeError(
                    "value_and_grad: the function must give a scalar. "
                    f"Received: shape={tuple(value.shape)}."
                )
        sources = [given[i] for i in picks]
        grads = tape.gradient(value, [sources, variables or []], unconnected_gradients="zero")
        of_args = grads[0][0] if len(picks) == 1 and not _is_many(argnums) else tuple(grads[0])
        of_variables = grads[1]
        if variables is None:
            gradient = of_args
        else:
            gradient = (of_args, of_variables) if picks else of_variables
        return (result if has_aux else value), gradient

    return wrapped


def grad(
    fun: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    wrt: Any = None,
) -> Callable[..., Any]:
    """A function that gives `fun`'s gradient; see `value_and_grad`.

    With `has_aux` it gives `(gradient, aux)`.

    Example:
        >>> grad(grad(lambda x: x**3))(2.0).item()
        12.0
    """
    both = value_and_grad(fun, argnums, has_aux, wrt)

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def _is_many(argnums: Any) -> bool:
    return isinstance(argnums, list | tuple)


def _positions(argnums: Any, wrt: Any) -> tuple[int, ...]:
    if argnums is None:
        return () if wrt is not None else (0,)
    picks = tuple(argnums) if _is_many(argnums) else (argnums,)
    if any(not isinstance(i, int) or i < 0 for i in picks):
        raise ValueError(f"grad: argnums must be positions from 0. Received: {argnums=}.")
    return picks


def _float_tensor(value: Any) -> Any:
    tensor = value.value if isinstance(value, _core.Variable) else _core.as_tensor(value)
    if not config.is_float_dtype(tensor.dtype):
        raise TypeError(
            f"grad: the argument must be a float tensor, it is {tensor.dtype}. "
            "Integers have no derivative."
        )
    return tensor
