"""Callbacks under Keras's names (keras.callbacks)."""

from deepcore.callbacks.callback import Callback
from deepcore.callbacks.callback_list import CallbackList
from deepcore.callbacks.csv_logger import CSVLogger
from deepcore.callbacks.early_stopping import EarlyStopping
from deepcore.callbacks.history import History
from deepcore.callbacks.lambda_callback import LambdaCallback
from deepcore.callbacks.learning_rates import LearningRateScheduler, ReduceLROnPlateau
from deepcore.callbacks.model_checkpoint import ModelCheckpoint
from deepcore.callbacks.progbar_logger import ProgbarLogger
from deepcore.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
