"""Linear-chain conditional random fields (Lafferty, McCallum & Pereira 2001); not in Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepcore import _core

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["crf_log_likelihood", "crf_marginals", "viterbi_decode"]


def crf_log_likelihood(
    potentials: TensorLike,
    tags: TensorLike,
    transitions: TensorLike,
    start: TensorLike | None = None,
    end: TensorLike | None = None,
    mask: TensorLike | None = None,
) -> Tensor:
    """The logarithm of the probability of tag sequences, (N,); 0 for one without steps.

    The score of a sequence is the sum of the potentials of its tags, of the transitions between
    neighbours, and of its start and end; its probability is exp(score) over the sum of all
    sequences'.

    Args:
        potentials: (N, T, K), the score of each of K tags at each step.
        tags: (N, T), integers of [0, K); those of masked steps do not matter.
        transitions: (K, K), the score of tag j after tag i at [i, j].
        start: (K,), the score of the first tag; 0 when None.
        end: (K,), the score of the last tag; 0 when None.
        mask: (N, T), True where a step counts; the others are left out of the chain.

    Raises:
        ValueError: shapes that do not fit, or a tag outside of the range.

    Example:
        >>> crf_log_likelihood(np.zeros((1, 2, 3)), [[0, 1]], np.zeros((3, 3))) + np.log(9.0)
        tensor([0.], dtype=float32)
    """
    potentials, start, end = _ends(potentials, start, end)
    loss = _core.crf_loss(potentials, transitions, start, end, tags, mask)
    return _core.negative(loss)


def crf_marginals(
    potentials: TensorLike,
    transitions: TensorLike,
    start: TensorLike | None = None,
    end: TensorLike | None = None,
    mask: TensorLike | None = None,
) -> Tensor:
    """The probability of each tag at each step, (N, T, K); 0 at masked steps.

    Args:
        potentials: see `crf_log_likelihood`, as for the others.
        transitions: (K, K).
        start: (K,).
        end: (K,).
        mask: (N, T).
    """
    potentials, start, end = _ends(potentials, start, end)
    return _core.crf_marginals(potentials, transitions, start, end, mask)


def viterbi_decode(
    potentials: TensorLike,
    transitions: TensorLike,
    start: TensorLike | None = None,
    end: TensorLike | None = None,
    mask: TensorLike | None = None,
) -> tuple[Tensor, Tensor]:
    """The likeliest tag sequences (Viterbi 1967): int32 tags (N, T), 0 at masked steps, and scores.

    Potentials, transitions, starts and ends of -inf are never taken while there is another way.

    Args:
        potentials: see `crf_log_likelihood`, as for the others.
        transitions: (K, K).
        start: (K,).
        end: (K,).
        mask: (N, T).
    """
    potentials, start, end = _ends(potentials, start, end)
    tags, score = _core.viterbi(potentials, transitions, start, end, mask)
    return tags, score


def _ends(
    potentials: TensorLike, start: TensorLike | None, end: TensorLike | None
) -> tuple[Tensor, TensorLike, TensorLike]:
    scores = _core.as_tensor(potentials)
    none = _core.full(tuple(scores.shape[-1:]), 0.0, "float32")
    return scores, none if start is None else start, none if end is None else end
