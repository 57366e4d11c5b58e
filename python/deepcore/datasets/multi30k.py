"""Multi30k: descriptions of pictures in two languages, line by line."""

from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore.datasets.text_files import folder_of, read_lines

Texts = npt.NDArray[np.object_]
PARTS = ("train", "val", "test_2016_flickr")


def load_data(
    path: Any = None, source: str = "en", target: str = "fr"
) -> tuple[tuple[Texts, Texts], tuple[Texts, Texts], tuple[Texts, Texts]]:
    """Sentences and their translations.

    Args:
        path: the folder of `train.en`, `train.fr`, `val.en`, ..., `test_2016_flickr.fr`, plain or
            `.gz`. When None it is `$DEEPCORE_DATA/multi30k`; without that, a sample of 40 invented
            pairs in English and French.
        source: the ending of the files to translate from.
        target: the ending of those to translate to.

    Returns:
        `(train_source, train_target), (val_source, val_target), (test_source, test_target)`,
        strings (n,).

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: two files that belong together differ in length, or are empty.

    Source: D. Elliott et al., "Multi30K: Multilingual English-German Image Descriptions", 2016.
    """
    folder = folder_of("multi30k", path)
    found = []
    for part in PARTS:
        one = [line.strip() for line in read_lines(folder, f"{part}.{source}")]
        other = [line.strip() for line in read_lines(folder, f"{part}.{target}")]
        if len(one) != len(other) or not one:
            raise ValueError(
                f"multi30k: {part}.{source} and {part}.{target} of {folder} must have as many "
                f"lines. Received: {len(one)} and {len(other)}."
            )
        found.append((np.array(one, dtype=object), np.array(other, dtype=object)))
    train, val, test = found
    return train, val, test
