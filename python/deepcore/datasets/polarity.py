"""Sentence polarity: sentences of film reviews that praise or blame."""

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore.datasets.text_files import folder_of, read_lines

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]


def load_data(path: Any = None, test_fraction: float = 0.2, seed: int = 0) -> tuple[Arrays, Arrays]:
    """The sentences, shuffled and split; as many of either kind in each part.

    Args:
        path: the folder of `rt-polarity.pos` and `rt-polarity.neg`, plain or `.gz`. When None it is
            `$DEEPCORE_DATA/rt-polarity`; without that, a sample of 72 invented sentences.
        test_fraction: the share of the sentences kept for testing, in (0, 1).
        seed: of the shuffle.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: x strings (n,), y uint8 (n,), 1 for praise.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: `test_fraction` is not in (0, 1), or a file has no sentences.

    Source: B. Pang, L. Lee, "Seeing stars", 2005: sentence polarity data set v1.0.
    """
    if not 0 < test_fraction < 1:
        raise ValueError(f"polarity: test_fraction must be in (0, 1). Received: {test_fraction!r}")
    folder = folder_of("rt-polarity", path)
    rng = np.random.default_rng(seed)
    train: list[tuple[str, int]] = []
    test: list[tuple[str, int]] = []
    for label, name in enumerate(("rt-polarity.neg", "rt-polarity.pos")):
        texts = [line.strip() for line in read_lines(folder, name) if line.strip()]
        if len(texts) < 2:
            raise ValueError(f"polarity: {folder / name} has {len(texts)} sentences.")
        order = rng.permutation(len(texts))
        count = min(max(1, round(len(texts) * test_fraction)), len(texts) - 1)
        test += [(texts[i], label) for i in order[:count]]
        train += [(texts[i], label) for i in order[count:]]
    return _arrays(train, rng), _arrays(test, rng)


def _arrays(pairs: list[tuple[str, int]], rng: np.random.Generator) -> Arrays:
    drawn = [pairs[i] for i in rng.permutation(len(pairs))]
    texts = np.array([text for text, _ in drawn], dtype=object)
    return texts, np.array([label for _, label in drawn], dtype=np.uint8)
