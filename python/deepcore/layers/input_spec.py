"""InputSpec: what a layer expects of its input, checked once at its door (keras.InputSpec)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepcore import config, tree
from deepcore.symbolic import standardize_shape


class InputSpec:
    """Rank, shape, dtype and the sizes of single axes; None means "anything".

    Args:
        dtype: expected dtype.
        shape: expected shape, None for free axes.
        ndim: expected number of axes.
        max_ndim: most axes allowed.
        min_ndim: fewest axes allowed.
        axes: sizes by axis, as `{-1: 784}`.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        name: str | None = None,
    ) -> None:
        self.dtype = None if dtype is None else config.standardize_dtype(dtype)
        self.shape = None if shape is None else standardize_shape(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.name = name

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same spec again."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """A spec from `get_config()`."""
        return cls(**config)

    def __repr__(self) -> str:
        told = [f"{k}={v}" for k, v in self.get_config().items() if v]
        return f"InputSpec({', '.join(told)})"

    def mismatch(self, shape: tuple[int | None, ...], dtype: str) -> str | None:
        """What is wrong with an input of this shape and dtype; None when nothing is."""
        ndim = len(shape)
        full = f"Full shape received: {shape}"
        if self.ndim is not None and ndim != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={ndim}. {full}"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={ndim}. {full}"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={ndim}. {full}"
        if self.dtype is not None and dtype != self.dtype:
            return f"expected dtype={self.dtype}, found dtype={dtype}"
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                return (
                    f"expected axis {axis} of input shape to have value {size}, "
                    f"but received input with shape {shape}"
                )
        for want, have in zip(self.shape or (), shape, strict=False):
            if want is not None and have is not None and want != have:
                return f"expected shape={self.shape}, found shape={shape}"
        return None


def assert_input_compatibility(input_spec: Any, inputs: Any, layer_name: str) -> None:
    """Checks inputs against the spec (or specs) of a layer.

    Raises:
        ValueError: number, rank, size or dtype do not fit.
    """
    if input_spec is None:
        return
    specs, leaves = tree.flatten(input_spec), tree.flatten(inputs)
    if len(specs) != len(leaves):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received '
            f"{len(leaves)} input tensors."
        )
    for index, (spec, x) in enumerate(zip(specs, leaves, strict=True)):
        if spec is None:
            continue
        if not hasattr(x, "shape"):
            raise ValueError(
                f"Inputs to a layer should be tensors. Received: {x!r} (of type {type(x)}) "
                f'as input for layer "{layer_name}".'
            )
        problem = spec.mismatch(tuple(x.shape), str(x.dtype))
        if problem:
            raise ValueError(
                f'Input {index} of layer "{layer_name}" is incompatible with the layer: {problem}'
            )
