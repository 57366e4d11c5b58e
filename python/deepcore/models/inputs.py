"""What a model is called on, in the structure, the shapes and the dtypes of its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepcore import ops, tree
from deepcore.symbolic import KerasTensor, is_symbolic


def arrange(name: str, given: Any, expected: Any) -> list[Any]:
    """The given inputs in the order of the expected ones.

    Dicts go by name; lists and tuples are alike; one input may stand alone or in a list.

    Args:
        name: of the model, for errors.
        given: arrays or tensors.
        expected: the symbolic inputs.

    Raises:
        ValueError: another structure, or another number of inputs.
    """
    if isinstance(given, dict) and not isinstance(expected, dict):
        names = [t.name for t in tree.flatten(expected)]
        if not _is_flat(expected) or not set(names) <= set(given):
            raise ValueError(_mismatch(name, given, expected))
        return [given[key] for key in names]
    if isinstance(expected, dict) and not isinstance(given, dict):
        # By position only where the order of the keys leaves no doubt.
        if list(expected) != sorted(expected):
            raise ValueError(_mismatch(name, given, expected))
    elif isinstance(expected, dict) and _is_flat(expected):
        if not set(expected) <= set(given):
            raise ValueError(_mismatch(name, given, expected))
        return [given[key] for key in sorted(expected)]
    flat, wanted = tree.flatten(given), tree.flatten(expected)
    if len(flat) != len(wanted):
        raise ValueError(
            f'Layer "{name}" expects {len(wanted)} input(s), but it received {len(flat)} input '
            f"tensors. {_mismatch(name, given, expected)}"
        )
    return flat


def fit(
    name: str,
    index: int,
    x: Any,
    want: tuple[int | None, ...],
    dtype: str,
    any_sizes: bool = False,
) -> Any:
    """One input in a shape and dtype: a last axis of size 1 may come or go.

    Args:
        name: of the model, for errors.
        index: of the input.
        x: an array or tensor; a KerasTensor is only looked at.
        want: the shape, the batch axis in front.
        dtype: the dtype.
        any_sizes: whether the shape only says how many axes there are.

    Raises:
        ValueError: another shape.
    """
    have, shape = tuple(x.shape), fitted_shape(name, index, x, want, any_sizes)
    if isinstance(x, KerasTensor):
        if "string" in (x.dtype, dtype) and x.dtype != dtype:
            raise ValueError(
                f'Input {index} of layer "{name}" takes {dtype} values. Received: {x!r}.'
            )
        return x if shape == have and x.dtype == dtype else KerasTensor(shape, dtype)
    if dtype == "string":
        return as_strings(name, index, x, dtype).reshape(shape)
    x = ops.convert_to_tensor(x, dtype)
    if len(shape) > len(have):
        return ops.expand_dims(x, -1)
    return ops.squeeze(x, -1) if len(shape) < len(have) else x


def fitted_shape(
    name: str, index: int, x: Any, want: tuple[int | None, ...], any_sizes: bool = False
) -> tuple[int | None, ...]:
    """The shape of one input once its last axis of size 1 has come or gone; see `fit`."""
    have = shape = tuple(x.shape)
    if len(have) == len(want) - 1 and want[-1] == 1:
        shape = (*have, 1)
    elif len(have) == len(want) + 1 and have[-1] == 1:
        shape = have[:-1]
    pairs = () if any_sizes else zip(want[1:], shape[1:], strict=False)
    if len(shape) != len(want) or any(None not in (w, h) and h != w for w, h in pairs):
        raise ValueError(
            f'Input {index} of layer "{name}" is incompatible with the layer: '
            f"expected shape={want}, found shape={have}"
        )
    return shape


def as_strings(name: str, index: int, x: Any, dtype: str) -> Any:
    """An array, for an input of strings, or of numbers where a layer on the host takes it.

    Raises:
        ValueError: strings for an input of numbers, or the other way round.
    """
    text = getattr(getattr(x, "dtype", None), "kind", "") in ("U", "S", "O", "T")
    if text != (dtype == "string"):
        raise ValueError(
            f'Input {index} of layer "{name}" takes {"strings" if not text else dtype}. '
            f"Received: values of dtype {x.dtype}, shape {tuple(x.shape)}."
        )
    return x


def on_host(
    name: str, index: int, x: Any, want: tuple[int | None, ...], dtype: str
) -> np.ndarray[Any, Any]:
    """One input as an array, for layers that compute on the host; see `fit`."""
    shape = fitted_shape(name, index, x, want)
    found: np.ndarray[Any, Any] = as_strings(name, index, x, dtype).reshape(shape)
    return found


def _is_flat(structure: Any) -> bool:
    """Whether a structure is one tensor, or a list, tuple or dict of tensors alone."""
    if not tree.is_nested(structure):
        return True
    items = structure.values() if isinstance(structure, dict) else structure
    return not any(tree.is_nested(item) for item in items)


def _mismatch(name: str, given: Any, expected: Any) -> str:
    wanted = tree.map_structure(lambda t: t.name, expected)
    got = tree.map_structure(_described, given)
    return (
        f"The structure of `inputs` doesn't match the expected structure of model '{name}'. "
        f"Expected: {wanted}. Received: inputs={got}"
    )


def _described(leaf: Any) -> str:
    kind = "KerasTensor" if is_symbolic(leaf) else "Tensor"
    return f"{kind}(shape={tuple(leaf.shape)})" if hasattr(leaf, "shape") else repr(leaf)
