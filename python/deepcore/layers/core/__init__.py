"""Dense, Input, activations: the layers that do not belong to a kind of data."""
