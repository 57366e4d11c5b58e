"""Layers under Keras's names (keras.layers)."""

from deepcore.layers.activation import ReLU, Softmax
from deepcore.layers.convolution import Conv2D, Convolution2D
from deepcore.layers.core.activation import Activation
from deepcore.layers.core.dense import Dense
from deepcore.layers.core.input_layer import Input, InputLayer
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.layers.pooling import (
    AveragePooling2D,
    AvgPool2D,
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    GlobalMaxPool2D,
    GlobalMaxPooling2D,
    MaxPool2D,
    MaxPooling2D,
)
from deepcore.layers.preprocessing import Rescaling
from deepcore.layers.regularization import Dropout
from deepcore.layers.reshaping import Flatten, Reshape
from deepcore.serialization import deserialize_keras_object as deserialize
from deepcore.serialization import serialize_keras_object as serialize

__all__ = [
    "Activation",
    "AveragePooling2D",
    "AvgPool2D",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
    "deserialize",
    "serialize",
]
