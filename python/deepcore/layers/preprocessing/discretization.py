"""Discretization: numbers to the ranges they lie in (keras.layers.Discretization)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import checks, config, ops
from deepcore.layers.layer import Layer
from deepcore.layers.preprocessing.encoding import OUTPUT_MODES, encode_tensor, encoded_shape
from deepcore.serialization import builtin
from deepcore.symbolic import KerasTensor, Shape

# Values in rising order, and how many numbers each stands for: float32 (2, n).
Summary = npt.NDArray[np.float32]


@builtin("keras.layers")
class Discretization(Layer):
    """The number of the range that each input lies in: the ranges are given or learned.

    Args:
        bin_boundaries: where ranges begin, in rising order; the first range begins at -inf.
        num_bins: learn boundaries of so many ranges of equally many numbers, by `adapt`.
        epsilon: the error of these quantiles.
        output_mode: `int`, `one_hot`, `multi_hot` or `count`; see `CategoryEncoding`.
        sparse: kept for compatibility; must be False.
        dtype: of the output, unless it is `int` (int32).
        name: of the layer.

    Raises:
        ValueError: neither or both of `bin_boundaries` and `num_bins`.

    Example:
        >>> Discretization([0.0, 1.0])(np.array([[-1.5, 0.0, 3.4]], "float32")).tolist()
        [[0, 1, 2]]
    """

    def __init__(
        self,
        bin_boundaries: Any = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        where = "Discretization"
        if sparse:
            raise ValueError(f"{where}: sparse=True is not supported; outputs are dense.")
        if (num_bins is None) == (bin_boundaries is None):
            raise ValueError(
                f"{where}: pass either bin_boundaries or num_bins. "
                f"Received: {bin_boundaries=}, {num_bins=}."
            )
        if not 0 < epsilon <= 1:
            raise ValueError(f"{where}: epsilon must be in (0, 1]. Received: {epsilon=}.")
        self.output_mode = checks.one_of(where, "output_mode", output_mode, OUTPUT_MODES)
        self.num_bins = num_bins
        if num_bins is not None:
            self.num_bins = checks.positive_int(where, "num_bins", num_bins)
        self.epsilon = epsilon
        self.bin_boundaries = None if bin_boundaries is None else _rising(bin_boundaries)
        self._summary: Summary = np.zeros((2, 0), "float32")

    @property
    def input_dtype(self) -> str:  # type: ignore[override]
        """The dtype that inputs are converted to."""
        return config.floatx()

    @property
    def output_dtype(self) -> str:
        """The dtype of the output."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the boundaries: quantiles of the data, about.

        Args:
            data: an array; or an iterable of batches, a list among them.
            steps: the most batches to take of an iterable.

        Raises:
            ValueError: the boundaries were given.
        """
        if self.num_bins is None:
            raise ValueError(
                "Discretization: cannot adapt a layer that was made with bin_boundaries; "
                "pass num_bins instead."
            )
        self.reset_state()
        if isinstance(data, np.ndarray) or ops.is_tensor(data) or hasattr(data, "to_numpy"):
            self.update_state(data)
        else:
            for index, batch in enumerate(data):
                if steps is not None and index >= steps:
                    break
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Adds a batch to the summary of what was seen."""
        seen = _summary_of(np.asarray(data).astype("float32"), self.epsilon)
        self._summary = _merged(seen, self._summary, self.epsilon)

    def finalize_state(self) -> None:
        """Makes the boundaries."""
        if self.num_bins is not None and self._summary.shape[1]:
            self.bin_boundaries = _compressed(self._summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forgets what was seen."""
        self._summary = np.zeros((2, 0), "float32")

    def call(self, inputs: Any) -> Any:
        if self.bin_boundaries is None:
            raise ValueError(
                f"Discretization: the layer '{self.name}' has no boundaries yet. Call `adapt` on "
                "data, or pass bin_boundaries."
            )
        inputs = ops.cast(inputs, self.input_dtype)
        bounds = ops.convert_to_tensor(list(self.bin_boundaries), self.input_dtype)
        beyond = ops.greater_equal(ops.expand_dims(inputs, -1), bounds)
        ids = ops.sum(ops.cast(beyond, "int32"), axis=-1)
        if self.output_mode == "int":
            return ids
        return encode_tensor(ids, self.output_mode, self._depth, self.output_dtype)

    @property
    def _depth(self) -> int:
        if self.bin_boundaries is None:
            assert self.num_bins is not None
            return self.num_bins
        return len(self.bin_boundaries) + 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode == "int":
            return tuple(input_shape)
        return encoded_shape(tuple(input_shape), self.output_mode, self._depth)

    def compute_output_spec(self, inputs: Any) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)

    def get_config(self) -> dict[str, Any]:
        bounds = self.bin_boundaries
        return {
            "bin_boundaries": None if bounds is None else list(bounds),
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": False,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        config = dict(config)
        learned = None
        if config.get("num_bins") is not None:
            learned = config.pop("bin_boundaries", None)
        made = cls(**config)
        if learned is not None:
            made.bin_boundaries = _rising(learned)
        return made


def _rising(boundaries: Any) -> list[float]:
    found = np.asarray(boundaries, "float64")
    if found.ndim != 1 or not np.all(np.diff(found) >= 0):
        raise ValueError(
            "Discretization: bin_boundaries must be numbers in rising order. "
            f"Received: bin_boundaries={boundaries!r}."
        )
    return [float(bound) for bound in found]


# ---- streams of numbers as summaries; as Keras does, so that the boundaries are the same


def _summary_of(values: npt.NDArray[np.float32], epsilon: float) -> Summary:
    """Every so manieth of the sorted values, so that about 1 / epsilon remain."""
    values = np.sort(values.reshape(-1))
    step = max(values.size * epsilon, 1.0)
    kept = values[int(step - 1) :: int(step)]
    return np.stack([kept, np.ones_like(kept) * step])


def _merged(one: Summary, other: Summary, epsilon: float) -> Summary:
    both = np.concatenate([one, other], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: Summary, epsilon: float) -> Summary:
    """A summary of about 1 / epsilon values, interpolated between those of a longer one."""
    if summary.shape[1] * epsilon < 1:
        return summary
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    total = summary[1].cumsum()
    values = np.interp(wanted, total / total[-1], summary[0])
    counts = np.diff(np.interp(wanted, total / total[-1], total), prepend=0.0)
    return np.stack([values, counts]).astype("float32")
