"""Learning rates that change with the step (keras.optimizers.schedules)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import config, ops
from deepcore.family import Family
from deepcore.serialization import builtin

if TYPE_CHECKING:
    from deepcore.ops import Tensor

_export = builtin("keras.optimizers.schedules")


@_export
class LearningRateSchedule:
    """What every schedule is: a callable from the step (a tensor) to the learning rate."""

    def __call__(self, step: Any) -> Any:
        """The learning rate at that step."""
        raise NotImplementedError(f"{type(self).__name__} must write __call__(step).")

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must write get_config() to be saved.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls(**config)


class _Configured(LearningRateSchedule):
    """Keeps its arguments as attributes and gives them back as the config."""

    def __init__(self, **arguments: Any) -> None:
        self.__dict__.update(arguments)
        self._arguments = tuple(arguments)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._arguments}


@_export
class ExponentialDecay(_Configured):
    """initial * decay_rate ** (step / decay_steps); in whole periods with `staircase`."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        super().__init__(
            initial_learning_rate=initial_learning_rate,
            decay_steps=_above_zero(name, "decay_steps", decay_steps),
            decay_rate=decay_rate,
            staircase=staircase,
            name=name,
        )

    def __call__(self, step: Any) -> Tensor:
        periods = _periods(step, self.decay_steps, self.staircase)
        return ops.multiply(ops.power(float(self.decay_rate), periods), self.initial_learning_rate)


@_export
class InverseTimeDecay(_Configured):
    """initial / (1 + decay_rate * step / decay_steps); in whole periods with `staircase`."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(
            initial_learning_rate=initial_learning_rate,
            decay_steps=_above_zero(name, "decay_steps", decay_steps),
            decay_rate=decay_rate,
            staircase=staircase,
            name=name,
        )

    def __call__(self, step: Any) -> Tensor:
        periods = _periods(step, self.decay_steps, self.staircase)
        grown = ops.add(ops.multiply(periods, float(self.decay_rate)), 1.0)
        return ops.divide(float(self.initial_learning_rate), grown)


@_export
class PiecewiseConstantDecay(_Configured):
    """values[i] up to and including step boundaries[i], the last value after.

    Raises:
        ValueError: there must be one more value than boundaries.
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"{name}: there must be one more value than boundaries. "
                f"Received: {boundaries=}, {values=}."
            )
        super().__init__(boundaries=boundaries, values=values, name=name)

    def __call__(self, step: Any) -> Tensor:
        rate = ops.full((), self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(ops.greater(step, boundary), float(value), rate)
        return rate


@_export
class PolynomialDecay(_Configured):
    """From initial to end over `decay_steps`, by a power of what remains.

    Args:
        initial_learning_rate: at step 0.
        decay_steps: how long.
        end_learning_rate: from then on.
        power: 1 is linear.
        cycle: instead of staying at the end, the period grows by whole multiples.
        name: of the schedule.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        super().__init__(
            initial_learning_rate=initial_learning_rate,
            decay_steps=_above_zero(name, "decay_steps", decay_steps),
            end_learning_rate=end_learning_rate,
            power=power,
            cycle=cycle,
            name=name,
        )

    def __call__(self, step: Any) -> Tensor:
        step = ops.cast(step, config.floatx())
        if self.cycle:
            multiple = ops.maximum(ops.ceil(ops.divide(step, float(self.decay_steps))), 1.0)
            part = ops.divide(step, ops.multiply(multiple, float(self.decay_steps)))
        else:
            part = ops.divide(ops.minimum(step, float(self.decay_steps)), float(self.decay_steps))
        left = ops.power(ops.subtract(1.0, part), float(self.power))
        span = self.initial_learning_rate - self.end_learning_rate
        return ops.add(ops.multiply(left, span), self.end_learning_rate)


@_export
class CosineDecay(_Configured):
    """Half a cosine from the initial rate to alpha times it (Loshchilov & Hutter 2016).

    Args:
        initial_learning_rate: at step 0.
        decay_steps: how long the decay takes, after the warm-up.
        alpha: the share left at the end.
        name: of the schedule.
        warmup_target: when given, the rate first rises to it linearly, and decays from there.
        warmup_steps: how long that takes.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        super().__init__(
            initial_learning_rate=initial_learning_rate,
            decay_steps=_above_zero(name, "decay_steps", decay_steps),
            alpha=alpha,
            name=name,
            warmup_target=warmup_target,
            warmup_steps=warmup_steps,
        )

    def __call__(self, step: Any) -> Tensor:
        step = ops.cast(step, config.floatx())
        if self.warmup_target is None:
            return self._decay(step, self.initial_learning_rate)
        warmup = float(self.warmup_steps)
        rise = (self.warmup_target - self.initial_learning_rate) / max(warmup, 1.0)
        rising = ops.add(ops.multiply(step, rise), self.initial_learning_rate)
        falling = self._decay(ops.maximum(ops.subtract(step, warmup), 0.0), self.warmup_target)
        rate: Tensor = ops.where(ops.less(step, warmup), rising, falling)
        return rate

    def _decay(self, step: Tensor, top: float) -> Tensor:
        part = ops.divide(ops.minimum(step, float(self.decay_steps)), float(self.decay_steps))
        return _cosine(part, top, self.alpha)


@_export
class CosineDecayRestarts(_Configured):
    """Cosine decays one after another, each `t_mul` longer and `m_mul` higher than the last."""

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        super().__init__(
            initial_learning_rate=initial_learning_rate,
            first_decay_steps=_above_zero(name, "first_decay_steps", first_decay_steps),
            t_mul=t_mul,
            m_mul=m_mul,
            alpha=alpha,
            name=name,
        )

    def __call__(self, step: Any) -> Tensor:
        done = _periods(step, self.first_decay_steps, False)
        if self.t_mul == 1:
            restarts = ops.floor(done)
            part = ops.subtract(done, restarts)
        else:
            t = float(self.t_mul)
            grown = ops.add(ops.multiply(done, t - 1.0), 1.0)
            restarts = ops.floor(ops.divide(ops.log(grown), math.log(t)))
            length = ops.power(t, restarts)
            before = ops.divide(ops.subtract(length, 1.0), t - 1.0)
            part = ops.divide(ops.subtract(done, before), length)
        height = ops.power(float(self.m_mul), restarts)
        return _cosine(part, self.initial_learning_rate, self.alpha, height)


_family = Family(
    "learning rate schedule",
    {
        c.__name__: c
        for c in (
            ExponentialDecay,
            InverseTimeDecay,
            PiecewiseConstantDecay,
            PolynomialDecay,
            CosineDecay,
            CosineDecayRestarts,
        )
    },
)
serialize, deserialize = _family.serialize, _family.deserialize


def _cosine(part: Tensor, top: float, alpha: float, height: Any = 1.0) -> Tensor:
    half = ops.multiply(ops.add(ops.cos(ops.multiply(part, math.pi)), 1.0), 0.5 * (1.0 - alpha))
    return ops.multiply(ops.add(ops.multiply(half, height), alpha), top)


def _periods(step: Any, length: float, whole: bool) -> Tensor:
    periods = ops.divide(ops.cast(step, config.floatx()), float(length))
    return ops.floor(periods) if whole else periods


def _above_zero(where: str, name: str, value: Any) -> Any:
    if value <= 0:
        raise ValueError(f"{where}: {name} must be above 0. Received: {name}={value!r}.")
    return value
