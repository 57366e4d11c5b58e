"""`.keras` files: a zip of config.json, metadata.json and model.weights.h5 (keras.saving)."""

from __future__ import annotations

import io
import json
import os
import zipfile
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from deepcore.saving import weights_file
from deepcore.saving.atomic import check_target, replacing
from deepcore.serialization import (
    custom_object_scope,
    deserialize_keras_object,
    serialize_keras_object,
)

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# The version of the format, as Keras counts it.
KERAS_VERSION = "3.10.0"
# A config is text about layers; a larger one is an attack or an accident.
MAX_CONFIG_BYTES = 64 << 20


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
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, metadata)
        archive.writestr(CONFIG, config)
        archive.writestr(WEIGHTS, weights)


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
        if not compile:
            config["compile_config"] = None
        model = deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
        if not hasattr(model, "load_weights"):
            raise ValueError(f"{path} does not hold a model, but a {type(model).__name__}.")
        weights_file.from_file(model, read_weights(archive, path), path)
    return model


def open_archive(path: Path) -> zipfile.ZipFile:
    """The zip archive at `path`.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it is not a zip archive.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is not a .keras file, or is damaged ({error}).") from error


def read_config(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """The model's config."""
    try:
        if archive.getinfo(CONFIG).file_size > MAX_CONFIG_BYTES:
            raise ValueError(f"{path}: its {CONFIG} is larger than {MAX_CONFIG_BYTES >> 20} MiB.")
        config = json.loads(archive.read(CONFIG))
    except (KeyError, zipfile.BadZipFile, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a .keras file, or is damaged ({error}).") from error
    except RecursionError as error:
        raise ValueError(f"{path}: its {CONFIG} is nested too deeply.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: its {CONFIG} does not describe a model.")
    return config


def read_weights(archive: zipfile.ZipFile, path: Path) -> IO[bytes]:
    """The weights file inside: in memory, for HDF5 jumps about in it."""
    try:
        info = archive.getinfo(WEIGHTS)
        # Written without compression; what claims to be much larger than it is, is not a model.
        if info.file_size > 100 * max(info.compress_size, 1 << 20):
            raise ValueError(f"{path}: its {WEIGHTS} unpacks to {info.file_size} bytes; refused.")
        return io.BytesIO(archive.read(info))
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a .keras file, or is damaged ({error}).") from error
