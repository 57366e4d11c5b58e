"""Prefixes under an associative function (keras.ops.associative_scan)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepcore import _core, tree

__all__ = ["associative_scan"]


def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """f of the elements up to each, along an axis (keras.ops.associative_scan).

    Args:
        f: associative, of two nests of tensors with several elements along `axis`, which it
            combines one by one. It is called about 2 log2(n) times.
        elems: a nest of tensors of one size along `axis`.
        reverse: from the last element on.
        axis: of each tensor.

    Returns:
        A nest like `elems`: element k of `axis` is f of the elements 0 to k (Blelloch 1990).

    Raises:
        ValueError: the sizes differ.

    Example:
        >>> associative_scan(lambda a, b: a + b, np.arange(5)).tolist()
        [0, 1, 3, 6, 10]
    """
    elems = tree.map_structure(_core.as_tensor, elems)
    leaves = tree.flatten(elems)
    sizes = {t.shape[axis] for t in leaves if -len(t.shape) <= axis < len(t.shape)}
    if len(sizes) != 1 or any(len(t.shape) == 0 for t in leaves):
        raise ValueError(
            f"associative_scan: the sizes along axis {axis} must agree. Received: "
            f"shapes {[tuple(t.shape) for t in leaves]}."
        )
    if reverse:
        elems = _part(elems, axis, None, None, -1)
    result = _prefixes(f, elems, sizes.pop(), axis)
    return _part(result, axis, None, None, -1) if reverse else result


def _prefixes(f: Any, nest: Any, n: int, axis: int) -> Any:
    """Those at odd places are the prefixes of the pairs; the others need one element more."""
    if n < 2:
        return nest
    pairs = f(_part(nest, axis, 0, n - 1, 2), _part(nest, axis, 1, n, 2))
    odd = _prefixes(f, pairs, n // 2, axis)
    even = _part(nest, axis, 0, 1)
    if n > 2:
        rest = f(_part(odd, axis, 0, (n - 1) // 2), _part(nest, axis, 2, n, 2))
        even = tree.map_structure(lambda a, b: _core.concatenate([a, b], axis), even, rest)
    return tree.map_structure(lambda a, b: _woven(a, b, axis % len(a.shape)), even, odd)


def _woven(even: Any, odd: Any, axis: int) -> Any:
    n, dims = odd.shape[axis], tuple(odd.shape)
    pairs = _core.stack([_part(even, axis, 0, n), odd], axis + 1)
    flat = _core.reshape(pairs, (*dims[:axis], 2 * n, *dims[axis + 1 :]))
    return flat if even.shape[axis] == n else _core.concatenate([flat, _part(even, axis, n)], axis)


def _part(nest: Any, axis: int, start: Any, stop: Any = None, step: int = 1) -> Any:
    def take(t: Any) -> Any:
        index = [slice(None)] * len(t.shape)
        index[axis] = slice(start, stop, step)
        return t[tuple(index)]

    return tree.map_structure(take, nest)
