"""Connectionist temporal classification (Graves et al. 2006; keras.ops.ctc_loss, ctc_decode)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepcore import _core, checks, config
from deepcore.ops.beams import ctc_beams

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["ctc_decode", "ctc_loss"]

_STRATEGIES = ("greedy", "beam_search")


def ctc_loss(
    target: TensorLike,
    output: TensorLike,
    target_length: TensorLike,
    output_length: TensorLike,
    mask_index: int = 0,
) -> Tensor:
    """-log p(target): summed over all alignments of labels with steps, (N,) (keras.ops.ctc_loss).

    Args:
        target: (N, L), the labels, integers.
        output: (N, T, C), logits.
        target_length: (N,), how many labels count.
        output_length: (N,), how many steps count.
        mask_index: the class that says nothing, the blank.

    Returns:
        The losses; inf, with a gradient of 0, where a sequence is too short for its labels (Keras
        gives about 1e5 there).

    Raises:
        ValueError: shapes that do not fit, lengths beyond them, or labels that are no class.
    """
    output = _core.as_tensor(output)
    if not config.is_float_dtype(output.dtype):
        output = _core.cast(output, config.floatx())
    target = _core.as_tensor(target)
    if len(output.shape) == 3 and len(target.shape) == 2:
        _check_lengths("ctc_loss", "target_length", target_length, target.shape[1])
        _check_lengths("ctc_loss", "output_length", output_length, output.shape[1])
    if "int" not in target.dtype:
        target = _core.cast(target, "int32")
    log_probabilities = _core.log_softmax(output, -1)
    return _core.ctc_loss(log_probabilities, target, target_length, output_length, mask_index)


def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: TensorLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Labels from logits (keras.ops.ctc_decode).

    Args:
        inputs: (N, T, C), logits.
        sequence_lengths: (N,), how many steps count.
        strategy: `"greedy"`, the likeliest class at each step, or `"beam_search"`, the likeliest
            labels among those that a beam keeps.
        beam_width: how many prefixes the beam keeps.
        top_paths: how many results the beam gives.
        merge_repeated: whether a class that comes twice in a row is said once (greedy).
        mask_index: the class that says nothing.

    Returns:
        int32 labels (1 or top_paths, N, T), -1 after the last one; and for greedy the negative sum
        of the chosen logits, (N, 1), for beams the log-probabilities, (N, top_paths).

    Raises:
        ValueError: an unknown strategy, or arguments that do not fit.
        NotImplementedError: a beam inside a traced function: how it grows depends on the values.
    """
    checks.one_of("ctc_decode", "strategy", strategy, _STRATEGIES)
    logits = _core.as_tensor(inputs)
    if len(logits.shape) != 3:
        raise ValueError(
            "ctc_decode: expected logits (batch, steps, classes). "
            f"Received: shape {tuple(logits.shape)}."
        )
    if not 0 <= mask_index < logits.shape[2]:
        raise ValueError(
            f"ctc_decode: mask_index must be one of the {logits.shape[2]} classes. "
            f"Received: {mask_index=}."
        )
    _check_lengths("ctc_decode", "sequence_lengths", sequence_lengths, logits.shape[1])
    if strategy == "greedy":
        return _greedy(logits, _core.as_tensor(sequence_lengths), merge_repeated, mask_index)
    width = checks.positive_int("ctc_decode", "beam_width", beam_width)
    paths = checks.positive_int("ctc_decode", "top_paths", top_paths)
    if paths > width:
        raise ValueError(
            "ctc_decode: top_paths must not pass beam_width. "
            f"Received: {top_paths=}, {beam_width=}."
        )
    lengths = _core.as_tensor(sequence_lengths)
    if logits.is_symbolic or lengths.is_symbolic:
        raise NotImplementedError(
            "ctc_decode: a beam search depends on the values, which cannot be traced. Decode the "
            "result of `predict`, or use strategy='greedy'."
        )
    log_p = _core.log_softmax(logits, -1).numpy()
    labels, scores = ctc_beams(log_p, lengths.numpy(), width, paths, mask_index)
    return _core.as_tensor(labels), _core.as_tensor(scores)


def _greedy(
    logits: Tensor, lengths: Tensor, merge_repeated: bool, blank: int
) -> tuple[Tensor, Tensor]:
    n, steps, _ = logits.shape
    step = _core.as_tensor(np.arange(steps, dtype="int32"))
    over = _core.greater_equal(step, _core.expand_dims(_core.cast(lengths, "int32"), -1))
    said = _core.where(over, blank, _core.argmax(logits, -1, False))
    scores = _core.where(over, 0.0, _core.max(logits, -1, False))
    silent = _core.equal(said, blank)
    if merge_repeated and steps > 1:
        again = _core.equal(said[:, 1:], said[:, :-1])
        first = _core.full((n, 1), 0.0, "bool")
        silent = _core.logical_or(silent, _core.concatenate([first, again], 1))
    said = _core.where(silent, -1, said)
    # Labels first, in their order: step t goes to the place that counts what goes before it.
    rank = _core.where(silent, step + steps, step)
    before = _core.less(_core.expand_dims(rank, 1), _core.expand_dims(rank, 2))
    place = _core.sum(_core.cast(before, "int32"), 2)
    goes = _core.equal(_core.expand_dims(place, 1), _core.expand_dims(step, 1))  # (N, to, from)
    labels = _core.sum(_core.where(goes, _core.expand_dims(said, 1), 0), 2)
    total = _core.negative(_core.sum(scores, 1, True))
    return _core.expand_dims(_core.cast(labels, "int32"), 0), total


def _check_lengths(where: str, argument: str, lengths: Any, most: int) -> None:
    tensor = _core.as_tensor(lengths)
    if tensor.is_symbolic:
        return
    values: npt.NDArray[Any] = tensor.numpy()
    if values.size and (values.min() < 0 or values.max() > most):
        bad = values[(values < 0) | (values > most)].flat[0]
        raise ValueError(
            f"{where}: {argument} must be between 0 and {most}. Received: a length of {bad}."
        )
