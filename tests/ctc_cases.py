"""Outputs and labels that test_ctc.py and ctc_peer.py share."""

import numpy as np

LOGITS = np.random.default_rng(0).normal(size=(4, 12, 6)).astype("float32") * 2
TARGETS = np.array([[1, 1, 2, 0], [3, 5, 4, 1], [2, 0, 0, 0], [5, 5, 5, 3]])
LENGTHS = np.array([3, 4, 1, 4]), np.array([12, 9, 7, 12])
OTHERS = np.where(TARGETS == 3, 0, TARGETS)
