"""Loops and branches (keras.ops.scan, while_loop, cond and their kin).

A body is traced once, into a graph of its own that runs inside the plan. What it reads from
outside, variables among it, is handed in; variables that it assigns are assigned in every round, as
if the loop were written out in Python. So random draws differ from step to step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deepcore import _core, checks, tree

if TYPE_CHECKING:
    from deepcore._core import Tensor

__all__ = [
    "cond",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "vectorized_map",
    "while_loop",
]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    checkpoint: int | bool | None = None,
) -> tuple[Any, Any]:
    """carry, y = f(carry, x) over the first axis of xs (keras.ops.scan).

    Args:
        f: gives the next carry, of the same structure, shapes and dtypes, and y: a nest of tensors
            and Nones. It is traced, once, however long the loop is.
        init: the first carry, a nest of tensors. Python numbers take the dtype of what replaces
            them.
        xs: a nest of tensors with the same first size.
        length: how often; needed without xs.
        reverse: from the last slice to the first; ys stay in the order of xs.
        unroll: True to write out each step, as a Python loop does: outside of traced functions f
            then sees values. So does a number not below the length; a smaller one changes nothing.
        checkpoint: for gradients of long loops. A number of steps: the carries are kept so often
            alone, and the steps between are computed again, with the same bits. True: the square
            root of the length, with which memory then grows (Chen et al. 2016).

    Returns:
        The last carry and the ys, stacked.

    Raises:
        ValueError: nothing says how often, sizes differ, or f changes its carry.

    Example:
        >>> last, sums = scan(lambda carry, x: (carry + x, carry + x), 0, np.arange(4))
        >>> sums.tolist()
        [0, 1, 3, 6]
    """
    xs = _tensors(xs)
    length = _length(xs, length)
    segment = _segment(checkpoint, length)
    if not isinstance(unroll, bool):
        unroll = checks.positive_int("scan", "unroll", unroll) >= max(length, 2)
    if unroll and length > 0:
        return _unrolled(f, init, xs, length, reverse)
    carry, weak = _tensors(init), [isinstance(leaf, int | float) for leaf in tree.flatten(init)]
    while True:
        with _core.Body() as body:
            after, y = _pair(f(_inputs(body, carry), _inputs(body, xs, 1)))
            after, y = _tensors(after), _tensors(y)
            taken = _weak(carry, after, weak)
            if taken is None:
                _check_state("scan", "the carry", carry, after)
                body.finish([*_there(after), *_there(y)])
                break
        carry, weak = taken, [False] * len(weak)
    results = iter(_core.scan(body, _there(carry), _there(xs), length, bool(reverse), segment))
    return _packed(after, results), _packed(y, results)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f of each slice of the first axis, stacked (keras.ops.map); f is traced, see `scan`."""
    return scan(lambda carry, x: (carry, f(x)), None, xs)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """f of each slice of the first axis, stacked (keras.ops.vectorized_map)."""
    return map(function, elements)


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """val = body_fun(i, val) for i in [lower, upper) (keras.ops.fori_loop).

    A `scan`, so it has a derivative; a `while_loop` when its bounds are known only as it runs.

    Args:
        lower: the first i, an int32 scalar in body_fun.
        upper: one past the last.
        body_fun: gives a nest of the structure, shapes and dtypes of init_val.
        init_val: a nest of tensors.

    Returns:
        The last value.
    """
    bounds = [_core.as_tensor(b) for b in (lower, upper)]
    if any(b.is_symbolic for b in bounds):
        first, end = (_core.cast(b, "int32") for b in bounds)
        result = while_loop(
            lambda i, value: _core.less(i, end),
            lambda i, value: (_core.add(i, 1), body_fun(i, value)),
            (first, init_val),
        )
        return result[1]
    start, stop = (int(b) for b in bounds)
    steps = _core.arange(start, max(start, stop), 1, "int32")
    return scan(lambda value, i: (body_fun(i, value), None), init_val, steps)[0]


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Repeats `body` while `cond` holds (keras.ops.while_loop).

    In a traced function it is one op, which runs until its values say so; it has a derivative when
    `maximum_iterations` is given. Rounds whose condition is known while tracing are unrolled first.

    Args:
        cond: of the loop variables, gives one bool.
        body: of the loop variables, gives the next: the same structure, shapes and dtypes.
        loop_vars: a list or tuple of nests of tensors, or one tensor.
        maximum_iterations: of the body.

    Returns:
        The last loop variables.

    Raises:
        ValueError: the condition is not one bool, or `body` changes a shape or dtype.

    Example:
        >>> while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, 2 * x), (0, 1))
        (3, 8)
    """
    many = isinstance(loop_vars, list | tuple)
    state = tuple(loop_vars) if many else (loop_vars,)
    most = maximum_iterations
    if most is not None:
        most = checks.count("while_loop", "maximum_iterations", most)
    count = 0
    while most is None or count < most:
        go = cond(*state)
        if isinstance(go, _core.Tensor) and go.is_symbolic:
            state = _while_op(cond, body, go, state, None if most is None else most - count)
            break
        if not go:
            break
        state = _as_tuple(body(*state))
        count += 1
    return state if many else state[0]


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """true_fn() where the predicate holds, else false_fn() (keras.ops.cond).

    In a traced function both are traced and one of them runs.

    Raises:
        ValueError: a predicate of several values, or branches that give different structures or
            shapes.
    """
    predicate = _one_bool("cond: the predicate", pred)
    if not predicate.is_symbolic:
        return true_fn() if bool(predicate) else false_fn()
    dtypes: list[str] | None = None
    while True:
        with _core.Body() as yes:
            a = _branch(yes, true_fn, dtypes)
        with _core.Body() as no:
            b = _branch(no, false_fn, dtypes)
        if dtypes is None:
            dtypes = _common_dtypes(a, b)
        if [t.dtype for t in (*_there(a), *_there(b))] == [*dtypes, *dtypes]:
            return _packed(a, iter(_core.cond(predicate, yes, no)))


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


def _while_op(cond: Any, body: Any, go: Any, state: tuple[Any, ...], most: int | None) -> Any:
    before = _tensors(state)
    with _core.Body() as inside:
        after = _tensors(_as_tuple(body(*_inputs(inside, before))))
        _check_state("while_loop", "the loop variables", before, after)
        again = _one_bool("while_loop: the condition", cond(*after))
        inside.finish([again, *_there(after)])
    first = _one_bool("while_loop: the condition", go)
    return _packed(after, iter(_core.while_loop(inside, first, _there(before), most)[1:]))


def _unrolled(f: Any, carry: Any, xs: Any, length: int, reverse: bool) -> tuple[Any, Any]:
    ys = []
    for i in range(length)[::-1] if reverse else range(length):
        x = tree.map_structure(lambda t, i=i: None if t is None else t[i], xs)
        carry, y = _pair(f(carry, x))
        ys.append(y)
    if reverse:
        ys.reverse()
    return carry, tree.map_structure(
        lambda *parts: None if parts[0] is None else _core.stack(parts, 0), *ys
    )


# ---- nests of tensors and Nones


def _tensors(nest: Any) -> Any:
    return tree.map_structure(lambda t: None if t is None else _core.as_tensor(t), nest)


def _there(nest: Any) -> list[Tensor]:
    return [leaf for leaf in tree.flatten(nest) if leaf is not None]


def _packed(like: Any, values: Any) -> Any:
    return tree.map_structure(lambda leaf: None if leaf is None else next(values), like)


def _inputs(body: _core.Body, nest: Any, skip: int = 0) -> Any:
    """Inputs of a body like these tensors, without their first axes."""
    return tree.map_structure(
        lambda t: None if t is None else body.input(t.shape[skip:], t.dtype), nest
    )


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _told(tensor: Any) -> str:
    return "None" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, list | tuple) or len(result) != 2:
        raise ValueError(f"scan: f must give a pair (carry, y). Received: {result!r}.")
    return result[0], result[1]


def _length(xs: Any, length: int | None) -> int:
    leaves = _there(xs)
    if length is None and not leaves:
        raise ValueError("scan: give xs or length. Received: xs=None, length=None.")
    if any(len(t.shape) == 0 for t in leaves):
        raise ValueError("scan: xs must have a first axis to go along. Received: a scalar.")
    sizes = {int(t.shape[0]) for t in leaves}
    if length is not None:
        sizes.add(checks.count("scan", "length", length))
    if len(sizes) > 1:
        raise ValueError(
            "scan: the first sizes of xs, and length, must agree. Received: "
            f"shapes {[tuple(t.shape) for t in leaves]}, length={length}."
        )
    return sizes.pop()


def _segment(checkpoint: int | bool | None, length: int) -> int:
    if checkpoint is None or checkpoint is False:
        return 0
    if checkpoint is True:
        return max(1, math.isqrt(length))
    return checks.positive_int("scan", "checkpoint", checkpoint)


def _weak(carry: Any, after: Any, weak: list[bool]) -> Any:
    """The carry with its Python numbers in the dtypes they become; None when they have them."""
    if not any(weak) or tree.structure_of(carry) != tree.structure_of(after):
        return None
    changed, leaves = False, []
    for a, b, number in zip(tree.flatten(carry), tree.flatten(after), weak, strict=True):
        differs = number and b is not None and a.dtype != b.dtype
        leaves.append(_core.cast(a, b.dtype) if differs else a)
        changed = changed or differs
    return tree.pack_sequence_as(carry, leaves) if changed else None


def _check_state(where: str, what: str, before: Any, after: Any) -> None:
    if tree.structure_of(before) != tree.structure_of(after):
        shown = [str(tree.map_structure(_told, nest)) for nest in (before, after)]
        raise ValueError(
            f"{where}: {what} must keep the structure. Received: {shown[0]} before a step, "
            f"{shown[1]} after it."
        )
    pairs = zip(tree.flatten(before), tree.flatten(after), strict=True)
    for i, (a, b) in enumerate(pairs):
        if _told(a) != _told(b):
            raise ValueError(
                f"{where}: {what} must keep shapes and dtypes. Received: leaf {i} is {_told(a)} "
                f"before a step, {_told(b)} after it."
            )


def _one_bool(what: str, value: Any) -> Tensor:
    flag = _core.cast(_core.as_tensor(value), "bool")
    if math.prod(flag.shape) != 1:
        raise ValueError(f"{what} must be one bool. Received: shape={tuple(flag.shape)}.")
    return _core.reshape(flag, ())


def _branch(body: _core.Body, run: Callable[[], Any], dtypes: list[str] | None) -> Any:
    """What a branch gives, in these dtypes; the body ends with it."""
    result = _tensors(run())
    if dtypes is not None:
        wanted = iter(dtypes)
        result = tree.map_structure(
            lambda t: None if t is None else _core.cast(t, next(wanted)), result
        )
    body.finish(_there(result))
    return result


def _common_dtypes(a: Any, b: Any) -> list[str]:
    shapes = [[None if t is None else tuple(t.shape) for t in tree.flatten(n)] for n in (a, b)]
    if tree.structure_of(a) != tree.structure_of(b) or shapes[0] != shapes[1]:
        raise ValueError(
            "cond: the branches must give the same structure and shapes. Received: "
            f"{tree.map_structure(_told, a)} and {tree.map_structure(_told, b)}."
        )
    pairs = zip(_there(a), _there(b), strict=True)
    zeros = [[_core.full((), 0, t.dtype) for t in pair] for pair in pairs]
    return [x.dtype if x.dtype == y.dtype else _core.add(x, y).dtype for x, y in zeros]
