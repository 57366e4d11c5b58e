"""Convolutions (keras.layers): `base` is what they share, the rest is one file a kind."""
