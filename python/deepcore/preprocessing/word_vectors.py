"""load_word_vectors: pretrained vectors of words, in the formats of GloVe and word2vec."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from deepcore import checks

Vector = npt.NDArray[np.float32]

# Longer lines, words and vectors than any file has: what claims more is damaged, or an attack.
MAX_LINE = 1 << 20
MAX_WORD = 1 << 12
MAX_DIM = 1 << 16


def load_word_vectors(
    path: Any,
    vocabulary: Sequence[str] | Mapping[str, int],
    dim: int | None = None,
    binary: bool | None = None,
    initializer: Any = None,
) -> Vector:
    """The vectors of a vocabulary's words, for `Embedding(weights=[...])`.

    The file is read once, a vector at a time; memory holds those of the vocabulary alone.

    Args:
        path: a text file with lines `word v1 v2 ...`, with a first line `count dim` (word2vec) or
            without (GloVe); or word2vec's binary format. It may be compressed by gzip.
        vocabulary: words by row, as `TextVectorization.get_vocabulary()` gives them; or rows by
            word.
        dim: what the size of the vectors must be; as in the file when None.
        binary: whether it is the binary format; judged by the name and the content when None.
        initializer: makes the rows of words that the file lacks, but that of `""`, the padding;
            zeros when None.

    Returns:
        float32 (rows, dim).

    Raises:
        OSError: the file cannot be read.
        ValueError: it is in no such format, is cut off or damaged, or has vectors of another size.

    Source: J. Pennington et al., "GloVe", 2014; T. Mikolov et al., "word2vec", 2013.

    Example:
        >>> layer.adapt(texts)
        >>> vectors = load_word_vectors("glove.6B.100d.txt", layer.get_vocabulary())
        >>> Embedding(*vectors.shape, weights=[vectors], mask_zero=True)
    """
    if dim is not None:
        dim = checks.positive_int("load_word_vectors", "dim", dim)
    if isinstance(vocabulary, Mapping):
        rows = {word.encode(): int(row) for word, row in vocabulary.items()}
    else:
        rows = {}
        for place, word in enumerate(vocabulary):
            rows.setdefault(word.encode(), place)
    count = max(rows.values(), default=-1) + 1
    if not rows or min(rows.values()) < 0:
        raise ValueError("load_word_vectors: vocabulary must hold words, at rows from 0 on.")
    file = Path(os.fspath(path))
    matrix: Vector | None = None
    found = set()
    with _opened(file) as stream:
        try:
            for row, vector in _Reader(stream, file, rows, dim, binary):
                if matrix is None:  # not before the file has shown that it holds such vectors
                    matrix = np.zeros((count, len(vector)), "float32")
                if row is not None and row not in found:
                    found.add(row)
                    matrix[row] = vector
        except (EOFError, gzip.BadGzipFile) as error:
            raise ValueError(f"{file} is damaged or cut off ({error}).") from error
    assert matrix is not None
    if initializer is not None:
        _fill(matrix, found | {rows.get(b"", -1)}, initializer)
    return matrix


def _fill(matrix: Vector, done: set[int], initializer: Any) -> None:
    from deepcore import initializers

    lacking = [row for row in range(len(matrix)) if row not in done]
    if lacking:
        made = initializers.get(initializer)((len(lacking), matrix.shape[1]), dtype="float32")
        matrix[lacking] = np.asarray(made)


def _opened(path: Path) -> IO[bytes]:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else open(path, "rb")  # type: ignore[return-value]


class _Reader:
    """Iterates over (row or None, vector) of a file; words of no row come with an old vector."""

    def __init__(
        self,
        stream: IO[bytes],
        path: Path,
        rows: dict[bytes, int],
        dim: int | None,
        binary: bool | None,
    ) -> None:
        self._stream = stream
        self._path = path
        self._rows = rows
        self._dim = dim
        self._binary = binary

    def __iter__(self) -> Iterator[tuple[int | None, Vector]]:
        first = self._line()
        if not first:
            raise self._wrong("it is empty")
        header = _header(first, self._dim)
        if header is None:
            if self._binary:
                raise self._wrong("it does not begin with the number and the size of its vectors")
            yield from self._text(first, None)
            return
        count, width = header
        if not 0 < width <= MAX_DIM or count < 1:
            raise self._wrong(f"its first line tells of {count} vectors of size {width}")
        if self._dim not in (None, width):
            raise self._wrong(f"its vectors have size {width}, not dim={self._dim}")
        self._dim = width
        binary = self._binary
        if binary is None:
            binary = ".bin" in self._path.suffixes
        yield from self._in_binary(count) if binary else self._text(self._line(), count)

    def _text(self, line: bytes, count: int | None) -> Iterator[tuple[int | None, Vector]]:
        number = 0
        old: Vector | None = None
        while line:
            parts = line.strip(b"\r\n").rstrip(b" \t").replace(b"\t", b" ")
            if parts:
                number += 1
                if self._dim is None:
                    self._dim = parts.count(b" ")
                row, old = self._parsed(parts, number, old)
                yield row, old
            line = self._line()
        if count is not None and number != count:
            raise self._wrong(f"its first line tells of {count} vectors, but it has {number}")
        if old is None:
            raise self._wrong("it has no vectors")

    def _parsed(self, line: bytes, number: int, old: Vector | None) -> tuple[int | None, Vector]:
        assert self._dim is not None
        spaces = line.count(b" ")
        if spaces < self._dim or not 0 < self._dim <= MAX_DIM:
            raise self._wrong(f"vector {number} has {spaces} numbers, expected {self._dim or 1}")
        # A few words of GloVe have spaces of their own.
        word = line.split(b" ", 1)[0] if spaces == self._dim else line.rsplit(b" ", self._dim)[0]
        row = self._rows.get(word)
        if row is None and old is not None:
            return None, old
        try:
            vector = np.array(line.rsplit(b" ", self._dim)[1:], dtype="S").astype("float32")
        except ValueError as error:
            raise self._wrong(f"vector {number} is not made of numbers: {error}") from None
        return row, self._finite(vector, number)

    def _in_binary(self, count: int) -> Iterator[tuple[int | None, Vector]]:
        assert self._dim is not None
        size = 4 * self._dim
        for number in range(1, count + 1):
            word = self._word(number)
            data = self._stream.read(size)
            if len(data) != size:
                raise self._wrong(f"it ends within vector {number} of {count}")
            vector = np.frombuffer(data, "<f4")
            row = self._rows.get(word)
            yield row, vector if row is None else self._finite(vector, number)
        if self._stream.read(2).strip():
            raise self._wrong(f"it goes on behind its {count} vectors")

    def _word(self, number: int) -> bytes:
        word = bytearray()
        while (byte := self._stream.read(1)) != b" ":
            if not byte:
                raise self._wrong(f"it ends before vector {number}")
            if len(word) >= MAX_WORD:
                raise self._wrong(f"the word of vector {number} does not end")
            if byte != b"\n" or word:
                word += byte
        return bytes(word)

    def _line(self) -> bytes:
        line = self._stream.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise self._wrong(f"it has lines of more than {MAX_LINE} bytes")
        return line

    def _finite(self, vector: Vector, number: int) -> Vector:
        if not np.isfinite(vector).all():
            raise self._wrong(f"vector {number} is not finite")
        return vector

    def _wrong(self, why: str) -> ValueError:
        return ValueError(f"{self._path} is not a file of word vectors, or is damaged: {why}.")


def _header(line: bytes, dim: int | None) -> tuple[int, int] | None:
    """(count, dim) of a first line that is just these."""
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() and len(part) < 16 for part in parts):
        return None
    return None if dim == 1 and int(parts[1]) != 1 else (int(parts[0]), int(parts[1]))
