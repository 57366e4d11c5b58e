"""BatchNormalization (keras.layers.BatchNormalization)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import checks, config, constraints, initializers, ops, regularizers
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.ops.nn import batch_normalization_training
from deepcore.serialization import builtin
from deepcore.symbolic import Shape
from deepcore.variable import Variable

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class BatchNormalization(Layer):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, for each channel.

    While training, mean and variance are the batch's, and the moving statistics go a step of
    `1 - momentum` towards them; otherwise, and where `trainable` is False, they are the moving
    statistics.

    Args:
        axis: the channels.
        momentum: how much of the moving statistics a step keeps.
        epsilon: keeps the division finite.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer: beta's first value.
        gamma_initializer: gamma's first value.
        moving_mean_initializer: the moving mean's first value.
        moving_variance_initializer: the moving variance's first value.
        beta_regularizer: a penalty on beta.
        gamma_regularizer: a penalty on gamma.
        beta_constraint: a projection of beta after each update.
        gamma_constraint: a projection of gamma after each update.
        renorm: must be False.
        renorm_clipping: kept for compatibility.
        renorm_momentum: kept for compatibility.
        synchronized: must be False; there is one replica.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `renorm` or `synchronized` is True.

    Example:
        >>> y = BatchNormalization()(np.arange(6, dtype="float32").reshape(3, 2), training=True)
        >>> y.numpy().std(0).round(3)
        array([1., 1.], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for argument, value in (("renorm", renorm), ("synchronized", synchronized)):
            if value:
                raise ValueError(
                    f"BatchNormalization: {argument}=True is not supported. "
                    f"Received: {argument}={value!r}."
                )
        self.axis = int(axis)
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm = renorm
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Makes gamma, beta, moving_mean and moving_variance, each (C,)."""
        channels = self.compute_output_shape(input_shape)[self.axis]
        if channels is None:
            raise ValueError(
                "BatchNormalization: the size of the normalized axis must be known. "
                f"Received: {input_shape=}, axis={self.axis}."
            )
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=(channels,),
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=(channels,),
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
        self.moving_mean = self.add_weight(
            name="moving_mean",
            shape=(channels,),
            initializer=self.moving_mean_initializer,
            trainable=False,
        )
        self.moving_variance = self.add_weight(
            name="moving_variance",
            shape=(channels,),
            initializer=self.moving_variance_initializer,
            trainable=False,
        )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """`mask`: the input's shape without its last axis; True where a position counts."""
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                "BatchNormalization: the mask must have one axis less than the inputs. Received: "
                f"mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}."
            )
        if mask is not None:
            checks.mask_fits(
                "BatchNormalization", mask, tuple(inputs.shape[:-1]), tuple(inputs.shape)
            )
        # Sums of half-precision numbers overflow.
        dtype = "float64" if inputs.dtype == "float64" else "float32"
        x = ops.cast(inputs, dtype)
        gamma = None if self.gamma is None else ops.cast(self.gamma, dtype)
        beta = None if self.beta is None else ops.cast(self.beta, dtype)
        if training and self.trainable:
            y, mean, variance = self._by_batch(x, gamma, beta, mask)
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance)
        else:
            mean = ops.cast(self.moving_mean, dtype)
            variance = ops.cast(self.moving_variance, dtype)
            y = ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        return ops.cast(y, self.compute_dtype)

    def _by_batch(
        self, x: Tensor, gamma: Tensor | None, beta: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """x normalized by its own statistics, and these."""
        rank = len(x.shape)
        axis = self.axis % rank
        if mask is None and axis == rank - 1:
            return batch_normalization_training(x, gamma, beta, self.epsilon)
        others = [a for a in range(rank) if a != axis]
        if mask is None:
            mean, variance = ops.moments(x, others)
        else:
            mean, variance = _masked_moments(x, ops.cast(mask, "bool"), others)
        y = ops.batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        return y, mean, variance

    def _move(self, moving: Variable, value: Tensor) -> None:
        old = ops.cast(moving, value.dtype)
        moving.assign(old * self.momentum + value * (1.0 - self.momentum))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ValueError(
                f"BatchNormalization: axis {self.axis} is out of bounds for the input shape "
                f"{tuple(input_shape)}."
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }


def _masked_moments(x: Tensor, mask: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes of what the mask (without the last axis) lets through."""
    mask = ops.broadcast_to(ops.expand_dims(mask, -1), x.shape)
    count = ops.sum(ops.cast(mask, x.dtype), axes, keepdims=True) + config.epsilon()
    mean = ops.sum(ops.where(mask, x, 0), axes, keepdims=True) / count
    apart = ops.square(ops.where(mask, x - mean, 0))
    variance = ops.sum(apart, axes) / ops.squeeze(count, axes)
    return ops.squeeze(mean, axes), variance
