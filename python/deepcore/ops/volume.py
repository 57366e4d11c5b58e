"""Convolution over three axes, made of those over two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepcore import _core

if TYPE_CHECKING:
    from deepcore._core import Tensor

Triple = tuple[int, int, int]


def conv3d(
    x: Tensor, kernel: Tensor, strides: Triple, padding: str, dilation: Triple, groups: int
) -> Tensor:
    """The sum over the kernel's depth of planes convolved: each depth of the output is an image.

    Args:
        x: (N, D, H, W, C).
        kernel: (KD, KH, KW, C / groups, O).
        strides: by axis.
        padding: `valid` or `same`.
        dilation: by axis.
        groups: the channels are split into so many.

    Returns:
        (N, OD, OH, OW, O).

    Raises:
        ValueError: the kernel is deeper than the input.
    """
    taps, step, apart = kernel.shape[0], strides[0], dilation[0]
    span, depth = (taps - 1) * apart + 1, x.shape[1]
    if padding == "same":
        out = -(-depth // step)
        lacking = max((out - 1) * step + span - depth, 0)
        none = (0, 0)
        x = _core.pad(x, [none, (lacking // 2, lacking - lacking // 2), none, none, none])
    elif span > depth:
        raise ValueError(
            f"conv: the kernel spans a depth of {span}, the input has {depth}. "
            f"Received: inputs.shape={tuple(x.shape)}, kernel.shape={tuple(kernel.shape)}."
        )
    else:
        out = (depth - span) // step + 1
    found: Tensor | None = None
    for tap in range(taps):
        first = tap * apart
        planes = x[:, first : first + (out - 1) * step + 1 : step]
        images = _core.reshape(planes, (x.shape[0] * out, *x.shape[2:]))
        y = _core.conv2d(images, kernel[tap], strides[1:], dilation[1:], padding, groups)
        found = y if found is None else _core.add(found, y)
    assert found is not None
    return _core.reshape(found, (x.shape[0], out, *found.shape[1:]))
