"""CategoryEncoding: category numbers as rows (keras.layers.CategoryEncoding)."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepcore import checks, ops
from deepcore.layers.layer import Layer
from deepcore.layers.preprocessing.encoding import encode_tensor, encoded_shape
from deepcore.serialization import builtin
from deepcore.symbolic import KerasTensor, Shape

_MODES = ("multi_hot", "one_hot", "count")


@builtin("keras.layers")
class CategoryEncoding(Layer):
    """Rows of `num_tokens` numbers for category numbers in [0, num_tokens).

    Numbers from `num_tokens` on count nowhere.

    Args:
        num_tokens: how many categories there are.
        output_mode: `one_hot` a row for each number; `multi_hot` which categories a sample has;
            `count` how often.
        sparse: kept for compatibility; must be False.
        **kwargs: see `Layer`.

    Input: (N, L), or (N,) for one sample of N categories. Output: (N, num_tokens), or
    (N, L, num_tokens) for `one_hot`, where L of 1 is dropped.

    Raises:
        ValueError: a negative number, except in `one_hot` or inside a plan, where it counts
            nowhere.

    Example:
        >>> CategoryEncoding(4, output_mode="count")(np.array([[1, 1, 3]])).tolist()
        [[0.0, 2.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if sparse:
            raise ValueError("CategoryEncoding: sparse=True is not supported; outputs are dense.")
        self.num_tokens = checks.positive_int("CategoryEncoding", "num_tokens", num_tokens)
        self.output_mode = checks.one_of("CategoryEncoding", "output_mode", output_mode, _MODES)

    def _convert(self, x: Any) -> Any:
        # Numbers may come as they are, in lists too; floats keep their dtype, to stay exact.
        return x if ops.is_tensor(x) or x is None else ops.convert_to_tensor(np.asarray(x))

    def __call__(self, inputs: Any, count_weights: Any = None, **kwargs: Any) -> Any:
        if isinstance(inputs, list | tuple | int):
            inputs = np.asarray(inputs)
        if isinstance(count_weights, list | tuple):
            count_weights = np.asarray(count_weights)
        if count_weights is not None:
            kwargs["count_weights"] = count_weights
        return super().__call__(inputs, **kwargs)

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "CategoryEncoding: count_weights need output_mode='count'. "
                f"Received: output_mode={self.output_mode!r}."
            )
        ids = inputs if inputs.dtype in ("int32", "int64") else ops.cast(inputs, "int32")
        if self.output_mode != "one_hot" and not ids.is_symbolic and 0 not in ids.shape:
            least = int(ops.min(ids))
            if least < 0:
                raise ValueError(
                    "CategoryEncoding: the category numbers must not be negative. "
                    f"Received: {least} among inputs of shape {tuple(inputs.shape)}."
                )
        return encode_tensor(
            ids, self.output_mode, self.num_tokens, self.compute_dtype, count_weights
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return encoded_shape(tuple(input_shape), self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs: Any, count_weights: Any = None) -> Any:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_tokens": self.num_tokens,
            "output_mode": self.output_mode,
        }
