"""Recurrent networks over whole sequences, each as one fused op; Keras has them in its backends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepcore import _core

if TYPE_CHECKING:
    from deepcore._core import Tensor, TensorLike

__all__ = ["gru", "lstm", "simple_rnn"]


def simple_rnn(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None,
    state: TensorLike,
    mask: TensorLike | None = None,
    activation: str = "tanh",
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """h[t] = activation(x[t] kernel + h[t-1] recurrent_kernel + bias) (Elman 1990).

    Args:
        x: (N, T, F).
        kernel: (F, U).
        recurrent_kernel: (U, U).
        bias: (U,), or none.
        state: (N, U), the h before the first step.
        mask: (N, T); where it is false, a step keeps the state.
        activation: `tanh`, `relu`, `sigmoid` or `linear`.
        reverse: from the last step to the first.

    Returns:
        h (N, T, U) in the order of the inputs, and the last state.

    Raises:
        ValueError: shapes that do not fit, or another activation.

    Example:
        >>> h, last = simple_rnn(np.ones((2, 5, 3)), np.ones((3, 4)), np.ones((4, 4)), None,
        ...                      np.zeros((2, 4)))
        >>> h.shape, last.shape
        ((2, 5, 4), (2, 4))
    """
    h, last = _core.simple_rnn(x, kernel, recurrent_kernel, bias, state, mask, activation, reverse)
    return h, last


def lstm(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None,
    state: TensorLike,
    carry: TensorLike,
    mask: TensorLike | None = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Long short-term memory (Hochreiter & Schmidhuber 1997), gates i, f, c, o as in Keras.

    Args:
        x: (N, T, F).
        kernel: (F, 4 U).
        recurrent_kernel: (U, 4 U).
        bias: (4 U,), or none.
        state: (N, U), the h before the first step.
        carry: (N, U), the c before the first step.
        mask: see `simple_rnn`.
        reverse: see `simple_rnn`.

    Returns:
        h (N, T, U) in the order of the inputs, the last h, the last c.

    Raises:
        ValueError: shapes that do not fit.
    """
    h, last, c = _core.lstm(x, kernel, recurrent_kernel, bias, state, carry, mask, reverse)
    return h, last, c


def gru(
    x: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None,
    state: TensorLike,
    mask: TensorLike | None = None,
    reset_after: bool = True,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Gated recurrent units (Cho et al. 2014), gates z, r, h as in Keras.

    Args:
        x: (N, T, F).
        kernel: (F, 3 U).
        recurrent_kernel: (U, 3 U).
        bias: (2, 3 U) of inputs and states when `reset_after`, else (3 U,); or none.
        state: (N, U), the h before the first step.
        mask: see `simple_rnn`.
        reset_after: whether the reset gate acts after the recurrent product.
        reverse: see `simple_rnn`.

    Returns:
        h (N, T, U) in the order of the inputs, and the last state.

    Raises:
        ValueError: shapes that do not fit.
    """
    h, last = _core.gru(x, kernel, recurrent_kernel, bias, state, mask, reset_after, reverse)
    return h, last
