"""Layers for texts and categories give what Keras gives on TensorFlow (data/keras_text.json)."""

import json
from pathlib import Path

import numpy as np
import pytest

import text_peer
from deepcore import layers

RECORDED = json.loads((Path(__file__).parent / "data" / "keras_text.json").read_text("utf-8"))


@pytest.mark.parametrize("name", text_peer.CASES)
def test_a_layer_gives_what_keras_gives(name):
    mine, theirs = text_peer.computed(layers, name), RECORDED[name]
    assert mine["shape"] == theirs["shape"]
    if mine["dtype"] != "object":
        assert mine["dtype"] == theirs["dtype"]
        np.testing.assert_allclose(mine["output"], theirs["output"], rtol=3e-6, atol=1e-6)
    else:
        assert mine["output"] == theirs["output"]
    assert mine.get("vocabulary") == theirs.get("vocabulary")
    np.testing.assert_allclose(mine.get("boundaries", 0), theirs.get("boundaries", 0), rtol=1e-6)
    assert mine["config"] == theirs["config"]


def test_every_recorded_case_is_tested():
    assert set(RECORDED) == set(text_peer.CASES)
