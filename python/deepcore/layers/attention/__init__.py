"""Attention (keras.layers)."""
