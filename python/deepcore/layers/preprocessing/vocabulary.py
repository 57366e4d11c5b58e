"""Vocabularies: learning one from documents, and files with a token a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import ops

FILE = "vocabulary.txt"
# Beside it only if a token has a line break of its own, which lines cannot hold.
EXACT_FILE = "vocabulary.json"
# Numbers of tokens that are not in the vocabulary, and of those to be left out of rows.
MISSING, DROPPED = -1, -2
_PART = 4096


class Vocabulary:
    """Tokens and their numbers.

    Args:
        tokens: without the special ones.
        start: the number of the first.
        special: numbers of special tokens.
        idf: weights by number, for `tf_idf`.
    """

    def __init__(
        self,
        tokens: list[Any],
        start: int,
        special: dict[Any, int],
        idf: npt.NDArray[Any] | None = None,
    ) -> None:
        self.tokens = tokens
        self.idf = idf
        self._numbers = {token: start + i for i, token in enumerate(tokens)} | special

    def numbers(self, tokens: list[Any], unknown: int) -> npt.NDArray[np.int64]:
        """The numbers of tokens, `unknown` for those that are not in."""
        get = self._numbers.get
        return np.fromiter((get(token, unknown) for token in tokens), np.int64, len(tokens))


class Learner:
    """Counts of tokens, and of the documents that have them."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._tokens: Counter[Any] = Counter()
        self._documents: Counter[Any] = Counter()
        self._count = 0

    def count(self, documents: Iterable[list[Any]], by_document: bool) -> None:
        """Counts the tokens of documents.

        Args:
            documents: lists of tokens.
            by_document: also in how many documents each is.
        """
        for document in documents:
            self._tokens.update(document)
            if by_document:
                self._documents.update(set(document))
                self._count += 1

    def most_common(self, without: set[Any], most: int | None) -> list[Any]:
        """The tokens by falling count, equally frequent ones by falling order, as Keras sorts."""
        pairs = [(n, token) for token, n in self._tokens.items() if token not in without]
        return [token for _, token in sorted(pairs, reverse=True)[:most]]

    def idf(self, tokens: list[Any]) -> npt.NDArray[np.float64]:
        """log(1 + documents / (1 + documents with the token)), by token."""
        having = np.array([self._documents[token] for token in tokens], "float64")
        return np.log(1 + self._count / (1 + having))


def batches(data: Any, steps: int | None) -> Iterator[Any]:
    """What `adapt` takes: one array or list, a row a document, or an iterable of batches."""
    one = isinstance(data, list | tuple | np.ndarray | str | bytes) or ops.is_tensor(data)
    if one or hasattr(data, "to_numpy"):
        array = data.to_numpy() if hasattr(data, "to_numpy") else data
        if not isinstance(array, np.ndarray):
            array = np.array(array, dtype=object) if not ops.is_tensor(data) else np.asarray(data)
        if array.ndim == 1:
            array = array[:, None]
        # By parts, so that the tokens of all documents need not be held at once.
        parts = range(0, len(array), _PART) if array.ndim else ()
        yield from (array[i : i + _PART] for i in parts) if array.ndim else (array,)
        return
    for index, batch in enumerate(data):
        if steps is not None and index >= steps:
            return
        yield batch


def read_file(where: str, path: str) -> list[bytes]:
    """The lines of a vocabulary file.

    Raises:
        ValueError: there is no such file.
    """
    if not Path(path).is_file():
        raise ValueError(f"{where}: the vocabulary file {path} does not exist.")
    return Path(path).read_bytes().splitlines()


def write_assets(folder: Any, tokens: list[Any]) -> None:
    """Writes a vocabulary, special tokens included, into a folder of a model file."""
    words = [str(token) for token in tokens]
    Path(folder, FILE).write_bytes("\n".join(words).encode("utf-8", "surrogateescape"))
    if any(len(word.splitlines()) > 1 or word.endswith(("\n", "\r")) for word in words):
        Path(folder, EXACT_FILE).write_text(json.dumps(words), encoding="utf-8")


def read_assets(folder: Any, kind: type) -> list[Any]:
    """Reads what `write_assets`, here or in Keras, wrote.

    Args:
        folder: in an unpacked model file.
        kind: of a token, `str` or `int`.

    Raises:
        ValueError: the file does not hold a vocabulary.
    """
    exact = Path(folder, EXACT_FILE)
    try:
        if exact.is_file():
            words = json.loads(exact.read_text(encoding="utf-8"))
            if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
                raise ValueError("not a list of strings")
        else:
            text = Path(folder, FILE).read_bytes().decode("utf-8", "surrogateescape")
            words = text.splitlines()
            while words and words[-1] == "":
                words.pop()
        return [kind(word) for word in words]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The file's vocabulary is damaged ({error}).") from None
