"""Optimizers that scale each element by a history of its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepcore import initializers, ops
from deepcore.optimizers.base import Optimizer
from deepcore.serialization import builtin


class _Adaptive(Optimizer):
    """Keeps the names of its own settings, which make up the config."""

    _settings: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{name: getattr(self, name) for name in self._settings}}

    def _rate(self, learning_rate: Any, dtype: str) -> Any:
        return self._once(("rate", dtype), lambda: ops.cast(learning_rate, dtype))


@builtin("keras.optimizers")
class RMSprop(_Adaptive):
    """Divides by the root of a running mean of squares (keras.optimizers.RMSprop).

    Args:
        learning_rate: see `Optimizer`.
        rho: how slowly the mean moves.
        momentum: of the steps.
        epsilon: added under the root.
        centered: subtracts the square of a running mean: the variance.
        **kwargs: see `Optimizer`.
    """

    _settings = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the running means."""
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        if self.momentum > 0:
            self._momentums = self.add_optimizer_variables(variables, "momentum")
        if self.centered:
            self._average_gradients = self.add_optimizer_variables(variables, "average_gradient")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        i = self._get_variable_index(variable)
        gradient = ops.cast(gradient, variable.dtype)
        velocity = self._velocities[i]
        velocity.assign(_towards(velocity.value, ops.square(gradient), self.rho))
        spread = velocity.value
        if self.centered:
            mean = self._average_gradients[i]
            mean.assign(_towards(mean.value, gradient, self.rho))
            spread = ops.subtract(spread, ops.square(mean.value))
        root = ops.sqrt(ops.add(spread, self.epsilon))
        step = ops.divide(ops.multiply(gradient, self._rate(learning_rate, variable.dtype)), root)
        if self.momentum > 0:
            momentum = self._momentums[i]
            momentum.assign(ops.add(ops.multiply(momentum.value, self.momentum), step))
            step = momentum.value
        variable.assign_sub(step)


@builtin("keras.optimizers")
class Adagrad(_Adaptive):
    """Divides by the root of the sum of squares (Duchi et al. 2011; keras.optimizers.Adagrad).

    Raises:
        ValueError: the sum begins below zero.
    """

    _settings = ("initial_accumulator_value", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        if initial_accumulator_value < 0:
            raise ValueError(
                "Adagrad: initial_accumulator_value must not be negative. "
                f"Received: {initial_accumulator_value=}."
            )
        super().__init__(learning_rate, **kwargs)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the sums."""
        if self.built:
            return
        super().build(variables)
        start = initializers.Constant(self.initial_accumulator_value)
        self._accumulators_of_squares = self.add_optimizer_variables(
            variables, "accumulator", start
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        gradient = ops.cast(gradient, variable.dtype)
        total = self._accumulators_of_squares[self._get_variable_index(variable)]
        total.assign_add(ops.square(gradient))
        root = ops.sqrt(ops.add(total.value, self.epsilon))
        rate = self._rate(learning_rate, variable.dtype)
        variable.assign_sub(ops.divide(ops.multiply(gradient, rate), root))


@builtin("keras.optimizers")
class Adadelta(_Adaptive):
    """Steps in the units of past steps (Zeiler 2012; keras.optimizers.Adadelta)."""

    _settings = ("rho", "epsilon")

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **kwargs: Any
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.rho, self.epsilon = rho, epsilon

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the running means of squared gradients and steps."""
        if self.built:
            return
        super().build(variables)
        self._grads, self._deltas = self.add_optimizer_variables(
            variables, ["accumulated_grad", "accumulated_delta_var"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        i = self._get_variable_index(variable)
        gradient = ops.cast(gradient, variable.dtype)
        grads, deltas = self._grads[i], self._deltas[i]
        grads.assign(_towards(grads.value, ops.square(gradient), self.rho))
        scale = ops.sqrt(ops.add(deltas.value, self.epsilon))
        root = ops.sqrt(ops.add(grads.value, self.epsilon))
        step = ops.negative(ops.divide(ops.multiply(scale, gradient), root))
        deltas.assign(_towards(deltas.value, ops.square(step), self.rho))
        variable.assign_add(ops.multiply(step, self._rate(learning_rate, variable.dtype)))


@builtin("keras.optimizers")
class Adamax(_Adaptive):
    """Adam with the largest gradient in place of the mean square (keras.optimizers.Adamax)."""

    _settings = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the moment and the norm of each variable."""
        if self.built:
            return
        super().build(variables)
        self._m, self._u = self.add_optimizer_variables(variables, ["momentum", "norm"])

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        i, dtype = self._get_variable_index(variable), variable.dtype
        gradient = ops.cast(gradient, dtype)
        m, u = self._m[i], self._u[i]
        m.assign(_towards(m.value, gradient, self.beta_1))
        u.assign(ops.maximum(ops.multiply(u.value, self.beta_2), ops.abs(gradient)))

        def corrected() -> Any:
            left = ops.subtract(1.0, ops.power(self.beta_1, self._local_step(dtype)))
            return ops.divide(ops.cast(learning_rate, dtype), left)

        rate = self._once(("corrected", dtype), corrected)
        variable.assign_sub(ops.divide(ops.multiply(m.value, rate), ops.add(u.value, self.epsilon)))


@builtin("keras.optimizers")
class Nadam(_Adaptive):
    """Adam with Nesterov's momentum (Dozat 2016; keras.optimizers.Nadam)."""

    _settings = ("beta_1", "beta_2", "epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables: Sequence[Any]) -> None:
        """Makes both moments of each variable, and the product of the momentum schedule."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        dtype = variables[0].dtype if variables else None
        self._u_product = self.add_variable((), "ones", dtype, name="u_product")

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        self._u_product.assign(ops.multiply(self._u_product.value, self._u(0)))
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def _u(self, ahead: int) -> Any:
        """The momentum of this step, or of one ahead."""
        step = ops.add(self._local_step(self._u_product.dtype), float(ahead))
        decay = ops.multiply(ops.power(0.96, step), 0.5)
        return ops.multiply(ops.subtract(1.0, decay), self.beta_1)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        i, dtype = self._get_variable_index(variable), variable.dtype
        gradient = ops.cast(gradient, dtype)

        def factors() -> Any:
            now, following = ops.cast(self._u(0), dtype), ops.cast(self._u(1), dtype)
            product = ops.cast(self._u_product.value, dtype)
            of_m = ops.divide(following, ops.subtract(1.0, ops.multiply(product, following)))
            of_g = ops.divide(ops.subtract(1.0, now), ops.subtract(1.0, product))
            left = ops.subtract(1.0, ops.power(self.beta_2, self._local_step(dtype)))
            return of_m, of_g, left

        of_m, of_g, left = self._once(("factors", dtype), factors)
        m, v = self._momentums[i], self._velocities[i]
        m.assign(_towards(m.value, gradient, self.beta_1))
        v.assign(_towards(v.value, ops.square(gradient), self.beta_2))
        mean = ops.add(ops.multiply(m.value, of_m), ops.multiply(gradient, of_g))
        root = ops.add(ops.sqrt(ops.divide(v.value, left)), self.epsilon)
        rate = self._rate(learning_rate, dtype)
        variable.assign_sub(ops.divide(ops.multiply(mean, rate), root))


@builtin("keras.optimizers")
class Lion(_Adaptive):
    """Steps of one size, by the sign of the momentum (Chen et al. 2023; keras.optimizers.Lion)."""

    _settings = ("beta_1", "beta_2")

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **kwargs: Any
    ) -> None:
        if not 0 < beta_1 <= 1:
            raise ValueError(f"Lion: beta_1 must be in (0, 1]. Received: {beta_1=}.")
        super().__init__(learning_rate, **kwargs)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def build(self, variables: Sequence[Any]) -> None:
        """Makes a momentum for each variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        gradient = ops.cast(gradient, variable.dtype)
        m = self._momentums[self._get_variable_index(variable)]
        sign = ops.sign(_towards(m.value, gradient, self.beta_1))
        variable.assign_sub(ops.multiply(sign, self._rate(learning_rate, variable.dtype)))
        m.assign(_towards(m.value, gradient, self.beta_2))


def _towards(mean: Any, value: Any, kept: float) -> Any:
    """A running mean moved towards a new value."""
    return ops.add(ops.multiply(mean, kept), ops.multiply(value, 1.0 - kept))
