"""Layers under Keras's names (keras.layers)."""

import importlib
from typing import TYPE_CHECKING, Any

from deepcore.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from deepcore.layers.convolution.conv import Conv1D, Conv2D, Convolution1D, Convolution2D
from deepcore.layers.convolution.depthwise import DepthwiseConv1D, DepthwiseConv2D
from deepcore.layers.convolution.separable import (
    SeparableConv1D,
    SeparableConv2D,
    SeparableConvolution1D,
    SeparableConvolution2D,
)
from deepcore.layers.core.activation import Activation
from deepcore.layers.core.dense import Dense
from deepcore.layers.core.embedding import Embedding
from deepcore.layers.core.identity import Identity
from deepcore.layers.core.input_layer import Input, InputLayer
from deepcore.layers.core.lambda_layer import Lambda
from deepcore.layers.core.masking import Masking
from deepcore.layers.core.wrapper import Wrapper
from deepcore.layers.crf import CRF
from deepcore.layers.dot import Dot, dot
from deepcore.layers.input_spec import InputSpec
from deepcore.layers.layer import Layer
from deepcore.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from deepcore.layers.normalization import BatchNormalization
from deepcore.layers.padding import (
    Cropping1D,
    Cropping2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding1D,
    ZeroPadding2D,
)
from deepcore.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AvgPool1D,
    AvgPool2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAvgPool1D,
    GlobalAvgPool2D,
    GlobalMaxPool1D,
    GlobalMaxPool2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPool1D,
    MaxPool2D,
    MaxPooling1D,
    MaxPooling2D,
)
from deepcore.layers.preprocessing.rescaling import Rescaling
from deepcore.layers.regularization import (
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)
from deepcore.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from deepcore.layers.row_normalization import LayerNormalization, RMSNormalization
from deepcore.serialization import deserialize_keras_object as deserialize
from deepcore.serialization import serialize_keras_object as serialize

if TYPE_CHECKING:
    from deepcore.layers.attention.grouped_query import (
        GroupedQueryAttention,
        GroupQueryAttention,
    )
    from deepcore.layers.attention.multi_head import MultiHeadAttention
    from deepcore.layers.attention.single import AdditiveAttention, Attention
    from deepcore.layers.core.einsum_dense import EinsumDense
    from deepcore.layers.preprocessing.category_encoding import CategoryEncoding
    from deepcore.layers.preprocessing.discretization import Discretization
    from deepcore.layers.preprocessing.hashing import Hashing
    from deepcore.layers.preprocessing.integer_lookup import IntegerLookup
    from deepcore.layers.preprocessing.normalization import Normalization
    from deepcore.layers.preprocessing.string_lookup import StringLookup
    from deepcore.layers.preprocessing.text_vectorization import TextVectorization
    from deepcore.layers.rnn.bidirectional import Bidirectional
    from deepcore.layers.rnn.conv_lstm import ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
    from deepcore.layers.rnn.gru import GRU
    from deepcore.layers.rnn.gru_cell import GRUCell
    from deepcore.layers.rnn.lstm import LSTM
    from deepcore.layers.rnn.lstm_cell import LSTMCell
    from deepcore.layers.rnn.rnn import RNN
    from deepcore.layers.rnn.simple_rnn import SimpleRNN
    from deepcore.layers.rnn.simple_rnn_cell import SimpleRNNCell
    from deepcore.layers.rnn.stacked_rnn_cells import StackedRNNCells
    from deepcore.layers.time_distributed import TimeDistributed

# Loaded when they are first asked for: together they would take a third of the import.
_LATER = {
    "attention.grouped_query": "GroupedQueryAttention GroupQueryAttention",
    "attention.multi_head": "MultiHeadAttention",
    "attention.single": "AdditiveAttention Attention",
    "core.einsum_dense": "EinsumDense",
    "preprocessing.category_encoding": "CategoryEncoding",
    "preprocessing.discretization": "Discretization",
    "preprocessing.hashing": "Hashing",
    "preprocessing.integer_lookup": "IntegerLookup",
    "preprocessing.normalization": "Normalization",
    "preprocessing.string_lookup": "StringLookup",
    "preprocessing.text_vectorization": "TextVectorization",
    "rnn.bidirectional": "Bidirectional",
    "rnn.conv_lstm": "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
    "rnn.gru": "GRU",
    "rnn.gru_cell": "GRUCell",
    "rnn.lstm": "LSTM",
    "rnn.lstm_cell": "LSTMCell",
    "rnn.rnn": "RNN",
    "rnn.simple_rnn": "SimpleRNN",
    "rnn.simple_rnn_cell": "SimpleRNNCell",
    "rnn.stacked_rnn_cells": "StackedRNNCells",
    "time_distributed": "TimeDistributed",
}
_PLACES = {name: module for module, names in _LATER.items() for name in names.split()}

__all__ = [
    "CRF",
    "ELU",
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "AveragePooling1D",
    "AveragePooling2D",
    "AvgPool1D",
    "AvgPool2D",
    "BatchNormalization",
    "Bidirectional",
    "CategoryEncoding",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "ConvLSTM1D",
    "ConvLSTM2D",
    "ConvLSTM3D",
    "Convolution1D",
    "Convolution2D",
    "Cropping1D",
    "Cropping2D",
    "Dense",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Discretization",
    "Dot",
    "Dropout",
    "EinsumDense",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GaussianDropout",
    "GaussianNoise",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GroupQueryAttention",
    "GroupedQueryAttention",
    "Hashing",
    "Identity",
    "Input",
    "InputLayer",
    "InputSpec",
    "IntegerLookup",
    "LSTMCell",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Masking",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPooling1D",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "MultiHeadAttention",
    "Multiply",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
    "SimpleRNN",
    "SimpleRNNCell",
    "Softmax",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "StackedRNNCells",
    "StringLookup",
    "Subtract",
    "TextVectorization",
    "TimeDistributed",
    "UpSampling1D",
    "UpSampling2D",
    "Wrapper",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "add",
    "average",
    "concatenate",
    "deserialize",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "serialize",
    "subtract",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'deepcore.layers' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"deepcore.layers.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
