"""Normalization of each sample by itself (keras.layers.LayerNormalization and others)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import constraints, initializers, ops, regularizers
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape
from deepcore.variable import Variable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcore import Tensor


@builtin("keras.layers")
class LayerNormalization(Layer):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, for each sample and position.

    Mean and variance are those of the normalized axes, in float32 at least (Ba, Kiros & Hinton
    2016).

    Args:
        axis: the normalized axis or axes.
        epsilon: added to the variance.
        center: whether to add beta.
        scale: whether to multiply by gamma.
        beta_initializer: beta's first value.
        gamma_initializer: gamma's first value.
        beta_regularizer: a penalty on beta.
        gamma_regularizer: a penalty on gamma.
        beta_constraint: a projection of beta after each update.
        gamma_constraint: a projection of gamma after each update.
        **kwargs: see `Layer`; and `rms_scaling`, see `ops.layer_normalization`.

    Raises:
        TypeError: `axis` is neither an integer nor a sequence of them.
        ValueError: an axis outside of the input.

    Example:
        >>> LayerNormalization()(np.arange(6, dtype="float32").reshape(2, 3)).numpy().round(2)
        array([[-1.22,  0.  ,  1.22],
               [-1.22,  0.  ,  1.22]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**kwargs)
        self.axis = _checked_axis("LayerNormalization", axis)
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self.supports_masking = True
        self.autocast = False

    def build(self, input_shape: Shape) -> None:
        """Makes gamma and beta, of the sizes of the normalized axes."""
        self.axis, sizes = _sizes("LayerNormalization", self.axis, input_shape)
        if self.scale or self.rms_scaling:
            self.gamma = self.add_weight(
                name="gamma",
                shape=sizes,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center and not self.rms_scaling:
            self.beta = self.add_weight(
                name="beta",
                shape=sizes,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )

    def call(self, inputs: Tensor) -> Tensor:
        options = {"rms_scaling": True} if self.rms_scaling else {}
        y = ops.layer_normalization(
            inputs, self.gamma, self.beta, self.axis, self.epsilon, **options
        )
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        _sizes("LayerNormalization", self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "rms_scaling": self.rms_scaling,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


@builtin("keras.layers")
class RMSNormalization(Layer):
    """`x / sqrt(mean(x^2) + epsilon) * scale`, for each sample and position.

    The mean is that of the normalized axes, in float32 at least (Zhang & Sennrich 2019).

    Args:
        axis: the normalized axis or axes.
        epsilon: added to the mean square.
        **kwargs: see `Layer`.

    Raises:
        TypeError: `axis` is neither an integer nor a sequence of them.
        ValueError: an axis outside of the input.

    Example:
        >>> RMSNormalization()(np.array([[3.0, 4.0]], "float32")).numpy().round(3)
        array([[0.849, 1.131]], dtype=float32)
    """

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = _checked_axis("RMSNormalization", axis)
        self.epsilon = epsilon

    def build(self, input_shape: Shape) -> None:
        """Makes scale, of the sizes of the normalized axes."""
        self.axis, sizes = _sizes("RMSNormalization", self.axis, input_shape)
        self.scale = self.add_weight(name="scale", shape=sizes, initializer="ones")

    def call(self, inputs: Tensor) -> Tensor:
        return ops.rms_normalization(inputs, self.scale, self.axis, self.epsilon)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        _sizes("RMSNormalization", self.axis, input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


def _checked_axis(where: str, axis: Any) -> Any:
    if isinstance(axis, int):
        return axis
    if isinstance(axis, list | tuple) and axis and all(isinstance(a, int) for a in axis):
        return list(axis)
    raise TypeError(f"{where}: axis must be an integer or a list of integers. Received: {axis=}.")


def _sizes(where: str, axis: Any, shape: Shape) -> tuple[list[int], tuple[int, ...]]:
    """The axes in order, and their sizes."""
    axes = [axis] if isinstance(axis, int) else sorted(axis)
    sizes = []
    for a in axes:
        if not -len(shape) <= a < len(shape):
            raise ValueError(
                f"{where}: axis {a} is out of bounds for the input shape {tuple(shape)}."
            )
        size = shape[a]
        if size is None:
            raise ValueError(
                f"{where}: the sizes of the normalized axes must be known. "
                f"Received: input_shape={tuple(shape)}, {axis=}."
            )
        sizes.append(size)
    return axes, tuple(sizes)
