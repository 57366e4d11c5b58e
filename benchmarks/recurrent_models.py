"""The networks of the workloads that read sequences: sentiment, forecasting, tagging."""

from __future__ import annotations

from typing import Any

from network import Network, adam


def lstm_text(keras: Any) -> Any:
    """Embedding(20000, 128), LSTM(128) and a probability: 2,691,713 parameters."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((80,), dtype="int32"),
            layers.Embedding(20000, 128),
            layers.LSTM(128),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def gru_seq(keras: Any) -> Any:
    """GRU(64) over 100 steps of 16 features, and a number."""
    layers = keras.layers
    return keras.Sequential([keras.Input((100, 16)), layers.GRU(64), layers.Dense(1)])


def bilstm_tagger(keras: Any) -> Any:
    """Embedding(10000, 64), an LSTM(64) each way, and one of 20 tags a step."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((60,), dtype="int32"),
            layers.Embedding(10000, 64),
            layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
            layers.Dense(20, activation="softmax"),
        ]
    )


RECURRENT = {
    "lstm_text": Network(lstm_text, (80,), 1, adam, "binary_crossentropy", tokens=20000),
    "gru_seq": Network(gru_seq, (100, 16), 1, adam, "mse"),
    "bilstm_tagger": Network(bilstm_tagger, (60,), 20, adam, tokens=10000, steps=60),
}
