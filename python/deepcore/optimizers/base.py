"""Optimizer: what moves variables along their gradients."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from deepcore import naming, ops
from deepcore.optimizers.clipping import check_clipping, clip
from deepcore.optimizers.schedules import LearningRateSchedule
from deepcore.optimizers.state import State
from deepcore.serialization import builtin, deserialize_keras_object, serialize_keras_object
from deepcore.variable import Variable

if TYPE_CHECKING:
    from deepcore.ops import Tensor


@builtin("keras.optimizers")
class Optimizer(State):
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
        check_clipping(what, clipnorm, clipvalue, global_clipnorm)
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
        self._not_decayed: set[int] = set()
        self._not_decayed_names: re.Pattern[str] | None = None
        self._step_values: dict[Any, Any] | None = None
        self._begin(learning_rate)

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
        given = list(grads)
        if not given:
            return
        variables = self._known(given, trainable_variables)
        kept, variables = self._with_gradients(given, variables)
        if self.loss_scale_factor is not None:
            kept = [ops.divide(g, self.loss_scale_factor) for g in kept]
        if self.gradient_accumulation_steps:
            self._accumulate(kept, variables)
        else:
            self._update(kept, variables)
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

    def _once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """A value that is the same for all variables of a step, computed for the first of them."""
        if self._step_values is None:
            return compute()
        if key not in self._step_values:
            self._step_values[key] = compute()
        return self._step_values[key]

    def _local_step(self, dtype: str) -> Tensor:
        """The number of this step, from 1."""
        key = ("step", dtype)
        step: Tensor = self._once(key, lambda: ops.cast(ops.add(self.iterations, 1), dtype))
        return step

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
        grads = clip(grads, self.clipnorm, self.clipvalue, self.global_clipnorm)
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
        steps = self.gradient_accumulation_steps or 1
        held = [self._accumulators[self._get_variable_index(v)] for v in variables]
        sums = [ops.add(g, h.value) for g, h in zip(grads, held, strict=True)]

        def update() -> None:
            self._update([ops.divide(s, float(steps)) for s in sums], variables)
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
