"""DropoutCell: masks that stay the same along a sequence (Gal & Ghahramani 2016)."""

from __future__ import annotations

from typing import Any

from deepcore import checks, ops, random
from deepcore.layers.layer import Layer


class DropoutCell(Layer):
    """A cell that may drop parts of its inputs and of its state, the same ones at each step.

    A mask is drawn when it is first asked for and kept until it is reset; `RNN` does so around
    each sequence.
    """

    dropout: float
    recurrent_dropout: float
    # One mask for all gates when None, else a list of so many.
    dropout_mask_count: int | None = None

    def _set_dropout(self, dropout: float, recurrent_dropout: float, seed: int | None) -> None:
        self.dropout = self._rate("dropout", dropout)
        self.recurrent_dropout = self._rate("recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)
        self.__dict__["_masks"] = {}

    def _rate(self, argument: str, value: Any) -> float:
        """A share, held within [0, 1] as Keras does."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(min(1.0, max(0.0, value)))
        return checks.fraction(type(self).__name__, argument, value)

    def get_dropout_mask(self, step_input: Any) -> Any:
        """The mask of inputs of this shape; None without `dropout`."""
        return self._mask("inputs", step_input, self.dropout)

    def get_recurrent_dropout_mask(self, step_input: Any) -> Any:
        """The mask of states of this shape; None without `recurrent_dropout`."""
        return self._mask("states", step_input, self.recurrent_dropout)

    def reset_dropout_mask(self) -> None:
        """Forgets the mask of the inputs."""
        self.__dict__["_masks"].pop("inputs", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Forgets the mask of the states."""
        self.__dict__["_masks"].pop("states", None)

    def _mask(self, which: str, like: Any, rate: float) -> Any:
        if rate <= 0:
            return None
        masks = self.__dict__["_masks"]
        shape = tuple(like.shape)
        if which not in masks or masks[which][0] != shape or not _has_value(masks[which][1]):
            ones = ops.ones(shape, like.dtype)
            count = self.dropout_mask_count
            drawn = [
                random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count or 1)
            ]
            masks[which] = (shape, drawn if count else drawn[0])
        return masks[which][1]


def _has_value(mask: Any) -> bool:
    """Whether a mask may be used here: not so if another trace, which is over, has drawn it."""
    first = mask[0] if isinstance(mask, list) else mask
    if not first.is_symbolic:
        return True
    try:
        ops.negative(first)
    except ValueError:
        return False
    return True
