"""Adam and its relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepcore import ops
from deepcore.optimizers.base import Optimizer
from deepcore.serialization import builtin


@builtin("keras.optimizers")
class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma & Ba 2015; keras.optimizers.Adam).

    Args:
        learning_rate: see `Optimizer`.
        beta_1: how slowly the mean of the gradient moves.
        beta_2: how slowly the mean of its square moves.
        epsilon: added to the root of the latter.
        amsgrad: divides by the largest of those roots so far (Reddi et al. 2018).
        **kwargs: see `Optimizer`.
    """

    _lazy = False

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.amsgrad = amsgrad
        self._momentums: list[Any] = []
        self._velocities: list[Any] = []
        self._velocity_hats: list[Any] = []

    def build(self, variables: Sequence[Any]) -> None:
        """Makes both moments of each variable."""
        if self.built:
            return
        super().build(variables)
        self._momentums, self._velocities = self.add_optimizer_variables(
            variables, ["momentum", "velocity"]
        )
        if self.amsgrad:
            self._velocity_hats = self.add_optimizer_variables(variables, "velocity_hat")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Moves one variable."""
        dtype = variable.dtype
        gradient = ops.cast(gradient, dtype)
        alpha = self._once(("alpha", dtype), lambda: self._alpha(learning_rate, dtype))
        i = self._get_variable_index(variable)
        m, v = self._momentums[i], self._velocities[i]
        update = ops.lazy_adam_update if self._lazy and variable.shape else ops.adam_update
        value, mean, square = update(
            variable.value,
            gradient,
            alpha,
            m.value,
            v.value,
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )
        if self.amsgrad:
            largest = self._velocity_hats[i]
            largest.assign(ops.maximum(largest.value, square))
            root = ops.add(ops.sqrt(largest.value), self.epsilon)
            step = ops.divide(ops.multiply(mean, alpha), root)
            value = ops.subtract(variable.value, step)
        m.assign(mean)
        v.assign(square)
        variable.assign(value)

    def _alpha(self, learning_rate: Any, dtype: str) -> Any:
        """The learning rate with both moments' bias corrected."""
        step = self._local_step(dtype)
        left = ops.subtract(1.0, ops.power(self.beta_1, step))
        right = ops.subtract(1.0, ops.power(self.beta_2, step))
        return ops.divide(ops.multiply(ops.cast(learning_rate, dtype), ops.sqrt(right)), left)

    def get_config(self) -> dict[str, Any]:
        names = ("beta_1", "beta_2", "epsilon", "amsgrad")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@builtin("keras.optimizers")
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019; keras.optimizers.AdamW).

    Raises:
        ValueError: without `weight_decay`.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a number. Received: weight_decay=None.")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
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


@builtin("deepcore.optimizers")
class LazyAdam(Adam):
    """Adam that moves only the rows that a batch has a gradient for.

    Adam moves every row of an embedding at every step, for its moments fade whether its word came
    up or not: Keras does so, and `Adam` here. This one leaves a row (of the first axis of any
    variable) whose gradient is 0 all along as it is, moments too, so that a step costs what the
    batch holds and not what the vocabulary does. Results differ from Adam's. TensorFlow Addons has
    the same under this name, PyTorch as SparseAdam.

    Args:
        *args: as `Adam`.
        **kwargs: as `Adam`, without amsgrad.

    Raises:
        ValueError: amsgrad.

    Example:
        model.compile(deepcore.optimizers.LazyAdam(1e-3), "binary_crossentropy")
    """

    _lazy = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.amsgrad:
            raise ValueError("LazyAdam: amsgrad is not available. Received: amsgrad=True.")
