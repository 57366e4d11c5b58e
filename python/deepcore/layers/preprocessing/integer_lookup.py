"""IntegerLookup: integers to numbers from zero on, and back (keras.layers.IntegerLookup)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore.layers.preprocessing.index_lookup import IndexLookup
from deepcore.layers.preprocessing.vocabulary import read_file
from deepcore.serialization import builtin


@builtin("keras.layers")
class IntegerLookup(IndexLookup):
    """Numbers for integers, from a vocabulary that is given or learned by `adapt`.

    Args:
        max_tokens: the most tokens of the vocabulary, special ones included.
        num_oov_indices: numbers for unknown integers; with several, `oov_method` picks one; with
            none, unknown integers are an error.
        mask_token: the integer that gets number 0; none when None.
        oov_token: what an inverted layer gives for unknown numbers.
        vocabulary: the tokens, or the path of a text file with one a line.
        vocabulary_dtype: kept for compatibility: `int64`.
        idf_weights: of the tokens, for `tf_idf`.
        invert: the other way round.
        output_mode: as in `StringLookup`.
        sparse: kept for compatibility; must be False.
        pad_to_max_tokens: rows are `max_tokens` wide, however few tokens there are.
        oov_method: `floormod` the remainder, `farmhash` a hash of the digits.
        salt: an integer, or two: hash by SipHash under this key; needs `farmhash`.
        name: of the layer.

    Raises:
        ValueError: arguments that do not go together.

    Example:
        >>> IntegerLookup(vocabulary=[12, 36])([[36, 7]]).tolist()
        [[2, 0]]
    """

    _kind = int

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ValueError(
                f"IntegerLookup: vocabulary_dtype must be 'int64'. Received: {vocabulary_dtype=}."
            )
        if salt is not None and oov_method != "farmhash":
            raise ValueError(f"IntegerLookup: salt needs oov_method='farmhash'. {oov_method=}.")
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def _token(self, value: Any) -> int:
        if isinstance(value, str | bytes) or int(value) != value:
            raise ValueError(f"IntegerLookup: expected integers. Received: {value!r}.")
        return int(value)

    def _shown(self, token: Any) -> int:
        return int(token)

    def _tokens_in(self, values: Any) -> tuple[list[Any], tuple[int, ...]]:
        array = np.asarray(values)
        if array.dtype.kind == "O":  # a pandas column of integers with gaps, or lists that differ
            try:
                array = array.astype("int64")
            except (TypeError, ValueError) as error:
                raise ValueError(f"IntegerLookup: expected integers: {error}") from None
        if array.dtype.kind not in "iufb" and array.size:
            raise ValueError(
                f"IntegerLookup: expected integers. Received: values of dtype {array.dtype}."
            )
        return array.astype("int64").reshape(-1).tolist(), array.shape

    def _lines(self, path: str) -> list[Any]:
        try:
            return [int(line) for line in read_file("IntegerLookup", path)]
        except ValueError as error:
            raise ValueError(f"IntegerLookup: {path} must hold integers: {error}") from None

    def _hashable(self, token: Any) -> bytes:
        return str(token).encode()

    def _buckets(self, tokens: list[Any]) -> npt.NDArray[Any]:
        if self.oov_method == "floormod" and self.num_oov_indices:
            return np.array(tokens, "int64") % self.num_oov_indices
        return super()._buckets(tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocabulary_dtype": "int64"}
