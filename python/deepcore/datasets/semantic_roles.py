"""Semantic roles: who did what to whom, word by word, in the format of Universal PropBanks."""

from pathlib import Path
from typing import Any, NamedTuple

from deepcore.datasets.text_files import folder_of, read_lines

PARTS = ("en_ewt-up-dev.conllu", "en_ewt-up-test.conllu")
# Columns of CoNLL-U; behind them the predicate's frame, then the roles by predicate.
_COLUMNS = 10


class Proposition(NamedTuple):
    """A sentence as one of its predicates sees it.

    Attributes:
        words: the tokens.
        tags: their universal parts of speech.
        predicate: the place of the predicate.
        frame: its sense, as `give.01`.
        roles: of each token: `ARG0`, `ARGM-TMP`, ..., `V` for the predicate, `_` for none. A role
            stands at the head word of its phrase.
    """

    words: list[str]
    tags: list[str]
    predicate: int
    frame: str
    roles: list[str]


def load_data(path: Any = None) -> tuple[list[Proposition], list[Proposition]]:
    """The propositions for training and for testing.

    Args:
        path: the folder of `en_ewt-up-dev.conllu`, to train on, and `en_ewt-up-test.conllu`, to
            test on, plain or `.gz`. When None it is `$DEEPCORE_DATA/up-english-ewt`; without that,
            a sample of 36 invented sentences.

    Returns:
        Two lists, one proposition for each predicate of each sentence.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: a line is not in the format; the message says which.

    Source: A. Akbik et al., Universal Proposition Banks 1.0; format: CoNLL-U plus, columns 11 on.
    """
    folder = folder_of("up-english-ewt", path)
    train, test = (_propositions(folder, name) for name in PARTS)
    return train, test


def _propositions(folder: Path, name: str) -> list[Proposition]:
    found: list[Proposition] = []
    rows: list[list[str]] = []
    for number, line in enumerate([*read_lines(folder, name), ""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            row = line.split("\t")
            if row[0].isdigit():  # not a range of joined words, nor one that is only understood
                rows.append(row)
            continue
        if rows:
            try:
                found += _of_sentence(rows)
            except ValueError as error:
                raise ValueError(f"{folder / name}: line {number - 1}: {error}") from None
            rows = []
    if not found:
        raise ValueError(f"{folder / name} has no sentences with predicates.")
    return found


def _of_sentence(rows: list[list[str]]) -> list[Proposition]:
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1 or widths[0] <= _COLUMNS:
        raise ValueError(
            f"the sentence that ends here must have more than {_COLUMNS} columns, as many in each "
            f"line. It has {widths}."
        )
    predicates = [place for place, row in enumerate(rows) if row[_COLUMNS] not in ("_", "")]
    if predicates and len(predicates) != widths[0] - _COLUMNS - 1:
        raise ValueError(
            f"the sentence that ends here has {len(predicates)} predicates, but "
            f"{widths[0] - _COLUMNS - 1} columns of roles."
        )
    words, tags = [row[1] for row in rows], [row[3] for row in rows]
    return [
        Proposition(
            words, tags, place, rows[place][_COLUMNS], [row[_COLUMNS + 1 + i] for row in rows]
        )
        for i, place in enumerate(predicates)
    ]
