"""Hashing: categories to bins, without a vocabulary (keras.layers.Hashing)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import checks, config
from deepcore.layers.preprocessing import hashes
from deepcore.layers.preprocessing.encoding import OUTPUT_MODES, encode, encoded_shape
from deepcore.layers.preprocessing.host import HostLayer
from deepcore.layers.preprocessing.strings import as_bytes, is_text
from deepcore.serialization import builtin
from deepcore.symbolic import Shape


@builtin("keras.layers")
class Hashing(HostLayer):
    """A bin for each string or integer, by a hash: the same on every machine, and in Keras.

    Args:
        num_bins: how many; one of them is `mask_value`'s if that is given.
        mask_value: what goes to bin 0, alone.
        salt: an integer, or two: the key of SipHash, which takes FarmHash's place then.
        output_mode: `int`, `one_hot`, `multi_hot` or `count`; see `CategoryEncoding`.
        sparse: kept for compatibility; must be False.
        **kwargs: see `Layer`; `dtype` is that of the output, int64 by default for `int`.

    Raises:
        ValueError: arguments that do not go together.

    Example:
        >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).numpy().ravel().tolist()
        [1, 0, 1, 1, 2]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        self.num_bins = checks.positive_int("Hashing", "num_bins", num_bins)
        self.mask_value = mask_value
        self.salt = hashes.key_of("Hashing", salt)
        self.output_mode = checks.one_of("Hashing", "output_mode", output_mode, OUTPUT_MODES)
        if output_mode == "int" and self.dtype not in ("int32", "int64"):
            raise ValueError(
                f"Hashing: with output_mode='int' the dtype must be int32 or int64. "
                f"Received: dtype={self.dtype!r}."
            )
        if sparse:
            raise ValueError("Hashing: sparse=True is not supported; outputs are dense.")

    @property
    def compute_dtype(self) -> str:  # type: ignore[override]
        """The dtype of the inputs."""
        return "string"

    @property
    def output_dtype(self) -> str:
        return self.dtype

    def call(self, inputs: Any) -> npt.NDArray[Any]:
        values, masked = self._values(inputs)
        strings, shape = as_bytes("Hashing", values)
        bins = self.num_bins
        if masked is not None:
            bins -= 1
        ids = hashes.buckets(strings, bins, self.salt).reshape(shape)
        if masked is not None:
            ids = np.where(masked, 0, ids + 1)
        if self.output_mode == "int":
            return ids.astype(self.dtype)
        return encode(ids, self.output_mode, self.num_bins, self.dtype)

    def _values(self, inputs: Any) -> tuple[Any, npt.NDArray[np.bool_] | None]:
        """The inputs as strings, and which are the mask value."""
        array = inputs if isinstance(inputs, str | bytes) else np.asarray(inputs)
        mask = None
        if self.mask_value is not None and self.num_bins > 1:
            mask = np.asarray(array) == self.mask_value
        if isinstance(array, str | bytes) or is_text(array):
            return array, mask
        if array.dtype.kind == "b":
            return np.where(array, "true", "false"), mask
        if array.dtype.kind == "f":
            array = array.astype("int64")
        return array.astype(np.str_), mask

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if self.output_mode == "int":
            return tuple(input_shape)
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_bins": self.num_bins,
            "salt": self.salt,
            "mask_value": self.mask_value,
            "output_mode": self.output_mode,
            "sparse": False,
        }
