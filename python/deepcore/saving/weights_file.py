"""`.weights.h5` files (keras.Model.save_weights, load_weights)."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import IO, Any

from deepcore.layers.layer import Layer
from deepcore.optimizers import Optimizer
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


def to_bytes(model: Any) -> memoryview:
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
    return memory.getbuffer()


def from_file(model: Any, data: IO[bytes], path: Path, skip_mismatch: bool = False) -> None:
    """Loads a weights file; after an error the model is as it was."""
    import h5py

    from deepcore.saving.walk import walk

    owners = [(place, o) for place, o in walk(model) if hasattr(o, "load_own_variables")]
    before = [(v, v.value) for _, owner in owners for v in _own(owner)]
    try:
        with h5py.File(data, "r") as file:
            problems = _load(file, owners, skip_mismatch)
    except (OSError, RuntimeError, KeyError) as error:  # what h5py raises
        _restore(before)
        raise ValueError(f"{path} is not a weights file, or is damaged ({error}).") from error
    except BaseException as error:
        _restore(before)
        error.add_note(f"(while loading {path})")
        raise
    if not problems:
        return
    told = "; ".join(problems)
    if not skip_mismatch:
        raise ValueError(f"The weights of {path} do not fit the model: {told}.")
    warnings.warn(f"Left out: {told}.", stacklevel=3)


def _load(file: Any, owners: list[tuple[str, Any]], skip_mismatch: bool) -> list[str]:
    """Loads what fits, all or nothing unless mismatches are skipped; gives what does not fit."""
    from deepcore.saving.store import ReadStore

    found = []
    problems = []
    for place, owner in owners:
        store = ReadStore(file, place)
        problem = _mismatch(owner, store, place)
        if problem:
            problems.append(problem)
        else:
            found.append((owner, store))
    if not problems or skip_mismatch:
        for owner, store in found:
            if len(store) > 0 or _own(owner):
                owner.load_own_variables(store)
    return problems


def _restore(before: list[tuple[Any, Any]]) -> None:
    for variable, value in before:
        variable.assign(value)


def _own(owner: Any) -> list[Any]:
    """The variables that an object writes itself."""
    found = getattr(owner, "_own_weights", None)
    return list(owner.variables if found is None else found)


def _mismatch(owner: Any, store: Any, place: str) -> str | None:
    """Why the stored variables don't fit, None when they do, or when the object decides itself."""
    kind = type(owner)
    if kind.load_own_variables not in (Layer.load_own_variables, Optimizer.load_own_variables):
        return None
    where = f"`{place or owner.name}`"
    own = _own(owner)
    if len(store) != len(own):
        if isinstance(owner, Optimizer):  # it warns, and starts anew
            return None
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
