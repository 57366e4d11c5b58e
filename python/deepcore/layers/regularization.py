"""Dropout (keras.layers.Dropout)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from deepcore import checks, random
from deepcore.layers.layer import Layer
from deepcore.serialization import builtin
from deepcore.symbolic import Shape

if TYPE_CHECKING:
    from deepcore import Tensor


@builtin("keras.layers")
class Dropout(Layer):
    """While training, sets a share of the inputs to zero and scales the rest by 1 / (1 - rate).

    Args:
        rate: the share, in [0, 1].
        noise_shape: the mask's shape, broadcast to the input's; None entries are the input's.
        seed: makes the masks repeatable.
        **kwargs: see `Layer`.

    Raises:
        ValueError: `rate` outside [0, 1], or a bad `noise_shape`.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        checks.fraction("Dropout", "rate", rate)
        self.rate = rate
        self.seed = seed
        self.noise_shape = _checked(noise_shape)
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        return random.dropout(
            inputs, self.rate, noise_shape=self.noise_shape, seed=self.seed_generator
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
            "noise_shape": self.noise_shape,
        }


def _checked(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    if isinstance(noise_shape, list | tuple) and all(
        n is None or (isinstance(n, int) and n > 0) for n in noise_shape
    ):
        return tuple(noise_shape)
    raise ValueError(
        "Dropout: noise_shape must be a tuple of positive integers and Nones. "
        f"Received: {noise_shape=}."
    )
