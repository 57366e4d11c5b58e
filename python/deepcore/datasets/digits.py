"""1,797 real handwritten digits of 8x8 pixels, which scikit-learn ships: no download."""

from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def load_data(test_fraction: float = 0.2, seed: int = 0) -> tuple[Arrays, Arrays]:
    """The digits, shuffled and split.

    Args:
        test_fraction: the share of the samples kept for testing, in (0, 1).
        seed: of the shuffle.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: x uint8 of shape (n, 8, 8), pixels 0 to 16; y uint8
        of shape (n,), classes 0 to 9.

    Raises:
        ImportError: when scikit-learn is not installed.
        ValueError: when `test_fraction` is not in (0, 1).

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"digits: test_fraction must be in (0, 1). Received: {test_fraction!r}")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            'digits.load_data needs scikit-learn: pip install "deepcore[examples]"'
        ) from error
    bunch = load_digits()
    order = np.random.default_rng(seed).permutation(len(bunch.target))
    x = bunch.images.astype(np.uint8)[order]
    y = bunch.target.astype(np.uint8)[order]
    train = len(x) - round(len(x) * test_fraction)
    return (x[:train], y[:train]), (x[train:], y[train:])
