"""Constraints: projections of weights after each update (keras.constraints)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import config, ops
from deepcore.family import Family
from deepcore.serialization import builtin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcore._core import Tensor, TensorLike


@builtin("keras.constraints")
class Constraint:
    """A function of a weight that gives its projection; subclasses write `__call__`."""

    def __call__(self, w: TensorLike) -> Tensor:
        """The projected weight, of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} must write __call__(w).")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A constraint from `get_config()`."""
        return cls(**config)


@builtin("keras.constraints")
class MaxNorm(Constraint):
    """Scales weights down so that their norms along `axis` are at most `max_value`."""

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: TensorLike) -> Tensor:
        norms = _norms(w, self.axis)
        wanted = ops.clip(norms, 0, self.max_value)
        return ops.multiply(w, ops.divide(wanted, ops.add(config.epsilon(), norms)))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


@builtin("keras.constraints")
class MinMaxNorm(Constraint):
    """Moves the norms along `axis` towards [min_value, max_value], all the way at `rate` 1."""

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: TensorLike) -> Tensor:
        norms = _norms(w, self.axis)
        inside = ops.clip(norms, self.min_value, self.max_value)
        wanted = ops.add(ops.multiply(inside, self.rate), ops.multiply(norms, 1 - self.rate))
        return ops.multiply(w, ops.divide(wanted, ops.add(config.epsilon(), norms)))

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


@builtin("keras.constraints")
class NonNeg(Constraint):
    """Sets negative weights to zero."""

    def __call__(self, w: TensorLike) -> Tensor:
        return ops.maximum(w, 0)


@builtin("keras.constraints")
class UnitNorm(Constraint):
    """Scales weights so that their norms along `axis` are one."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: TensorLike) -> Tensor:
        return ops.divide(w, ops.add(config.epsilon(), _norms(w, self.axis)))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


def _norms(w: TensorLike, axis: int | Sequence[int]) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


_family = Family(
    "constraint",
    {
        "MaxNorm": MaxNorm,
        "max_norm": MaxNorm,
        "MinMaxNorm": MinMaxNorm,
        "min_max_norm": MinMaxNorm,
        "NonNeg": NonNeg,
        "non_neg": NonNeg,
        "UnitNorm": UnitNorm,
        "unit_norm": UnitNorm,
    },
)
get, serialize, deserialize = _family.get, _family.serialize, _family.deserialize
