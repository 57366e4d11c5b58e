"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepcore import checks, ops
from deepcore.optimizers.base import Optimizer
from deepcore.serialization import builtin


@builtin("keras.optimizers")
class SGD(Optimizer):
    """w -= lr g; with momentum v = momentum v - lr g, w += v (keras.optimizers.SGD).

    Args:
        learning_rate: see `Optimizer`.
        momentum: in [0, 1].
        nesterov: w += momentum v - lr g instead.
        **kwargs: see `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.momentum = checks.fraction("SGD", "momentum", momentum)
        self.nesterov = nesterov
        self.momentums: list[Any] = []

    def build(self, variables: Sequence[Any]) -> None:
        """Makes a velocity for each variable, if there is momentum."""
        if self.built:
            return
        super().build(variables)
        if self.momentum:
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        rate = self._once(("rate", dtype), lambda: ops.cast(learning_rate, dtype))
        if not self.momentum:
            (value,) = ops.sgd_update(variable.value, gradient, rate, None, 0.0, False)
            variable.assign(value)
            return
        velocity = self.momentums[self._get_variable_index(variable)]
        value, speed = ops.sgd_update(
            variable.value, gradient, rate, velocity.value, self.momentum, self.nesterov
        )
        velocity.assign(speed)
        variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}
