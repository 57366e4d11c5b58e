"""Masks of tensors: which steps count (Keras's `_keras_mask`).

A layer that knows (`Masking`, `Embedding`) attaches a mask to its output, the layers behind it pass
the mask on, and a loss leaves out what it hides. Masks belong to Python's tensor objects: the core
knows nothing of them, so a tensor without one costs nothing, and a mask may be a symbol of the step
that is being traced.
"""

from __future__ import annotations

import weakref
from typing import Any

from deepcore import _core, tree
from deepcore.symbolic import KerasTensor

# By the id of a tensor: a reference that takes the entry away with the tensor, and the mask.
_of_tensors: dict[int, tuple[weakref.ref[_core.Tensor], Any]] = {}


def exist() -> bool:
    """Whether any tensor with a value, or in a trace, has a mask now."""
    return bool(_of_tensors)


def get(x: Any) -> Any:
    """The mask of a tensor, real or symbolic; None where it has none."""
    if isinstance(x, KerasTensor):
        return x._keras_mask
    found = _of_tensors.get(id(x))
    return None if found is None else found[1]


def attach(x: Any, mask: Any) -> None:
    """Gives a tensor a mask, or takes it away when None. What is no tensor stays as it is."""
    if isinstance(x, KerasTensor):
        x._keras_mask = mask
    elif mask is None:
        _of_tensors.pop(id(x), None)
    elif isinstance(x, _core.Tensor):
        key = id(x)
        _of_tensors[key] = (weakref.ref(x, lambda _: _of_tensors.pop(key, None)), mask)


def structure(x: Any) -> Any:
    """The masks of nested tensors, in their structure."""
    return tree.map_structure(get, x)


def handed_on(x: Any, mask: Any) -> Any:
    """`x` with masks: tensors of the same values, as the caller's keep those they have.

    Args:
        x: nested tensors.
        mask: as many masks, None where there is none.

    Raises:
        ValueError: another number of masks.
    """
    leaves, given = tree.flatten(x), tree.flatten(mask)
    if all(m is None for m in given):
        return x
    if len(leaves) != len(given):
        raise ValueError(
            f"Expected a mask for each of {len(leaves)} inputs. Received: {len(given)} masks."
        )
    return tree.pack_sequence_as(x, [_with(a, m) for a, m in zip(leaves, given, strict=True)])


def carried(x: Any, y: Any) -> Any:
    """`y`, made of `x` by a change of form, with the mask of `x`."""
    if _of_tensors and y is not x:
        attach(y, get(x))
    return y


def _with(x: Any, mask: Any) -> Any:
    if mask is None or x is None:
        return x
    own = _core.as_tensor(x)  # another object on the same values
    attach(own, mask)
    return own


_core.Tensor._keras_mask = property(  # type: ignore[assignment]
    get, attach, doc="Which steps count, as layers pass it on; None: all."
)
