"""The MNIST handwritten digits: 60,000 for training and 10,000 for testing, 28x28 pixels."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepcore.datasets.cache import get_file

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]

ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"


def load_data(path: str = "mnist.npz") -> tuple[Arrays, Arrays]:
    """Loads MNIST from Keras's cache, or downloads it there (11 MB).

    Args:
        path: the file's name in the cache folder (`~/.keras/datasets`, or `$KERAS_HOME/datasets`),
            or the path of an existing file.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: x uint8 of shape (n, 28, 28), pixels 0 to 255; y
        uint8 of shape (n,), classes 0 to 9.

    Raises:
        OSError: when the file is not there and cannot be downloaded; the message says what to do.
        ValueError: when a file is there but is not MNIST.

    Source: Y. LeCun, C. Cortes, C. Burges; `keras.datasets.mnist`.
    """
    file = get_file(path, ORIGIN, SHA256)
    try:
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as data:
            arrays = [data[key] for key in ("x_train", "y_train", "x_test", "y_test")]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(_damaged(file, error)) from error
    x_train, y_train, x_test, y_test = arrays
    for x, y in ((x_train, y_train), (x_test, y_test)):
        if x.ndim != 3 or y.shape != x.shape[:1]:
            raise ValueError(_damaged(file, f"images {x.shape} and labels {y.shape}"))
    return (x_train, y_train), (x_test, y_test)


def _damaged(file: Path, why: object) -> str:
    return (
        f"mnist: {file} is not the MNIST file, or is damaged ({why}). Delete it to fetch it anew."
    )
