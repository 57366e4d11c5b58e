"""Sums of products over named axes (keras.ops.einsum), by way of matrix products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deepcore import _core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepcore._core import Tensor, TensorLike

__all__ = ["einsum"]

# Labels of the axes that "..." stands for; no letters, so that they meet no other.
_ELLIPSIS = "0123456789"


def einsum(subscripts: str, *operands: TensorLike) -> Tensor:
    """The Einstein sum of tensors (keras.ops.einsum, numpy.einsum).

    Args:
        subscripts: a letter for each axis of each operand, commas between operands, and after `->`
            the axes of the result; without it, the letters that appear once, in alphabetical
            order. `...` stands for leading axes that broadcast.
        *operands: the tensors.

    Raises:
        ValueError: the subscripts do not fit the operands.

    Example:
        >>> einsum("ij,jk->ik", np.ones((2, 3)), np.ones((3, 4))).shape
        (2, 4)
    """
    tensors = [_core.as_tensor(x) for x in operands]
    labels, output = _parsed(subscripts, [tuple(t.shape) for t in tensors])
    terms = [_diagonals(t, at) for t, at in zip(tensors, labels, strict=True)]
    while len(terms) > 1:
        one, two, *rest = terms
        kept = set(output).union(*(at for _, at in rest))
        terms = [
            _product(_summed(*one, kept | set(two[1])), _summed(*two, kept | set(one[1])), kept),
            *rest,
        ]
    x, at = _summed(*terms[0], set(output))
    order = [at.index(label) for label in output]
    return x if order == list(range(len(order))) else _core.transpose(x, order)


def _parsed(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """The labels of each operand's axes, and of the result's."""

    def fail(why: str) -> ValueError:
        return ValueError(
            f"einsum: {why} Received: subscripts={subscripts!r} and operands of shapes "
            f"{', '.join(map(str, shapes))}."
        )

    text = subscripts.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    parts = inputs.split(",")
    if len(parts) != len(shapes):
        raise fail(f"the subscripts describe {len(parts)} operands.")
    for part in (*parts, output):
        letters = part.replace("...", "", 1)
        if letters and not (letters.isascii() and letters.isalpha()):
            raise fail("axes are letters, and '...' at most once an operand.")
    labels, widest, sizes = [], 0, dict[str, int]()
    for part, shape in zip(parts, shapes, strict=True):
        hidden = len(shape) - len(part.replace("...", ""))
        if hidden < 0 or (hidden > 0 and "..." not in part):
            raise fail(f"{part!r} does not fit an operand of {len(shape)} axes.")
        if hidden > len(_ELLIPSIS):
            raise fail("'...' stands for too many axes.")
        widest = max(widest, hidden)
        named = part.replace("...", _ELLIPSIS[len(_ELLIPSIS) - hidden :])
        for label, size in zip(named, shape, strict=True):
            known = sizes.setdefault(label, size)
            if label in _ELLIPSIS and 1 in (known, size):
                sizes[label] = max(known, size)
            elif known != size:
                raise fail(f"axis {label!r} has sizes {known} and {size}.")
        labels.append(named)
    dots = _ELLIPSIS[len(_ELLIPSIS) - widest :]
    if not arrow:
        once = sorted(c for c in set(inputs) if c.isalpha() and inputs.count(c) == 1)
        output = ("..." if widest else "") + "".join(once)
    output = output.replace("...", dots)
    if len(set(output)) != len(output):
        raise fail("the result names an axis twice.")
    for label in output:
        if label not in sizes:
            raise fail(f"the result's axis {label!r} is in no operand.")
    if widest and not set(dots) <= set(output):
        raise fail("the axes of '...' must be in the result.")
    return labels, output


def _diagonals(x: Tensor, labels: str) -> tuple[Tensor, str]:
    """Axes of the same label as one."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i, j = labels.index(label), labels.rindex(label)
            others = [a for a in range(len(labels)) if a not in (i, j)]
            size = x.shape[i]
            x = _core.transpose(x, [*others, i, j])
            x = _core.reshape(x, (*x.shape[:-2], size * size))[..., :: size + 1]
            labels = "".join(labels[a] for a in others) + label
    return x, labels


def _summed(x: Tensor, labels: str, kept: set[str]) -> tuple[Tensor, str]:
    """Without the axes that nobody needs."""
    gone = [i for i, label in enumerate(labels) if label not in kept]
    if not gone:
        return x, labels
    return _core.sum(x, gone), "".join(label for label in labels if label in kept)


def _product(
    one: tuple[Tensor, str], two: tuple[Tensor, str], kept: set[str]
) -> tuple[Tensor, str]:
    """The product of two, summed over what they share and nobody else needs."""
    (x, a), (y, b) = one, two
    shared = [label for label in a if label in b]
    inner = [label for label in shared if label not in kept]
    batch = [label for label in shared if label in kept]
    rows = [label for label in a if label not in shared]
    columns = [label for label in b if label not in shared]
    result = "".join([*batch, *rows, *columns])
    if not inner:
        left = _core.reshape(
            _ordered(x, a, [*batch, *rows]), [*_sizes(x, a, [*batch, *rows]), *[1] * len(columns)]
        )
        right = _core.reshape(
            _ordered(y, b, [*batch, *columns]),
            [*_sizes(y, b, batch), *[1] * len(rows), *_sizes(y, b, columns)],
        )
        return _core.multiply(left, right), result
    m, k, n = (
        math.prod(_sizes(x, a, rows)),
        math.prod(_sizes(x, a, inner)),
        math.prod(_sizes(y, b, columns)),
    )
    left = _core.reshape(_ordered(x, a, [*batch, *rows, *inner]), [*_sizes(x, a, batch), m, k])
    right = _core.reshape(_ordered(y, b, [*batch, *inner, *columns]), [*_sizes(y, b, batch), k, n])
    z = _core.matmul(left, right)
    shape = [*z.shape[: len(batch)], *_sizes(x, a, rows), *_sizes(y, b, columns)]
    return _core.reshape(z, shape), result


def _ordered(x: Tensor, labels: str, order: list[str]) -> Tensor:
    perm = [labels.index(label) for label in order]
    return x if perm == list(range(len(perm))) else _core.transpose(x, perm)


def _sizes(x: Tensor, labels: str, wanted: list[str]) -> list[int]:
    return [x.shape[labels.index(label)] for label in wanted]
