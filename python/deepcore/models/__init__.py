"""Models under Keras's names (keras.models)."""

from deepcore.models.model import Model
from deepcore.models.sequential import Sequential

__all__ = ["Model", "Sequential"]
