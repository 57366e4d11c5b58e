"""StringLookup: strings to numbers and back (keras.layers.StringLookup)."""

from __future__ import annotations

from typing import Any

from deepcore.layers.preprocessing.index_lookup import IndexLookup
from deepcore.layers.preprocessing.strings import as_bytes, encoded
from deepcore.layers.preprocessing.vocabulary import read_file
from deepcore.serialization import builtin


@builtin("keras.layers")
class StringLookup(IndexLookup):
    """Numbers for strings, from a vocabulary that is given or learned by `adapt`.

    Args:
        max_tokens: the most tokens of the vocabulary, special ones included.
        num_oov_indices: numbers for unknown strings; with several, a hash picks one; with none,
            unknown strings are an error.
        mask_token: the string that gets number 0; none when None.
        oov_token: what an inverted layer gives for unknown numbers.
        vocabulary: the tokens, or the path of a text file with one a line.
        idf_weights: of the tokens, for `tf_idf`.
        invert: take numbers and give strings.
        output_mode: `int` a number for each string; `one_hot` a row for each; `multi_hot`, `count`
            and `tf_idf` a row for each sample (the strings along axis 1).
        pad_to_max_tokens: rows are `max_tokens` wide, however few tokens there are.
        sparse: kept for compatibility; must be False.
        encoding: of the tokens.
        name: of the layer.
        salt: an integer, or two: hash unknown strings by SipHash under this key.

    Raises:
        ValueError: arguments that do not go together.

    Example:
        >>> StringLookup(vocabulary=["a", "b"])([["b", "z"]]).tolist()
        [[2, 0]]
    """

    _kind = str

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str | None = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        self.encoding = encoding
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
            salt=salt,
            name=name,
            **kwargs,
        )

    def _token(self, value: Any) -> bytes:
        return encoded(type(self).__name__, [value])[0]

    def _shown(self, token: Any) -> str:
        return str(token.decode(self.encoding, "surrogateescape"))

    def _tokens_in(self, values: Any) -> tuple[list[Any], tuple[int, ...]]:
        return as_bytes(type(self).__name__, values)

    def _lines(self, path: str) -> list[Any]:
        return read_file(type(self).__name__, path)

    def _hashable(self, token: Any) -> bytes:
        return bytes(token)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoding": self.encoding}
