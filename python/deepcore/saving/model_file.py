"""`.keras` files: a zip of config, metadata, weights and assets (keras.saving)."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from deepcore.models import Model
from deepcore.saving import assets, weights_file
from deepcore.saving.atomic import check_target, replacing
from deepcore.serialization import (
    custom_object_scope,
    deserialize_keras_object,
    serialize_keras_object,
)
from deepcore.variable import size_limit

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# The version of the format, as Keras counts it.
KERAS_VERSION = "3.10.0"
# A config is text about layers; a larger one is an attack or an accident.
MAX_CONFIG_BYTES = 64 << 20
# What the weights and the optimizer's state of any file may take, however small the file.
MIN_LIMIT_BYTES = 256 << 20


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None
) -> None:
    """Saves a model as a `.keras` file: architecture, weights, optimizer and its state.

    What was at `filepath` is replaced in one step: a killed process leaves the old file or the new.

    Args:
        model: the model.
        filepath: must end in `.keras`.
        overwrite: replace an existing file; else it is an error.
        zipped: True or None; unzipped folders are not written.

    Raises:
        ValueError: another ending.
        FileExistsError: the file exists and `overwrite` is false.
    """
    path = Path(os.fspath(filepath))
    if path.suffix != ".keras":
        raise ValueError(
            f"save: the file name must end in .keras (or use save_weights for "
            f"{weights_file.SUFFIX}). Received: {path}"
        )
    if zipped is False:
        raise ValueError("save: zipped=False is not supported; a .keras file is a zip archive.")
    check_target(path, overwrite)
    # Everything that can fail is made before the file is touched.
    config = json.dumps(serialize_keras_object(model))
    metadata = json.dumps(
        {
            "keras_version": KERAS_VERSION,
            "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        }
    )
    weights = weights_file.to_bytes(model)
    files = assets.collect(model)
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        archive.writestr(WEIGHTS, weights)
        for name, data in files.items():
            archive.writestr(name, data)


def load_model(
    filepath: Any,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Loads a `.keras` file, saved here or by Keras 3.

    Nothing in the file can run code: it names classes, and only deepcore's own, registered ones and
    `custom_objects` are found.

    Args:
        filepath: the file.
        custom_objects: classes and functions by name.
        compile: compile it as it was when saved, with the optimizer's state.
        safe_mode: kept for compatibility: lambdas are refused in either mode.

    Returns:
        The model.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a `.keras` file, damaged, or of layers that deepcore does not know.
    """
    path = Path(os.fspath(filepath))
    if path.suffix != ".keras":
        raise ValueError(f"load_model: the file must be a .keras file. Received: {path}")
    with open_archive(path) as archive, custom_object_scope(custom_objects or {}):
        config = read_config(archive, path)
        weights = read_weights(archive, path)
        if not compile:
            config["compile_config"] = None
        # Weights larger than those in the file are not this model's: memory is not spent on them.
        with size_limit(max(MIN_LIMIT_BYTES, 16 * weights.getbuffer().nbytes)):
            model = _from_config(config, custom_objects, safe_mode, path)
        weights_file.from_file(model, weights, path)
        assets.restore(model, archive, path)
    return model


def _from_config(config: Any, custom_objects: Any, safe_mode: bool, path: Path) -> Any:
    try:
        model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
    except (ValueError, TypeError, NotImplementedError) as error:
        error.add_note(f"(while loading {path})")
        raise
    except RecursionError as error:
        raise ValueError(f"{path}: its {CONFIG} is nested too deeply.") from error
    except (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError) as error:
        raise ValueError(
            f"{path}: its {CONFIG} is malformed ({type(error).__name__}: {error})."
        ) from error
    if not isinstance(model, Model):
        raise ValueError(f"{path} does not hold a model, but a {type(model).__name__}.")
    return model


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip archive at `path`.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is not a zip archive.
    """
    with open(path, "rb") as file:
        with _checked(path):
            archive = zipfile.ZipFile(file)
        yield archive


def read_config(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """The model's config."""
    with _checked(path):
        size = archive.getinfo(CONFIG).file_size
    if size > MAX_CONFIG_BYTES:
        raise ValueError(f"{path}: its {CONFIG} is larger than {MAX_CONFIG_BYTES >> 20} MiB.")
    try:
        with _checked(path):
            config = json.loads(archive.read(CONFIG))
    except RecursionError as error:
        raise ValueError(f"{path}: its {CONFIG} is nested too deeply.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: its {CONFIG} does not describe a model.")
    return config


def read_weights(archive: zipfile.ZipFile, path: Path) -> io.BytesIO:
    """The weights file inside: in memory, for HDF5 jumps about in it."""
    with _checked(path):
        info = archive.getinfo(WEIGHTS)
    # Written without compression; what claims to be much larger than it is, is not a model.
    if info.file_size > 100 * max(info.compress_size, 1 << 20):
        raise ValueError(f"{path}: its {WEIGHTS} unpacks to {info.file_size} bytes; refused.")
    with _checked(path):
        return io.BytesIO(archive.read(info))


@contextmanager
def _checked(path: Path) -> Iterator[None]:
    """Tells of a damaged file, whichever of zip, its codecs and JSON finds it."""
    try:
        yield
    except RecursionError:
        raise
    except Exception as error:
        text = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is not a .keras file, or is damaged ({text}).") from error
