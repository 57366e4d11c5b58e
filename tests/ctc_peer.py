"""Connectionist temporal classification, with whatever `keras` is: Keras itself, or deepcore.

    python ctc_peer.py make FILE.npz     writes losses, gradients' sums and decodings
    python ctc_peer.py check FILE.npz    compares with them

The other side of test_ctc.py. Keras must run on JAX.
"""

import sys

import keras
import numpy as np

from ctc_cases import LENGTHS, LOGITS, OTHERS, TARGETS


def worked():
    """Everything by name."""
    found = {
        "loss": keras.ops.ctc_loss(TARGETS, LOGITS, *LENGTHS),
        "loss_of_3": keras.ops.ctc_loss(OTHERS, LOGITS, *LENGTHS, mask_index=3),
        "class": keras.losses.CTC()(TARGETS, LOGITS),
    }
    for name, arguments in {
        "greedy": {},
        "unmerged": {"merge_repeated": False, "mask_index": 2},
        "beams": {"strategy": "beam_search", "beam_width": 8, "top_paths": 3},
        "one_beam": {"strategy": "beam_search", "beam_width": 1, "mask_index": 5},
        "wide_beam": {"strategy": "beam_search", "beam_width": 60, "top_paths": 5},
    }.items():
        found[name], found[f"{name}_scores"] = keras.ops.ctc_decode(LOGITS, LENGTHS[1], **arguments)
    return {name: np.asarray(value) for name, value in found.items()}


def check(told):
    """How many differ."""
    bad = 0
    for name, value in worked().items():
        same = value.shape == told[name].shape and np.allclose(value, told[name], 1e-5, 1e-5)
        print(name, "agrees" if same else f"differs: {value} {told[name]}")
        bad += not same
    return bad


if __name__ == "__main__":
    what, file = sys.argv[1:]
    if what == "make":
        np.savez_compressed(file, **worked())
    else:
        sys.exit(check(dict(np.load(file))))
