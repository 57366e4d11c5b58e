"""Prefix beam search over the outputs of connectionist temporal classification."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_NEVER = -np.inf
_ROOT = 0  # the number of the empty prefix


def ctc_beams(
    log_p: npt.NDArray[np.floating],
    lengths: npt.NDArray[np.integer],
    width: int,
    top_paths: int,
    blank: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.floating]]:
    """The likeliest label sequences of each row (Graves 2012, "Supervised sequence labelling").

    Args:
        log_p: log-probabilities (N, T, C).
        lengths: how many steps count, (N,).
        width: how many prefixes are kept.
        top_paths: how many are given.
        blank: the class that says nothing.

    Returns:
        labels (top_paths, N, T), -1 after the last, and log-probabilities (N, top_paths).
    """
    rows, steps, _ = log_p.shape
    labels = np.full((top_paths, rows, steps), -1, "int32")
    scores = np.full((rows, top_paths), _NEVER, log_p.dtype)
    for row in range(rows):
        found = _search(log_p[row, : lengths[row]], width, blank)[:top_paths]
        for path, (said, score) in enumerate(found):
            labels[path, row, : len(said)] = said
            scores[row, path] = score
    return labels, scores


def _search(
    log_p: npt.NDArray[np.floating], width: int, blank: int
) -> list[tuple[list[int], float]]:
    """Prefixes are numbers: each with its parent's number and its last label."""
    parents, lasts = [-1], [-1]
    numbers: dict[tuple[int, int], int] = {}
    beam = np.array([_ROOT])
    # The log-probabilities of having said the prefix, with a blank or a label at the end.
    quiet, loud = np.zeros(1), np.full(1, _NEVER)
    for step in log_p.astype("float64"):
        last = np.array([lasts[p] for p in beam])
        total = np.logaddexp(quiet, loud)
        # A label said again at once is the same label, unless a blank came between.
        grown = total[:, None] + step
        named = np.flatnonzero(last >= 0)
        grown[named, last[named]] = quiet[named] + step[last[named]]
        grown[:, blank] = _NEVER
        stay_quiet = total + step[blank]
        stay_loud = np.where(last >= 0, loud + step[np.maximum(last, 0)], _NEVER)
        # Where a prefix grows into another one of the beam, they are one.
        places = {int(p): i for i, p in enumerate(beam)}
        for i, prefix in enumerate(beam):
            parent = places.get(parents[prefix])
            if parent is not None:
                stay_loud[i] = np.logaddexp(stay_loud[i], grown[parent, last[i]])
                grown[parent, last[i]] = _NEVER
        all_scores = np.concatenate([np.logaddexp(stay_quiet, stay_loud), grown.ravel()])
        best = np.argsort(-all_scores, kind="stable")[:width]
        best = best[all_scores[best] > _NEVER]
        kept, new_quiet, new_loud = [], [], []
        for at in best:
            if at < len(beam):
                kept.append(int(beam[at]))
                new_quiet.append(stay_quiet[at])
                new_loud.append(stay_loud[at])
                continue
            parent, label = divmod(int(at) - len(beam), len(step))
            key = (int(beam[parent]), label)
            if key not in numbers:
                numbers[key] = len(parents)
                parents.append(key[0])
                lasts.append(label)
            kept.append(numbers[key])
            new_quiet.append(_NEVER)
            new_loud.append(grown[parent, label])
        beam, quiet, loud = np.array(kept, int), np.array(new_quiet), np.array(new_loud)
    scores = np.logaddexp(quiet, loud)
    order = np.argsort(-scores, kind="stable")
    return [(_said(int(beam[i]), parents, lasts), float(scores[i])) for i in order]


def _said(prefix: int, parents: list[int], lasts: list[int]) -> list[int]:
    labels = []
    while prefix != _ROOT:
        labels.append(lasts[prefix])
        prefix = parents[prefix]
    return labels[::-1]
