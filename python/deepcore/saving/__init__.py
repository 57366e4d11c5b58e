"""Models and weights as files, in Keras 3's own formats (keras.saving)."""

from deepcore.saving.model_file import load_model as load_model
from deepcore.saving.model_file import save_model as save_model
from deepcore.saving.weights_file import load_weights as load_weights
from deepcore.saving.weights_file import save_weights as save_weights
from deepcore.serialization import CustomObjectScope as CustomObjectScope
from deepcore.serialization import custom_object_scope as custom_object_scope
from deepcore.serialization import deserialize_keras_object as deserialize_keras_object
from deepcore.serialization import get_custom_objects as get_custom_objects
from deepcore.serialization import get_registered_name as get_registered_name
from deepcore.serialization import get_registered_object as get_registered_object
from deepcore.serialization import register_keras_serializable as register_keras_serializable
from deepcore.serialization import serialize_keras_object as serialize_keras_object
