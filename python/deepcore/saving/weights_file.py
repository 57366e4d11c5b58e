"""`.weights.h5` files (keras.Model.save_weights, load_weights)."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, Any

from deepcore.saving.atomic import check_target, replacing

SUFFIX = ".weights.h5"


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Saves a model's weights, and its optimizer's state, as a `.weights.h5` file.

    What was at `filepath` is replaced in one step: a killed process leaves the old file or the new.

    Args:
        model: a built model.
        filepath: must end in `.weights.h5`.
        overwrite: replace an existing file; else it is an error.

    Raises:
        ValueError: another ending, or a model that is not built.
        FileExistsError: the file exists and `overwrite` is false.
    """
    path = Path(os.fspath(filepath))
    if not path.name.endswith(SUFFIX):
        raise ValueError(f"save_weights: the file name must end in {SUFFIX}. Received: {path}")
    _assert_built(model, "save_weights")
    check_target(path, overwrite)
    data = to_bytes(model)
    with replacing(path) as file:
        file.write(data)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Loads the weights of a `.weights.h5` or `.keras` file into a model.

    Nothing is changed unless everything fits (or `skip_mismatch`).

    Args:
        model: a built model of the same layers.
        filepath: the file.
        skip_mismatch: leave out layers that don't fit, with a warning.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a weights file, or its weights don't fit; the message says which.
    """
    path = Path(os.fspath(filepath))
    _assert_built(model, "load_weights")
    if path.suffix == ".keras":
        from deepcore.saving.model_file import open_archive, read_weights

        with open_archive(path) as archive:
            data: IO[bytes] = read_weights(archive, path)
            from_file(model, data, path, skip_mismatch)
        return
    if not path.name.endswith((".h5", ".hdf5")):
        raise ValueError(f"load_weights: the file must be {SUFFIX} or .keras. Received: {path}")
    with open(path, "rb") as file:
        from_file(model, file, path, skip_mismatch)


def to_bytes(model: Any) -> bytes:
    """A weights file of the model, in memory."""
    import h5py

    from deepcore.saving.store import WriteStore
    from deepcore.saving.walk import walk

    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        for path, owner in walk(model):
            name = getattr(owner, "name", None)
            if hasattr(owner, "save_own_variables"):
                store = WriteStore(file, path, name if isinstance(name, str) else None)
                owner.save_own_variables(store)
    return memory.getvalue()


def from_file(model: Any, data: IO[bytes], path: Path, skip_mismatch: bool = False) -> None:
    """Loads a weights file: checked whole first, then assigned."""
    import h5py

    from deepcore.saving.store import ReadStore
    from deepcore.saving.walk import walk

    try:
        file = h5py.File(data, "r")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is not a weights file, or is damaged ({error}).") from error
    with file:
        found = []
        problems = []
        for place, owner in walk(model):
            if not hasattr(owner, "load_own_variables"):
                continue
            store = ReadStore(file, place)
            problem = _mismatch(owner, store, place)
            if problem:
                problems.append(problem)
            else:
                found.append((owner, store))
        if problems and not skip_mismatch:
            raise ValueError(f"The weights of {path} do not fit the model: {'; '.join(problems)}.")
        if problems:
            import warnings

            warnings.warn(f"Left out: {'; '.join(problems)}.", stacklevel=3)
        try:
            for owner, store in found:
                if len(store) > 0 or _own(owner):
                    owner.load_own_variables(store)
        except OSError as error:
            raise ValueError(f"{path} is damaged: {error}.") from error


def _own(owner: Any) -> list[Any]:
    """The variables that an object writes itself."""
    found = getattr(owner, "_own_weights", None)
    return list(owner.variables if found is None else found)


def _mismatch(owner: Any, store: Any, place: str) -> str | None:
    """Why the stored variables don't fit, None when they do."""
    from deepcore.layers.layer import Layer

    where = f"`{place or owner.name}`"
    own = _own(owner)
    if not isinstance(owner, Layer):  # an optimizer without its state starts anew
        return None
    if len(store) != len(own):
        return f"{where} has {len(own)} variables, the file {len(store)}"
    for index, variable in enumerate(own):
        key = str(index)
        if key not in store:
            return f"{where} has no variable {key} in the file"
        if store.shape(key) != tuple(variable.shape):
            return (
                f"{where}: {variable.name} has shape {tuple(variable.shape)}, "
                f"the file {store.shape(key)}"
            )
    return None


def _assert_built(model: Any, what: str) -> None:
    if not model.built:
        raise ValueError(
            f"{what}: the model '{model.name}' has no weights yet. Give its first layer an "
            "input_shape, or call it on data first."
        )
