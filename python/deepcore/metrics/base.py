"""Metric: a number kept over many batches, its state in variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import config, naming, ops
from deepcore.serialization import builtin
from deepcore.variable import Variable

if TYPE_CHECKING:
    pass


@builtin("keras.metrics")
class Metric:
    """What every metric is (keras.metrics.Metric).

    Subclasses make their state with `add_variable` and write `update_state` and `result`; both can
    be traced.

    Args:
        dtype: of the state; the default float when None.
        name: made from the class's when None.
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or naming.auto_name(type(self).__name__)
        self._dtype = getattr(dtype, "compute_dtype", dtype)
        self._variables: list[Variable] = []
        self._metrics: list[Metric] = []

    @property
    def dtype(self) -> str:
        """The dtype of the state."""
        return config.standardize_dtype(self._dtype)

    @property
    def variables(self) -> list[Any]:
        """The state, that of metrics held as attributes included."""
        return self._variables + [v for metric in self._metrics for v in metric.variables]

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Metric) and all(value is not m for m in self._held("_metrics")):
            self._held("_metrics").append(value)
        elif isinstance(value, Variable) and all(value is not v for v in self._held("_variables")):
            self._held("_variables").append(value)
        super().__setattr__(name, value)

    def _held(self, name: str) -> list[Any]:
        try:
            held: list[Any] = self.__dict__[name]
        except KeyError:
            raise RuntimeError(
                f"{type(self).__name__}: call super().__init__() before setting attributes."
            ) from None
        return held

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> Variable:
        """A variable of the state; `reset_state` sets it to zero."""
        with naming.name_scope(self.name):
            variable = Variable(initializer, shape, dtype or self.dtype, trainable=False, name=name)
        self._variables.append(variable)
        return variable

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> Variable:
        """See `add_variable`."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Adds a batch."""
        raise NotImplementedError(f"{type(self).__name__} must write update_state(...).")

    def result(self) -> Any:
        """The value over all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must write result().")

    def reset_state(self) -> None:
        """Forgets all batches."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    reset_states = reset_state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    __str__ = __repr__
