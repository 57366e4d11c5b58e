"""Texts to tokens: standardizing, splitting and n-grams, on UTF-8 bytes as TensorFlow does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepcore.layers.preprocessing.strings import as_bytes, encoded

STANDARDIZE = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
SPLIT = ("whitespace", "character")
_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
# Letters beyond ASCII keep their case: TensorFlow lowers bytes.
_LOWER = bytes(range(256)).lower()


def standardized(where: str, how: str | Callable[..., Any] | None, texts: list[bytes]) -> Any:
    """Texts as `standardize` says.

    A callable gets a NumPy array of str and gives one of the same shape.

    Raises:
        ValueError: a callable gave something else.
    """
    if how is None:
        return texts
    if callable(how):
        given = np.array([text.decode("utf-8", "replace") for text in texts], dtype=np.str_)
        found, shape = as_bytes(f"{where}: standardize", how(given))
        if shape != given.shape:
            raise ValueError(
                f"{where}: standardize must keep the shape {given.shape}. It gave {shape}."
            )
        return found
    table = None if how == "strip_punctuation" else _LOWER
    delete = b"" if how == "lower" else _PUNCTUATION
    return [text.translate(table, delete) for text in texts]


def split(where: str, how: str | Callable[..., Any], texts: list[bytes]) -> list[list[bytes]]:
    """The tokens of each text.

    A callable gets a NumPy array of str and gives a sequence of tokens for each.

    Raises:
        ValueError: a callable gave something else.
    """
    if how == "whitespace":
        return [text.split() for text in texts]
    if how == "character":
        return [[c.encode() for c in text.decode("utf-8", "replace")] for text in texts]
    assert callable(how)
    rows = how(np.array([text.decode("utf-8", "replace") for text in texts], dtype=np.str_))
    if not hasattr(rows, "__len__") or len(rows) != len(texts):
        raise ValueError(
            f"{where}: split must give a list of tokens for each of the {len(texts)} texts. "
            f"It gave {type(rows).__name__}."
        )
    return [encoded(f"{where}: split", _sequence(where, row)) for row in rows]


def _sequence(where: str, row: Any) -> Sequence[Any]:
    if isinstance(row, str | bytes) or not hasattr(row, "__iter__"):
        raise ValueError(
            f"{where}: split must give a list of tokens for each text. It gave {row!r} for one."
        )
    return list(row)


def ngrams(rows: list[list[bytes]], sizes: Sequence[int]) -> list[list[bytes]]:
    """All runs of so many tokens, joined by spaces: those of the first size, of the next, ..."""
    return [
        [
            b" ".join(row[i : i + size]) if size > 1 else row[i]
            for size in sizes
            for i in range(len(row) - size + 1)
        ]
        for row in rows
    ]
