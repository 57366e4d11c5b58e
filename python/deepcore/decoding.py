"""Decoding: the likeliest sequences of a model that gives the next token's logits."""

from __future__ import annotations

import math
import types
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import checks, config, ops, tree
from deepcore.transforms import Function

if TYPE_CHECKING:
    from deepcore import Tensor

__all__ = ["beam_search", "greedy_search"]

Step = Callable[[Any, Any], tuple[Any, Any]]


def beam_search(
    step: Step,
    state: Any,
    start: Any,
    end: int | None,
    beam_width: int = 4,
    max_length: int = 50,
    length_penalty: float = 0.6,
) -> tuple[Tensor, Tensor]:
    """The best sequences that a beam of hypotheses finds, for a whole batch at once.

    A sequence's score is its log probability over ((5 + length) / 6) ** length_penalty (Wu et al.
    2016), its length the number of its tokens, `end` included. Each round extends the live
    hypotheses by every token and keeps the `beam_width` best scores among those and the hypotheses
    that have ended; the search stops when all have. The whole search is one plan, traced once for
    each `step` and shapes. Equal scores go to the better beam of the round before, then to the
    smaller token, and a row's results are those it has alone.

    Args:
        step: (tokens, state) -> (logits, state): the last tokens, int32 (R,), and the state of R =
            N * beam_width hypotheses, to the logits of their next tokens (R, V) and the next state.
            What it hands on untouched, say an encoder's outputs, is never copied between beams.
        state: a nest of tensors (N, ...), the first state; None where there is none.
        start: the token before the first, for all rows or for each (N,).
        end: the token that ends a sequence; None when only `max_length` does.
        beam_width: how many hypotheses a row keeps.
        max_length: how many tokens a sequence may have; a longer one is cut off and kept.
        length_penalty: 0 ranks by log probability, which favors short sequences; 1 about by the
            mean per token.

    Returns:
        tokens: int32 (N, beam_width, max_length), best first, filled up with `end`.
        scores: (N, beam_width); -inf where there are fewer sequences than that.

    Raises:
        TypeError: `step` is not callable, or a token is not an integer.
        ValueError: arguments out of range, states of unlike sizes, or a step that gives logits or a
            state of the wrong shape, or logits that are NaN.

    Example:
        >>> table = np.log([[0.1, 0.6, 0.3], [0.2, 0.1, 0.7], [0.3, 0.3, 0.4]])
        >>> def step(tokens, state):  # a Markov chain
        ...     return ops.take(table, tokens, axis=0), state
        >>> tokens, scores = beam_search(step, None, start=0, end=2, beam_width=2, max_length=3)
        >>> tokens[0].tolist()
        [[1, 2, 2], [2, 2, 2]]
    """
    return _search("beam_search", step, state, start, end, beam_width, max_length, length_penalty)


def greedy_search(
    step: Step, state: Any, start: Any, end: int | None, max_length: int = 50
) -> tuple[Tensor, Tensor]:
    """The likeliest next token, again and again: a `beam_search` of one beam.

    Args:
        step: see `beam_search`, like all arguments.
        state: a nest of tensors (N, ...).
        start: the token before the first.
        end: the token that ends a sequence, or None.
        max_length: how many tokens a sequence may have.

    Returns:
        tokens: int32 (N, max_length), filled up with `end`.
        scores: (N,), their log probabilities.

    Raises:
        TypeError: as `beam_search`.
        ValueError: as `beam_search`.

    Example:
        >>> table = np.log([[0.1, 0.6, 0.3], [0.2, 0.1, 0.7], [0.3, 0.3, 0.4]])
        >>> def step(tokens, state):
        ...     return ops.take(table, tokens, axis=0), state
        >>> greedy_search(step, None, start=[0, 1], end=2, max_length=3)[0].tolist()
        [[1, 2, 2], [2, 2, 2]]
    """
    tokens, scores = _search("greedy_search", step, state, start, end, 1, max_length, 0.0)
    return tokens[:, 0], scores[:, 0]


def _search(
    where: str,
    step: Step,
    state: Any,
    start: Any,
    end: int | None,
    width: Any,
    longest: Any,
    penalty: float,
) -> tuple[Tensor, Tensor]:
    if not callable(step):
        raise TypeError(f"{where}: step must be callable. Received: {type(step).__name__}.")
    width = checks.positive_int(where, "beam_width", width)
    longest = checks.positive_int(where, "max_length", longest)
    end = None if end is None else checks.count(where, "end", end)
    penalty = _penalty(where, penalty)
    state = tree.map_structure(lambda s: None if s is None else ops.convert_to_tensor(s), state)
    first = _first_tokens(where, start, _rows(where, state))
    rows = len(first)
    beams = {
        "tokens": ops.full((rows, width, longest), 0 if end is None else end, "int32"),
        # One hypothesis at first, so that the beams differ from the first round on.
        "total": np.where(np.arange(width) == 0, np.zeros((rows, width)), -np.inf),
        "length": ops.zeros((rows, width), "int32"),
        "ended": ops.zeros((rows, width), "bool"),
        "last": ops.repeat(first, width, 0),
        "state": tree.map_structure(
            lambda s: None if s is None else ops.repeat(s, width, 0), state
        ),
    }
    beams["total"] = ops.cast(beams["total"], config.floatx())
    if rows:
        nothing = ops.zeros((), "bool")
        done, _, lost, beams = _planned(step)(
            (ops.zeros((), "int32"), nothing, nothing, beams), where, end, penalty
        )
        if lost:
            raise ValueError(
                f"{where}: step gave NaN or infinite logits for token {int(done) - 1}."
            )
    return beams["tokens"], _scores(beams["total"], beams["length"], penalty)


def _rounds(step: Step, first: Any, where: str, end: int | None, penalty: float) -> Any:
    """(rounds done, whether all have ended, whether logits were no numbers, beams) at the end."""
    longest = first[-1]["tokens"].shape[-1]

    def goes_on(position: Tensor, over: Tensor, lost: Tensor, beams: Any) -> Tensor:
        return ops.logical_and(
            ops.less(position, longest), ops.logical_not(ops.logical_or(over, lost))
        )

    def following(position: Tensor, over: Tensor, lost: Tensor, beams: Any) -> Any:
        beams, over, lost = _round(step, beams, position, where, end, penalty)
        return ops.add(position, 1), over, lost, beams

    return ops.while_loop(goes_on, following, first)


def _round(
    step: Step, beams: dict[str, Any], position: Tensor, where: str, end: int | None, penalty: float
) -> tuple[dict[str, Any], Tensor, Tensor]:
    """The next beams, whether all have ended, and whether logits were no numbers."""
    total, length, ended = beams["total"], beams["length"], beams["ended"]
    rows, width = total.shape
    logits, state = _checked(where, step, beams, end)
    count = min(width, logits.shape[-1])
    norm = ops.logsumexp(logits, -1, True)  # (R, 1)
    values, tokens = ops.top_k(logits, count)
    shape = (rows, width, count)
    tokens = ops.reshape(tokens, shape)
    # -inf less -inf: a hypothesis that nothing may follow.
    values = ops.where(ops.equal(norm, -np.inf), -np.inf, ops.subtract(values, norm))
    lost = ops.logical_or(ops.isnan(norm), ops.equal(norm, np.inf))
    lost = ops.logical_and(ops.reshape(lost, (rows, width)), ops.logical_not(ended))
    lost = ops.logical_and(lost, ops.greater(total, -np.inf))
    # One that has ended has one follower: itself.
    done = ops.expand_dims(ended, -1)
    itself = ops.where(ops.equal(ops.arange(count, dtype="int32"), 0), 0.0, -np.inf)
    values = ops.where(done, itself, ops.reshape(values, shape))
    totals = ops.add(ops.expand_dims(total, -1), ops.cast(values, total.dtype))
    lengths = ops.add(length, ops.cast(ops.logical_not(ended), "int32"))

    flat = (rows, width * count)
    scores = _scores(totals, ops.expand_dims(lengths, -1), penalty)
    _, best = ops.top_k(ops.reshape(scores, flat), width)
    beam = ops.floor_divide(best, count)
    chosen = ops.take_along_axis(ops.reshape(tokens, flat), best, 1)
    was = ops.take_along_axis(ended, beam, 1)
    if end is not None:
        chosen = ops.where(was, end, chosen)
        now = ops.logical_or(was, ops.equal(chosen, end))
    else:
        now = was
    row = ops.reshape(ops.arange(rows, dtype="int32"), (rows, 1))
    place = ops.reshape(ops.add(ops.multiply(row, width), beam), (rows * width,))
    history = ops.reshape(beams["tokens"], (rows * width, -1))
    history = ops.reshape(ops.take(history, place, 0), beams["tokens"].shape)
    here = ops.equal(ops.arange(history.shape[-1], dtype="int32"), position)
    following = {
        "tokens": ops.where(here, ops.expand_dims(chosen, -1), history),
        "total": ops.take_along_axis(ops.reshape(totals, flat), best, 1),
        "length": ops.take_along_axis(lengths, beam, 1),
        "ended": now,
        "last": ops.reshape(chosen, (rows * width,)),
        "state": tree.map_structure(
            lambda new, old: new if new is old else ops.take(new, place, 0), state, beams["state"]
        ),
    }
    return following, ops.all(now), ops.any(lost)


def _checked(where: str, step: Step, beams: dict[str, Any], end: int | None) -> tuple[Any, Any]:
    """What `step` gives, of the right shapes; logits in at least float32."""
    old, rows = beams["state"], beams["last"].shape[0]
    result = step(beams["last"], old)
    if not isinstance(result, list | tuple) or len(result) != 2:
        raise ValueError(
            f"{where}: step must give (logits, state). Received: {type(result).__name__}."
        )
    logits = ops.convert_to_tensor(result[0])
    if len(logits.shape) != 2 or logits.shape[0] != rows or not logits.shape[1]:
        raise ValueError(
            f"{where}: step must give logits of shape ({rows}, tokens) for {rows} hypotheses. "
            f"Received: logits.shape={tuple(logits.shape)}."
        )
    if end is not None and end >= logits.shape[1]:
        raise ValueError(
            f"{where}: end must be below the number of tokens. "
            f"Received: end={end}, logits.shape={tuple(logits.shape)}."
        )
    if tree.structure_of(result[1]) != tree.structure_of(old):
        raise ValueError(
            f"{where}: step must give a state with the structure of the one it takes. Received: "
            f"{tree.structure_of(result[1])}, expected: {tree.structure_of(old)}."
        )
    state = tree.map_structure(lambda s: None if s is None else ops.convert_to_tensor(s), result[1])
    kinds = [
        [None if s is None else (tuple(s.shape), s.dtype) for s in tree.flatten(nest)]
        for nest in (state, old)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"{where}: step must give a state with the shapes and dtypes of the one it takes. "
            f"Received: {kinds[0]}, expected: {kinds[1]}."
        )
    if logits.dtype not in ("float32", "float64"):
        logits = ops.cast(logits, "float32")
    return logits, state


def _scores(total: Any, length: Any, penalty: float) -> Tensor:
    if penalty == 0:
        return ops.convert_to_tensor(total)
    length = ops.cast(length, total.dtype)
    return ops.divide(total, ops.power(ops.divide(ops.add(length, 5.0), 6.0), penalty))


def _penalty(where: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(
            f"{where}: length_penalty must be a number not below 0. "
            f"Received: length_penalty={value!r}."
        )
    return number


def _rows(where: str, state: Any) -> int | None:
    """The batch size, None without a state."""
    shapes = [tuple(s.shape) for s in tree.flatten(state) if s is not None]
    if len({shape[:1] for shape in shapes}) > 1 or () in shapes:
        raise ValueError(
            f"{where}: the tensors of state must have as many rows. Received: shapes {shapes}."
        )
    return shapes[0][0] if shapes else None


def _first_tokens(where: str, start: Any, rows: int | None) -> np.ndarray[Any, Any]:
    tokens = np.asarray(start)
    if tokens.dtype.kind not in "iu" and tokens.size:
        raise TypeError(f"{where}: start must hold integers. Received: dtype {tokens.dtype}.")
    if tokens.ndim > 1 or (tokens.ndim == 1 and rows is not None and len(tokens) != rows):
        raise ValueError(
            f"{where}: start must be one token or one for each row of state. Received: "
            f"start.shape={tokens.shape}" + ("." if rows is None else f", {rows} rows.")
        )
    if tokens.ndim == 0:
        tokens = np.repeat(tokens, 1 if rows is None else rows)
    return tokens.astype(np.int32)


# The plans of each step function or method, for as long as its owner lives.
_PLANS: weakref.WeakKeyDictionary[Any, dict[Any, Function]] = weakref.WeakKeyDictionary()


def _planned(step: Any) -> Function:
    """The search with `step` as a planned function, which does not keep `step` alive."""
    is_method = isinstance(step, types.MethodType)
    owner, name = (step.__self__, step.__func__) if is_method else (step, None)
    try:
        found = _PLANS.setdefault(owner, {})
        held: Any = weakref.WeakMethod(step) if is_method else weakref.ref(step)
    except TypeError:  # not hashable, or without weak references
        return Function(lambda *args: _rounds(step, *args))
    if name not in found:
        found[name] = Function(lambda *args: _rounds(held(), *args))
    return found[name]
