"""Penalties on weights (keras.regularizers)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from deepcore import checks, ops
from deepcore.family import Family
from deepcore.serialization import builtin

if TYPE_CHECKING:
    from deepcore.ops import Tensor, TensorLike


@builtin("keras.regularizers")
class Regularizer:
    """What every regularizer is: a callable from weights to a scalar."""

    def __call__(self, x: TensorLike) -> Any:
        return 0.0

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} does not implement get_config().")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        return cls(**config)


@builtin("keras.regularizers")
class L1L2(Regularizer):
    """l1 sum|x| + l2 sum x**2 (keras.regularizers.L1L2).

    Raises:
        ValueError: a factor is negative or not finite.
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor("L1L2", "l1", l1)
        self.l2 = _factor("L1L2", "l2", l2)

    def __call__(self, x: TensorLike) -> Tensor:
        return ops.add(_absolute(self.l1, x), _squared(self.l2, x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


@builtin("keras.regularizers")
class L1(Regularizer):
    """l1 sum|x| (keras.regularizers.L1)."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor("L1", "l1", l1, 0.01)

    def __call__(self, x: TensorLike) -> Tensor:
        return _absolute(self.l1, x)

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


@builtin("keras.regularizers")
class L2(Regularizer):
    """l2 sum x**2 (keras.regularizers.L2)."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor("L2", "l2", l2, 0.01)

    def __call__(self, x: TensorLike) -> Tensor:
        return _squared(self.l2, x)

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


@builtin("keras.regularizers")
class OrthogonalRegularizer(Regularizer):
    """The mean |cosine| between rows or columns (keras.regularizers.OrthogonalRegularizer)."""

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("OrthogonalRegularizer", "factor", factor)
        self.mode = checks.one_of("OrthogonalRegularizer", "mode", mode, ("rows", "columns"))

    def __call__(self, x: TensorLike) -> Tensor:
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ValueError(
                f"OrthogonalRegularizer: expected a matrix. Received: shape={tuple(x.shape)}."
            )
        x = ops.normalize(x, axis=1 if self.mode == "rows" else 0)
        turned = ops.transpose(x)
        product = ops.matmul(x, turned) if self.mode == "rows" else ops.matmul(turned, x)
        n = product.shape[0]
        off = ops.sum(ops.abs(ops.multiply(product, 1.0 - ops.eye(n, dtype=x.dtype))))
        return ops.divide_no_nan(ops.multiply(off, self.factor * 0.5), n * (n - 1) / 2)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_family = Family(
    "regularizer",
    {
        "L1": L1,
        "L2": L2,
        "L1L2": L1L2,
        "OrthogonalRegularizer": OrthogonalRegularizer,
        "l1": L1,
        "l2": L2,
        "l1l2": L1L2,
        "l1_l2": L1L2,
        "orthogonal_regularizer": OrthogonalRegularizer,
    },
)
get, serialize, deserialize = _family.get, _family.serialize, _family.deserialize


def _absolute(factor: float, x: TensorLike) -> Tensor:
    return ops.multiply(ops.sum(ops.abs(x)), factor)


def _squared(factor: float, x: TensorLike) -> Tensor:
    return ops.multiply(ops.sum(ops.square(x)), factor)


def _factor(where: str, name: str, value: Any, default: float = 0.0) -> float:
    number = default if value is None else value
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not math.isfinite(number)
        or number < 0
    ):
        raise ValueError(
            f"{where}: {name} must be a finite number of at least 0. Received: {name}={value!r}."
        )
    return float(number)
