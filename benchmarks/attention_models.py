"""The networks of the workloads that attend: text classification by a block of a transformer."""

from __future__ import annotations

from typing import Any

from network import Network, adam

TOKENS, STEPS, WIDTH, HEADS, INNER = 20000, 200, 64, 4, 256


def transformer_text(keras: Any) -> Any:
    """Embeddings of tokens and positions, a block of 4 heads of 16, two classes."""
    layers = keras.layers

    class Positions(layers.Layer):  # type: ignore[misc]
        """Adds a weight a position."""

        def build(self, input_shape: Any) -> None:
            self.table = self.add_weight(shape=(STEPS, WIDTH), initializer="uniform", name="table")

        def call(self, inputs: Any) -> Any:
            return inputs + self.table

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    inputs = keras.Input((STEPS,), dtype="int32")
    x = Positions()(layers.Embedding(TOKENS, WIDTH)(inputs))
    y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(x, x)
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, y]))
    y = layers.Dense(WIDTH)(layers.Dense(INNER, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, y]))
    x = layers.Dense(20, activation="relu")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


ATTENTION = {"transformer_text": Network(transformer_text, (STEPS,), 2, adam, tokens=TOKENS)}
