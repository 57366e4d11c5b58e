"""The state of an optimizer: its variables, their names, order and files."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from deepcore import config, initializers, naming, ops
from deepcore.optimizers.schedules import LearningRateSchedule
from deepcore.variable import Variable


class State:
    """The variables of an optimizer: the first half of `Optimizer`."""

    name: str
    use_ema: bool
    gradient_accumulation_steps: int | None
    built: bool

    def _begin(self, learning_rate: Any) -> None:
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Any] = []
        self._index: dict[int, int] = {}
        self._averages: list[Any] = []
        self._accumulators: list[Any] = []
        self._iterations = self._scalar(0, "iteration", "int64")
        self._learning_rate = self._as_rate(learning_rate)

    @property
    def variables(self) -> list[Any]:
        """The state, in the order in which files hold it."""
        return list(self._variables)

    @property
    def iterations(self) -> Any:
        """How many updates there were, int64."""
        if self.gradient_accumulation_steps:
            return ops.floor_divide(self._iterations, self.gradient_accumulation_steps)
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The present learning rate: a Variable, or what the schedule gives."""
        if isinstance(self._learning_rate, LearningRateSchedule):
            return self._learning_rate(self._iterations)
        if callable(self._learning_rate) and not isinstance(self._learning_rate, Variable):
            return self._learning_rate()
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        held = self._learning_rate
        if callable(learning_rate) and not isinstance(learning_rate, Variable):
            if isinstance(held, Variable):
                self._variables = [v for v in self._variables if v is not held]
            self._learning_rate = learning_rate
        elif isinstance(held, Variable):
            held.assign(learning_rate)
        else:
            raise TypeError(
                f"{type(self).__name__}: the learning rate was given as a schedule or callable, "
                "so it cannot be set to a number."
            )

    lr = learning_rate

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the state for these variables. Subclasses extend it; `built` ends it early."""
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = self.add_optimizer_variables(variables, "gradient_accumulator")
        self._index = {id(v): i for i, v in enumerate(variables)}
        self._trainable_variables = list(variables)
        self.built = True

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """A variable of the state."""
        with naming.name_scope(self.name):
            variable = Variable(
                initializers.get(initializer), shape, dtype, trainable=False, name=name
            )
        self._variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A variable of a model variable's shape and dtype, named after it."""
        path = getattr(reference_variable, "path", reference_variable.name)
        return self.add_variable(
            reference_variable.shape,
            initializer,
            reference_variable.dtype,
            name=f"{path.replace('/', '_').replace(':', '_')}_{name or 'var'}",
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Any], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """A list of variables like the model's; for several names a tuple of such lists."""
        names = [name] if isinstance(name, str) else list(name)
        many = isinstance(initializer, list | tuple)
        starts = list(initializer) if many else [initializer] * len(names)
        if len(starts) != len(names):
            raise ValueError(
                f"{type(self).__name__}: there must be one initializer for each name. "
                f"Received: {name=}, {initializer=}."
            )
        made: tuple[list[Any], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for column, label, start in zip(made, names, starts, strict=True):
                column.append(self.add_variable_from_reference(variable, label, start))
        return made[0] if isinstance(name, str) else made

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assigns the state."""
        if not self.built:
            raise ValueError(f"{type(self).__name__}: build it before setting its weights.")
        for variable, weight in zip(self._variables, weights, strict=True):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Writes the state under "0", "1", ..."""
        for i, variable in enumerate(self._variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote; warns if it does not fit."""
        if len(store.keys()) != len(self._variables):
            warnings.warn(
                f"The optimizer '{self.name}' has {len(self._variables)} variables, the file has "
                f"{len(store.keys())}: its state is not loaded.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self._variables):
            variable.assign(store[str(i)])

    def _scalar(self, value: Any, name: str, dtype: str) -> Variable:
        with naming.name_scope(self.name):
            variable = Variable(value, dtype=dtype, trainable=False, name=name)
        self._variables.append(variable)
        return variable

    def _as_rate(self, rate: Any) -> Any:
        if isinstance(rate, Variable) or not callable(rate):
            try:
                return self._scalar(float(rate), "learning_rate", config.floatx())
            except (TypeError, ValueError):
                raise ValueError(
                    f"{type(self).__name__}: learning_rate must be a number, a "
                    f"LearningRateSchedule or a callable. Received: learning_rate={rate!r}."
                ) from None
        return rate

    def _get_variable_index(self, variable: Any) -> int:
        return self._index[id(variable)]
