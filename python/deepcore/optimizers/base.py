"""Optimizer: what moves variables along their gradients."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from deepcore import config, initializers, naming, ops
from deepcore.optimizers.schedules import LearningRateSchedule
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object
from deepcore.variable import Variable

if TYPE_CHECKING:
    from deepcore._core import Tensor


@builtin("keras.optimizers")
class Optimizer:
    """What every optimizer is (keras.optimizers.Optimizer).

    Subclasses make their state in `build` and write `update_step` and `get_config`. Everything
    that a step does can be traced.

    Args:
        learning_rate: a number, a schedule, or a callable without arguments.
        weight_decay: each step first takes this share, times the learning rate, off the variables.
        clipnorm: the largest norm of each gradient.
        clipvalue: the largest absolute value of a gradient's elements.
        global_clipnorm: the largest norm of all gradients together. One of the three at most.
        use_ema: keeps a moving average of the variables.
        ema_momentum: of that average.
        ema_overwrite_frequency: every so many steps the variables become their averages.
        loss_scale_factor: the loss is multiplied by it, gradients are divided.
        gradient_accumulation_steps: gradients are averaged over so many steps before an update.
        name: made from the class's when None.

    Raises:
        ValueError: an argument outside of these.
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        what = type(self).__name__
        if kwargs.pop("decay", None) is not None:
            warnings.warn(f"{what}: `decay` is ignored; use a schedule.", stacklevel=3)
        if kwargs:
            raise ValueError(f"{what}: unknown arguments {sorted(kwargs)}.")
        _check_clipping(what, clipnorm, clipvalue, global_clipnorm)
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"{what}: ema_momentum must be in [0, 1]. Received: {ema_momentum=}.")
        if gradient_accumulation_steps and gradient_accumulation_steps < 2:
            raise ValueError(
                f"{what}: gradient_accumulation_steps must be at least 2. "
                f"Received: {gradient_accumulation_steps=}."
            )
        self.name = name or naming.auto_name(what)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._variables: list[Variable] = []
        self._trainable_variables: list[Any] = []
        self._index: dict[int, int] = {}
        self._averages: list[Any] = []
        self._accumulators: list[Any] = []
        self._not_decayed: set[int] = set()
        self._not_decayed_names: re.Pattern[str] | None = None
        self._step_values: dict[Any, Any] | None = None
        self._iterations = self._scalar(0, "iteration", "int64")
        self._learning_rate = self._as_rate(learning_rate)

    # ---- state

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

    # ---- a step

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> Any:
        """One step for pairs of gradient and variable; gives the number of steps."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """One step (keras.optimizers.Optimizer.apply).

        Args:
            grads: a gradient for each variable; None leaves it alone, with a warning.
            trainable_variables: those the optimizer was built with, or some of them.

        Raises:
            ValueError: no gradients, unknown variables, or numbers that do not match.
        """
        grads = list(grads)
        if not grads:
            return
        variables = self._known(grads, trainable_variables)
        grads, variables = self._with_gradients(grads, variables)
        if self.loss_scale_factor is not None:
            grads = [ops.divide(g, self.loss_scale_factor) for g in grads]
        if self.gradient_accumulation_steps:
            self._accumulate(grads, variables)
        else:
            self._update(grads, variables)
        for variable in variables:
            if getattr(variable, "constraint", None) is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign_add(1)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        raise NotImplementedError(
            f"{type(self).__name__} must write update_step(gradient, variable, learning_rate)."
        )

    def scale_loss(self, loss: Any) -> Any:
        """The loss whose gradients `apply` expects."""
        return (
            loss if self.loss_scale_factor is None else ops.multiply(loss, self.loss_scale_factor)
        )

    def exclude_from_weight_decay(
        self, var_list: Sequence[Any] | None = None, var_names: Sequence[str] | None = None
    ) -> None:
        """Keeps variables, or those whose name matches one of the patterns, from decaying."""
        if self.built:
            raise ValueError(
                f"{type(self).__name__}: exclude_from_weight_decay() must come before build()."
            )
        self._not_decayed = {id(v) for v in var_list or ()}
        self._not_decayed_names = (
            re.compile("|".join(sorted(set(var_names)))) if var_names else None
        )

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """With `use_ema`: the variables become their averages, at the end of training."""
        if not self.use_ema:
            return
        for variable in var_list:
            if id(variable) in self._index:
                variable.assign(self._averages[self._get_variable_index(variable)].value)

    def assign(self, variable: Any, value: Any) -> None:
        """variable = value."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """variable += value."""
        variable.assign_add(value)

    def assign_sub(self, variable: Any, value: Any) -> None:
        """variable -= value."""
        variable.assign_sub(value)

    # ---- config

    def get_config(self) -> dict[str, Any]:
        rate: Any = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(rate.numpy())
        elif isinstance(rate, LearningRateSchedule) or callable(rate):
            rate = serialize_keras_object(rate)
        names = (
            "weight_decay clipnorm global_clipnorm clipvalue use_ema ema_momentum "
            "ema_overwrite_frequency loss_scale_factor gradient_accumulation_steps"
        )
        settings = {name: getattr(self, name) for name in names.split()}
        return {"name": self.name, "learning_rate": rate, **settings}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        if isinstance(config.get("learning_rate"), dict):
            rate = deserialize_keras_object(config["learning_rate"], custom_objects)
            config = {**config, "learning_rate": rate}
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    # ---- inside

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

    def _once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """A value that is the same for all variables of a step, computed for the first of them."""
        if self._step_values is None:
            return compute()
        if key not in self._step_values:
            self._step_values[key] = compute()
        return self._step_values[key]

    def _local_step(self, dtype: str) -> Tensor:
        """The number of this step, from 1."""
        return self._once(("step", dtype), lambda: ops.cast(ops.add(self.iterations, 1), dtype))

    def _known(self, grads: list[Any], variables: Sequence[Any] | None) -> list[Any]:
        what = type(self).__name__
        if variables is None:
            if not self.built:
                raise ValueError(f"{what}: build(variables) must come before apply(grads) alone.")
            variables = self._trainable_variables
        variables = list(variables)
        if len(grads) != len(variables):
            raise ValueError(
                f"{what}: there must be one gradient for each variable. "
                f"Received: {len(grads)} gradients for {len(variables)} variables."
            )
        if not self.built:
            self.build(variables)
            self.built = True
        for variable in variables:
            if id(variable) not in self._index:
                raise ValueError(
                    f"{what}: unknown variable {getattr(variable, 'path', variable)!r}. An "
                    "optimizer moves the variables it was built with; make a new one for others."
                )
        return variables

    def _with_gradients(self, grads: list[Any], variables: list[Any]) -> Any:
        missing = [v for g, v in zip(grads, variables, strict=True) if g is None]
        if len(missing) == len(variables):
            raise ValueError("No gradients provided for any variable.")
        if missing:
            names = [getattr(v, "path", v.name) for v in missing]
            warnings.warn(
                f"Gradients do not exist for variables {names} when minimizing the loss.",
                stacklevel=4,
            )
        kept = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        return [g for g, _ in kept], [v for _, v in kept]

    def _update(self, grads: list[Any], variables: list[Any]) -> None:
        grads = self._clip(grads)
        rate = ops.convert_to_tensor(self.learning_rate)
        self._step_values = {}
        try:
            self._decay(variables, rate)
            self._backend_update_step(grads, variables, rate)
            if self.use_ema:
                self._update_averages()
        finally:
            self._step_values = None

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def _accumulate(self, grads: list[Any], variables: list[Any]) -> None:
        steps = self.gradient_accumulation_steps
        held = [self._accumulators[self._get_variable_index(v)] for v in variables]
        sums = [ops.add(g, h.value) for g, h in zip(grads, held, strict=True)]

        def update() -> None:
            self._update([ops.divide(s, float(steps or 1)) for s in sums], variables)
            for accumulator in held:
                accumulator.assign(ops.zeros(accumulator.shape, accumulator.dtype))

        def wait() -> None:
            for accumulator, total in zip(held, sums, strict=True):
                accumulator.assign(total)

        ops.cond(ops.equal(ops.mod(ops.add(self._iterations, 1), steps), 0), update, wait)

    def _decay(self, variables: list[Any], rate: Any) -> None:
        if self.weight_decay is None:
            return
        for variable in variables:
            if self._use_weight_decay(variable):
                share = ops.multiply(ops.cast(rate, variable.dtype), self.weight_decay)
                variable.assign(ops.subtract(variable.value, ops.multiply(variable.value, share)))

    def _use_weight_decay(self, variable: Any) -> bool:
        if id(variable) in self._not_decayed:
            return False
        names = self._not_decayed_names
        return names is None or names.search(variable.name) is None

    def _clip(self, grads: list[Any]) -> list[Any]:
        if self.clipnorm:
            return [_clip_by_norm(g, self.clipnorm) for g in grads]
        if self.clipvalue:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.global_clipnorm:
            norm = global_norm(grads)
            # Infinite norms must not turn infinite gradients into plausible ones.
            scale = ops.where(
                ops.isfinite(norm),
                ops.divide(self.global_clipnorm, ops.maximum(norm, self.global_clipnorm)),
                float("nan"),
            )
            return [ops.multiply(g, ops.cast(scale, g.dtype)) for g in grads]
        return grads

    def _update_averages(self) -> None:
        started = ops.not_equal(self.iterations, 0)
        for variable, average in zip(self._trainable_variables, self._averages, strict=True):
            momentum = ops.multiply(ops.cast(started, variable.dtype), self.ema_momentum)
            kept = ops.multiply(momentum, average.value)
            average.assign(ops.add(kept, ops.multiply(ops.subtract(1.0, momentum), variable.value)))
        if self.ema_overwrite_frequency:
            due = ops.mod(ops.add(self.iterations, 1), self.ema_overwrite_frequency)
            due = ops.equal(due, 0)
            for variable, average in zip(self._trainable_variables, self._averages, strict=True):
                variable.assign(ops.where(due, average.value, variable.value))


def global_norm(grads: Sequence[Any]) -> Tensor:
    """The norm of all gradients as one vector."""
    total = ops.sum(ops.square(grads[0]))
    for grad in grads[1:]:
        total = ops.add(total, ops.sum(ops.square(grad)))
    return ops.sqrt(total)


def _clip_by_norm(grad: Any, limit: float) -> Tensor:
    norm = ops.sqrt(ops.sum(ops.square(grad)))
    return ops.divide(ops.multiply(grad, limit), ops.maximum(norm, limit))


def _check_clipping(what: str, clipnorm: Any, clipvalue: Any, global_clipnorm: Any) -> None:
    given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"{what}: only one of {', '.join(given)} can be set. Received: {given}.")
    for name, value in given.items():
        if value <= 0:
            raise ValueError(f"{what}: {name} must be above 0. Received: {name}={value!r}.")
