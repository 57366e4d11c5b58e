"""Helpers that make arrays of what people have, under Keras's names (keras.preprocessing)."""

from deepcore.preprocessing import sequence as sequence
