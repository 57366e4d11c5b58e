"""pad_sequences: lists of different lengths as one array (keras.preprocessing.sequence)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore import checks


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> npt.NDArray[Any]:
    """Fills sequences up, or cuts them, to one length (keras.utils.pad_sequences).

    Args:
        sequences: sequences of numbers, of rows of numbers, or of strings.
        maxlen: the length; the longest one's when None.
        dtype: of the array; `object` for strings.
        padding: fill `pre` (in front) or `post` (behind).
        truncating: cut `pre` (in front) or `post` (behind).
        value: what to fill with.

    Returns:
        (N, maxlen), or (N, maxlen, ...) where the items have axes of their own.

    Raises:
        ValueError: no sequences, items of different shapes, or an unknown side.

    Example:
        >>> pad_sequences([[1], [2, 3]]).tolist()
        [[0, 1], [2, 3]]
    """
    where = "pad_sequences"
    checks.one_of(where, "padding", padding, ("pre", "post"))
    checks.one_of(where, "truncating", truncating, ("pre", "post"))
    if not hasattr(sequences, "__len__"):
        raise ValueError(
            f"{where}: sequences must be a list of sequences. Received: {type(sequences).__name__}."
        )
    for place, item in enumerate(sequences):
        if not hasattr(item, "__len__"):
            raise ValueError(
                f"{where}: sequences must hold sequences. Received: {item!r} at place {place}."
            )
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in ("O", "U", "S"):
        raise ValueError(f"{where}: value {value!r} does not fit dtype {kind}; pass dtype=object.")
    longest = max((len(item) for item in sequences), default=0)
    length = longest if maxlen is None else checks.count(where, "maxlen", maxlen)
    first = next((item for item in sequences if len(item)), ())
    shape = np.asarray(first).shape[1:]
    out = np.full((len(sequences), length, *shape), value, dtype=kind)
    for place, item in enumerate(sequences):
        kept = item[max(0, len(item) - length) :] if truncating == "pre" else item[:length]
        row = np.asarray(kept, dtype=kind)
        if len(row) == 0:
            continue
        if row.shape[1:] != shape:
            raise ValueError(
                f"{where}: the items of all sequences must have one shape. Received: {shape}, "
                f"{row.shape[1:]} at place {place}."
            )
        start = length - len(row) if padding == "pre" else 0
        out[place, start : start + len(row)] = row
    return out
