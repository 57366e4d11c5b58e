"""WeightedCell: kernels and a bias with Keras's options, as all cells with gates have them."""

from __future__ import annotations

from typing import Any

from deepcore import activations, constraints, initializers, ops, regularizers
from deepcore.layers.rnn.sequence_cell import SequenceCell

# Of `kernel`, `recurrent_kernel` and `bias`, as the arguments call them.
_WEIGHTS = ("kernel", "recurrent", "bias")


class WeightedCell(SequenceCell):
    """A cell with a kernel for inputs, one for states, and a bias, for all gates at once."""

    gates: int
    activation: Any
    recurrent_activation: Any = None
    use_bias: bool
    bias_initializer: Any
    kernel: Any
    recurrent_kernel: Any
    bias: Any

    def _set_weight_options(self, options: dict[str, Any]) -> None:
        """Initializers, regularizers and constraints, from the arguments of these names."""
        for what in _WEIGHTS:
            setattr(self, f"{what}_initializer", initializers.get(options[f"{what}_initializer"]))
            setattr(self, f"{what}_regularizer", regularizers.get(options[f"{what}_regularizer"]))
            setattr(self, f"{what}_constraint", constraints.get(options[f"{what}_constraint"]))

    def _add(self, name: str, what: str, shape: tuple[int, ...], initializer: Any = None) -> Any:
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or getattr(self, f"{what}_initializer"),
            regularizer=getattr(self, f"{what}_regularizer"),
            constraint=getattr(self, f"{what}_constraint"),
        )

    def _channels(self, input_shape: Any, axis: int = -1) -> int:
        """The features of a step.

        Raises:
            ValueError: they are not known.
        """
        size = input_shape[axis]
        if size is None:
            raise ValueError(
                f"{type(self).__name__}: the number of features must be known. "
                f"Received: {input_shape=}."
            )
        return int(size)

    def _forget_ones(self, units: int) -> Any:
        """The initializer of an LSTM's bias whose forget gate begins open (Jozefowicz 2015)."""

        def initializer(shape: Any, dtype: Any = None) -> Any:
            parts = [(units,), (units,), (2 * units,)]
            fill = (self.bias_initializer, initializers.Ones(), self.bias_initializer)
            return ops.concatenate([f(s, dtype=dtype) for f, s in zip(fill, parts, strict=True)])

        return initializer

    def get_config(self) -> dict[str, Any]:
        told: dict[str, Any] = {"activation": activations.serialize(self.activation)}
        if self.recurrent_activation is not None:
            told["recurrent_activation"] = activations.serialize(self.recurrent_activation)
        told["use_bias"] = self.use_bias
        for what in _WEIGHTS:
            for kind, family in (
                ("initializer", initializers),
                ("regularizer", regularizers),
                ("constraint", constraints),
            ):
                told[f"{what}_{kind}"] = family.serialize(getattr(self, f"{what}_{kind}"))
        return {
            **super().get_config(),
            **told,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }
