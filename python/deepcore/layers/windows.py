"""Output sizes of convolutions and pools."""

from __future__ import annotations

from deepcore.symbolic import Shape


def slid(
    where: str,
    input_shape: Shape,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    data_format: str,
    dilation: tuple[int, ...] | None = None,
    channels: int | None = None,
) -> Shape:
    """The shape after sliding a window over an input.

    Args:
        where: names the layer in errors.
        input_shape: (N, ..., C), or (N, C, ...) for `channels_first`.
        window: the window's sizes.
        strides: its steps.
        padding: `valid`, `same` or `causal`.
        data_format: see `input_shape`.
        dilation: the distances between its elements; 1 when None.
        channels: of the output; the input's when None.

    Raises:
        ValueError: the window is larger than the input.
    """
    last = data_format == "channels_last"
    sizes = input_shape[1:-1] if last else input_shape[2:]
    dilation = dilation or (1,) * len(window)
    spans = tuple(d * (w - 1) + 1 for w, d in zip(window, dilation, strict=True))
    out: list[int | None] = []
    for size, span, stride in zip(sizes, spans, strides, strict=True):
        if size is None:
            out.append(None)
        elif padding in ("same", "causal"):
            out.append(-(-size // stride))
        elif span > size:
            raise ValueError(
                f"{where}: the window {spans} is larger than the input {tuple(sizes)} "
                f"(input shape {tuple(input_shape)}), so the output would be empty. "
                "Use padding='same', a smaller window, or larger inputs."
            )
        else:
            out.append((size - span) // stride + 1)
    if channels is None:
        channels = input_shape[-1 if last else 1]
    return (input_shape[0], *out, channels) if last else (input_shape[0], channels, *out)
