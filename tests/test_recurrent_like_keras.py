"""Recurrent layers give Keras's outputs, states, gradients, training, weights and configs.

recurrent_cases.py has the table, recurrent_peer.py compares.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import peers

PEER = "recurrent_peer.py"
FILE = Path(__file__).parent / "data" / "keras_recurrent.npz"


def test_numbers_that_keras_made():
    assert ", 0 differences" in peers.on_deepcore(PEER, "check", FILE)


@pytest.mark.slow
def test_keras_and_deepcore_compute_the_same(tmp_path):
    """Keras's numbers of today; and Keras finds ours in its own."""
    peers.each_checks_the_other(PEER, tmp_path, suffix=".npz")
