"""Models under Keras's names (keras.models)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore.models.cloning import clone_model
from deepcore.models.functional import Functional
from deepcore.models.model import Model, model_from_json
from deepcore.models.sequential import Sequential

if TYPE_CHECKING:
    from deepcore.saving import load_model, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


def __getattr__(name: str) -> Any:
    # They stand on top of models; h5py is loaded when a file is.
    if name in ("load_model", "save_model"):
        from deepcore import saving

        return getattr(saving, name)
    raise AttributeError(f"module 'deepcore.models' has no attribute {name!r}")
