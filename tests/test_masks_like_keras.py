"""Masks go where Keras's go, and training under them is Keras's; mask_peer.py has the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

import peers

PEER = "mask_peer.py"
FOLDER = Path(__file__).parent / "data" / "keras_masks"


def test_numbers_and_files_that_keras_made():
    assert ", 0 differences" in peers.on_deepcore(PEER, "check", FOLDER)


@pytest.mark.slow
def test_keras_and_deepcore_compute_the_same(tmp_path):
    """Keras's numbers of today; and Keras opens our files and finds our numbers in its own."""
    peers.each_checks_the_other(PEER, tmp_path)
