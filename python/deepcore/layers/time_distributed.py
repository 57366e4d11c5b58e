"""TimeDistributed: a layer on each step of a sequence (keras.layers.TimeDistributed)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import ops
from deepcore.layers import shapes
from deepcore.layers.core.wrapper import Wrapper
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin

if TYPE_CHECKING:
    from deepcore import Tensor

# Files and rooms whose layers treat each sample by itself.
_BY_SAMPLE = tuple(
    f"deepcore.{room}"
    for room in (
        "layers.convolution",
        "layers.core.activation",
        "layers.core.dense",
        "layers.core.embedding",
        "layers.core.identity",
        "layers.core.input_layer",
        "layers.core.masking",
        "layers.padding",
        "layers.pooling",
        "layers.preprocessing",
        "layers.reshaping",
        "models.sequential",
    )
)


@builtin("keras.layers")
class TimeDistributed(Wrapper):
    """Calls a layer on each step, with the same weights.

    x: (N, T, ...), output: (N, T, ...) of what the layer gives for (N, ...).

    Args:
        layer: the layer.
        **kwargs: see `Layer`.

    Raises:
        ValueError: not a layer, an input without steps, or a mask that is not (N, T, ...).

    Example:
        >>> TimeDistributed(Dense(3))(np.ones((2, 7, 5), "float32")).shape
        (2, 7, 3)
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights of the layer, for one step."""
        super().build(_of_step(input_shape))

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """`mask`: (N, T, ...); each step's goes to the layer, if it takes one."""
        mask = None if mask is None else ops.convert_to_tensor(mask)
        if mask is not None and tuple(mask.shape[:2]) != tuple(inputs.shape[:2]):
            raise ValueError(
                "TimeDistributed: the mask must begin with the axes (batch, steps) of the inputs. "
                f"Received: mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}."
            )
        takes = shapes.parameters_of(type(self.layer), "call")
        given: dict[str, Any] = {"training": training} if "training" in takes else {}
        told = mask is not None and "mask" in takes
        count, steps = inputs.shape[:2]
        if not told and count and steps and _by_sample(self.layer):
            # Each sample gets the same bits in any batch: steps may be samples.
            rows = ops.reshape(inputs, (count * steps, *inputs.shape[2:]))
            y = self.layer.call(rows, **given)
            return ops.reshape(y, (count, steps, *y.shape[1:]))
        found = []
        for step in range(steps):
            if told:
                given["mask"] = mask[:, step]  # type: ignore[index]
            found.append(self.layer.call(inputs[:, step], **given))
        if not found:
            shape = self.compute_output_shape(tuple(inputs.shape))
            return ops.zeros(shape, self.compute_dtype)
        return ops.stack(found, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        inner = self.layer.compute_output_shape(_of_step(input_shape))
        return (inner[0], input_shape[1], *inner[1:])


def _of_step(input_shape: Any) -> Any:
    if not isinstance(input_shape, list | tuple) or len(input_shape) < 3:
        raise ValueError(
            "TimeDistributed: the input must have at least 3 axes: batch, steps and features. "
            f"Received: {input_shape=}."
        )
    return (input_shape[0], *input_shape[2:])


def _by_sample(layer: Layer) -> bool:
    """Whether what a layer does to a sample depends on nothing else, now or later.

    Not so where state moves (statistics, seeds), nor for all we know in a user's class or function.
    """
    return all(_is_known(part) for part in layer._flatten_layers())


def _is_known(layer: Layer) -> bool:
    activation = getattr(layer, "activation", None)
    return type(layer).__module__.startswith(_BY_SAMPLE) and (
        activation is None or getattr(activation, "__module__", "").startswith("deepcore.")
    )
