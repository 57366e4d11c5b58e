"""Strings as people hold them (NumPy, lists, pandas), as a flat list of UTF-8 bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def is_text(value: Any) -> bool:
    """Whether a value is an array or pandas column of strings, or may hold some."""
    return getattr(getattr(value, "dtype", None), "kind", "") in ("U", "S", "O", "T")


def as_bytes(where: str, value: Any) -> tuple[list[bytes], Shape]:
    """The strings of a value in order, as UTF-8, and its shape.

    Args:
        where: names the layer in errors.
        value: a string, a list of them, an array of str, bytes or objects, or a pandas column.

    Raises:
        ValueError: something in it is not a string.
    """
    if isinstance(value, str | bytes):
        return encoded(where, [value]), ()
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if not isinstance(value, np.ndarray):
        if not isinstance(value, list | tuple):
            raise ValueError(
                f"{where}: expected strings, in a list, a NumPy array or a pandas column. "
                f"Received: {type(value).__name__}."
            )
        # Of objects: an array of `<U` would take the longest string's room for each.
        try:
            value = np.array(value, dtype=object)
        except ValueError as error:
            raise ValueError(f"{where}: the lists of strings differ in length: {error}") from None
    if not is_text(value) and value.size:
        raise ValueError(
            f"{where}: expected strings. Received: values of dtype {value.dtype}, "
            f"shape {value.shape}."
        )
    return encoded(where, value.reshape(-1).tolist()), value.shape


def encoded(where: str, texts: Iterable[Any]) -> list[bytes]:
    """Strings and bytes as UTF-8.

    Raises:
        ValueError: one of them is neither, or has no UTF-8 (a lone surrogate).
    """
    texts = list(texts)
    try:
        return [text.encode() for text in texts]
    except (AttributeError, UnicodeEncodeError):
        return [_one(where, place, text) for place, text in enumerate(texts)]


def _one(where: str, place: int, text: Any) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise ValueError(
            f"{where}: expected strings. Received: {text!r} of type {type(text).__name__} "
            f"at place {place}."
        )
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: the string at place {place} has no UTF-8: {error}") from None
