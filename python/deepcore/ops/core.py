"""Conversion, shapes and control flow (keras.ops)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepcore import _core, config, tree
from deepcore._core import stop_gradient
from deepcore.variable import branch

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = [
    "cast",
    "cond",
    "convert_to_numpy",
    "convert_to_tensor",
    "dtype",
    "fori_loop",
    "is_tensor",
    "map",
    "saturate_cast",
    "scan",
    "shape",
    "stop_gradient",
    "switch",
    "vectorized_map",
    "while_loop",
]


def convert_to_tensor(
    x: TensorLike, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None
) -> Tensor:
    """A tensor from an array, a number, nested lists or a variable (keras.ops.convert_to_tensor).

    Raises:
        ValueError: a sparse or ragged tensor is asked for.
    """
    if sparse or ragged:
        raise ValueError("convert_to_tensor: sparse and ragged tensors are not supported.")
    name = None if dtype is None else config.standardize_dtype(dtype)
    if not isinstance(x, _core.Tensor | _core.Variable):
        return _core.as_tensor(x, name)
    tensor = x.value if isinstance(x, _core.Variable) else x
    return tensor if name is None or name == tensor.dtype else _core.cast(tensor, name)


def convert_to_numpy(x: TensorLike) -> npt.NDArray[Any]:
    """A NumPy array with the same values (keras.ops.convert_to_numpy)."""
    if isinstance(x, _core.Variable | _core.Tensor):
        return x.numpy()
    return np.asarray(x)


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor; variables and arrays are not (keras.ops.is_tensor)."""
    return isinstance(x, _core.Tensor)


def shape(x: TensorLike) -> tuple[int, ...]:
    """The sizes of the axes (keras.ops.shape)."""
    found = getattr(x, "shape", None)
    return tuple(_core.as_tensor(x).shape if found is None else found)


def dtype(x: TensorLike) -> str:
    """The name of the dtype (keras.ops.dtype)."""
    found = getattr(x, "dtype", None)
    return _core.as_tensor(x).dtype if found is None else config.standardize_dtype(found)


def cast(x: TensorLike, dtype: Any) -> Tensor:
    """x in another dtype; floats go to integers towards zero (keras.ops.cast)."""
    return _core.cast(x, config.standardize_dtype(dtype))


def saturate_cast(x: TensorLike, dtype: Any) -> Tensor:
    """x in another dtype, what does not fit at its nearest end (keras.ops.saturate_cast)."""
    name = config.standardize_dtype(dtype)
    x = _core.as_tensor(x)
    if name == "bool" or config.is_float_dtype(name) or x.dtype == "bool":
        return _core.cast(x, name)
    limits = np.iinfo(name)
    return _core.cast(_core.clip(x, limits.min, limits.max), name)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """true_fn() where the predicate holds, else false_fn() (keras.ops.cond).

    In a traced function both run, and results and assigned variables are chosen by the predicate.

    Raises:
        ValueError: traced branches that give different structures.
    """
    predicate = _core.cast(_core.as_tensor(pred), "bool")
    if not predicate.is_symbolic:
        return true_fn() if bool(predicate) else false_fn()
    with branch(predicate):
        yes = true_fn()
    with branch(_core.logical_not(predicate)):
        no = false_fn()

    def choose(a: Any, b: Any) -> Any:
        if a is None and b is None:
            return None
        return _core.where(predicate, a, b)

    return tree.map_structure(choose, yes, no)


def switch(index: Any, branches: list[Callable[..., Any]], *operands: Any) -> Any:
    """branches[index](*operands), the index clamped to the branches (keras.ops.switch)."""
    index = _core.as_tensor(index)
    if not index.is_symbolic:
        place = min(max(int(index), 0), len(branches) - 1)
        return branches[place](*operands)
    first, *rest = branches
    if not rest:
        return first(*operands)
    return cond(
        _core.less_equal(index, 0),
        lambda: first(*operands),
        lambda: switch(_core.subtract(index, 1), rest, *operands),
    )


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Repeats `body` while `cond` holds (keras.ops.while_loop).

    In a traced function the condition must not depend on traced values: the loop is unrolled.

    Raises:
        NotImplementedError: it does.
    """
    many = isinstance(loop_vars, list | tuple)
    state = tuple(loop_vars) if many else (loop_vars,)
    count = 0
    while maximum_iterations is None or count < maximum_iterations:
        go = cond(*state)
        if isinstance(go, _core.Tensor) and go.is_symbolic:
            raise NotImplementedError(
                "while_loop: how often it runs depends on the values, which cannot be traced. "
                "Use fori_loop with fixed bounds, or run_eagerly=True."
            )
        if not go:
            break
        result = body(*state)
        state = tuple(result) if isinstance(result, list | tuple) else (result,)
        count += 1
    return state if many else state[0]


def fori_loop(lower: int, upper: int, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """val = body_fun(i, val) for i in [lower, upper) (keras.ops.fori_loop); unrolled in traces."""
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(_core.full((), i, "int32"), value)
    return value


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    """carry, y = f(carry, x) over the first axis of xs (keras.ops.scan). Unrolled when traced.

    Returns:
        The last carry and the ys, stacked.

    Raises:
        ValueError: neither `xs` nor `length` says how often.
    """
    leaves = [] if xs is None else tree.flatten(xs)
    if length is None:
        if not leaves:
            raise ValueError("scan: give xs or length.")
        length = shape(leaves[0])[0]
    order = range(length)[::-1] if reverse else range(length)
    carry, ys = init, []
    for i in order:
        x = None if xs is None else tree.map_structure(lambda t, i=i: _core.as_tensor(t)[i], xs)
        carry, y = f(carry, x)
        ys.append(y)
    if reverse:
        ys.reverse()
    if not ys or all(leaf is None for leaf in tree.flatten(ys[0])):
        return carry, None
    stacked = tree.map_structure(lambda *parts: _core.stack(parts, 0), *ys)
    return carry, stacked


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f of each slice of the first axis, stacked (keras.ops.map). Unrolled when traced."""
    return scan(lambda carry, x: (carry, f(x)), None, xs)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """f of each slice of the first axis, stacked (keras.ops.vectorized_map)."""
    return map(function, elements)
