"""What becomes of masks at the call of a layer, by Keras's rules."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from deepcore import masks, ops, tree
from deepcore.layers import shapes
from deepcore.symbolic import KerasTensor

if TYPE_CHECKING:
    from deepcore.layers.calling import LayerCalls


def concern(layer: LayerCalls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call on values has to do with masks at all; asked at each call, so it is quick."""
    return (
        masks.exist()
        or (bool(kwargs) and kwargs.get("mask") is not None)
        or (layer.supports_masking and computes(layer))
        or (bool(args) and tree.is_nested(args[0]))
    )


def computes(layer: LayerCalls) -> bool:
    """Whether the layer has a rule of its own for the mask of its output."""
    return not getattr(type(layer).compute_mask, "_is_default", False)


def fill(layer: LayerCalls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Puts the masks of tensor arguments into `kwargs` where `call` asks for them.

    One tensor argument gives `mask`; of several, `query` gives `query_mask`.

    Returns:
        The masks to make the output's of: `mask` if it is known, else those of the first argument.
    """
    parameters = shapes.parameters_of(type(layer), "call")
    named = dict(zip(parameters, args, strict=False))
    named.update(kwargs)
    tensors = {name: value for name, value in named.items() if _of_tensors(value)}
    if len(tensors) == 1:
        ((_, only),) = tensors.items()
        if "mask" in parameters and named.get("mask") is None:
            kwargs["mask"] = masks.structure(only)
    else:
        for name, value in tensors.items():
            if f"{name}_mask" in parameters and named.get(f"{name}_mask") is None:
                kwargs[f"{name}_mask"] = masks.structure(value)
    if kwargs.get("mask") is not None:
        return kwargs["mask"]
    return masks.structure(first(layer, args, kwargs))


def first(layer: LayerCalls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The first argument of a call; None where there is none."""
    if args:
        return args[0]
    return kwargs.get(next(iter(shapes.parameters_of(type(layer), "call")), ""))


def pass_on(layer: LayerCalls, inputs: Any, outputs: Any, previous: Any) -> None:
    """Attaches masks to the outputs, as far as `call` has not.

    Args:
        layer: the layer that was called.
        inputs: its first argument.
        outputs: what it gave.
        previous: what `fill` gave.
    """
    if not layer.supports_masking:
        if layer._tells_lost_masks and any(m is not None for m in tree.flatten(previous)):
            warnings.warn(
                f"Layer '{layer.name}' (of type {type(layer).__name__}) was passed an input with a "
                "mask attached to it. However, this layer does not support masking and will "
                "therefore destroy the mask information. Downstream layers will not see the mask.",
                stacklevel=4,
            )
        return
    flat = tree.flatten(outputs)
    if all(masks.get(x) is not None for x in flat):
        return
    computed = layer.compute_mask(inputs, previous)
    if computed is None:
        return
    for x, mask in zip(flat, tree.flatten(computed), strict=False):
        if mask is not None and masks.get(x) is None:
            masks.attach(x, mask)


def _of_tensors(value: Any) -> bool:
    """Whether an argument is a tensor, or holds tensors (and Nones) alone."""
    if not tree.is_nested(value):
        return isinstance(value, KerasTensor) or ops.is_tensor(value)
    leaves = tree.flatten(value)
    return bool(leaves) and all(
        leaf is None or isinstance(leaf, KerasTensor) or ops.is_tensor(leaf) for leaf in leaves
    )
