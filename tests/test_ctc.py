"""Connectionist temporal classification: losses, decoding and training; Keras's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deepcore as dc
from ctc_cases import LENGTHS, LOGITS, TARGETS
from deepcore import layers, losses, ops
from peers import each_checks_the_other, on_deepcore

PEER = "ctc_peer.py"


def test_the_numbers_that_keras_gave():
    on_deepcore(PEER, "check", Path(__file__).parent / "data" / "keras_ctc.npz")


@pytest.mark.slow
def test_the_numbers_that_keras_gives(tmp_path):
    each_checks_the_other(PEER, tmp_path, ".npz")


def test_float64_is_the_same_to_more_digits():
    short = ops.ctc_loss(TARGETS, LOGITS, *LENGTHS)
    exact = ops.ctc_loss(TARGETS, LOGITS.astype("float64"), *LENGTHS)
    assert exact.dtype == "float64"
    np.testing.assert_allclose(short, exact, rtol=1e-6)


def test_gradients_are_those_of_differences():
    x = ops.convert_to_tensor(LOGITS.astype("float64"))

    def total(at):
        return ops.sum(ops.ctc_loss(TARGETS, at, *LENGTHS))

    slopes = np.asarray(dc.grad(total)(x))
    rng = np.random.default_rng(1)
    for _ in range(3):
        way = rng.normal(size=LOGITS.shape)
        change = (total(x + 1e-6 * way) - total(x - 1e-6 * way)) / 2e-6
        np.testing.assert_allclose((slopes * way).sum(), float(change), rtol=1e-6)
    np.testing.assert_allclose(slopes.sum(-1), 0, atol=1e-12)  # of logits
    np.testing.assert_array_equal(slopes[1, 9:], 0)


def test_labels_that_do_not_fit_cost_infinity_and_teach_nothing():
    crowded = np.array([[1, 1, 1, 1]] * 4)  # needs seven steps
    lengths = np.full(4, 4), np.array([12, 6, 7, 0])
    found = np.asarray(ops.ctc_loss(crowded, LOGITS, *lengths))
    np.testing.assert_array_equal(np.isinf(found), [False, True, False, True])
    slope = dc.grad(lambda x: ops.sum(ops.ctc_loss(crowded, x, *lengths)))
    slopes = np.asarray(slope(ops.convert_to_tensor(LOGITS)))
    assert np.isfinite(slopes).all()
    np.testing.assert_array_equal(slopes[[1, 3]], 0)
    assert np.any(slopes[2] != 0)


def test_a_network_learns_to_say_what_it_sees():
    dc.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    y = rng.integers(1, 4, (200, 3))
    x = np.zeros((200, 15, 4), "float32")
    for i, labels in enumerate(y):
        starts = np.sort(rng.choice(5, 3, replace=False)) * 3
        for start, label in zip(starts, labels, strict=True):
            x[i, start : start + rng.integers(1, 3), label] = 1
    inputs = dc.Input((15, 4))
    hidden = layers.Conv1D(16, 3, padding="same", activation="relu")(inputs)
    model = dc.Model(inputs, layers.Dense(4)(hidden))
    model.compile(dc.optimizers.Adam(0.02), loss="ctc")
    history = model.fit(x, y, epochs=12, batch_size=25, verbose=0).history["loss"]
    assert history[-1] < history[0] / 5
    logits = model.predict(x, verbose=0)
    for strategy in ("greedy", "beam_search"):
        said, _ = ops.ctc_decode(logits, np.full(200, 15), strategy=strategy, beam_width=5)
        assert (np.asarray(said)[0, :, :3] == y).all(1).mean() > 0.9


def test_symbolic_calls_become_operations():
    logits, lengths = dc.Input((12, 6)), dc.Input((), dtype="int32")
    said, scores = ops.ctc_decode(logits, lengths)
    model = dc.Model([logits, lengths], [said, scores])
    got = model.predict_on_batch([LOGITS, LENGTHS[1]])
    for mine, want in zip(got, ops.ctc_decode(LOGITS, LENGTHS[1]), strict=True):
        np.testing.assert_array_equal(mine, want)


def test_bad_input_is_told():
    with pytest.raises(ValueError, match=r"target_length must be between 0 and 4.* length of 5"):
        ops.ctc_loss(TARGETS, LOGITS, [5, 1, 1, 1], LENGTHS[1])
    with pytest.raises(ValueError, match=r"a label is outside the range \[0, 6\)"):
        ops.ctc_loss(TARGETS + 2, LOGITS, *LENGTHS)
    with pytest.raises(ValueError, match="the blank 6 is none of the 6 classes"):
        ops.ctc_loss(TARGETS, LOGITS, *LENGTHS, mask_index=6)
    with pytest.raises(ValueError, match=r"strategy must be one of 'greedy', 'beam_search'"):
        ops.ctc_decode(LOGITS, LENGTHS[1], strategy="best")
    with pytest.raises(ValueError, match="top_paths must not pass beam_width"):
        ops.ctc_decode(LOGITS, LENGTHS[1], strategy="beam_search", beam_width=2, top_paths=3)
    with pytest.raises(ValueError, match=r"Received: y_true.shape=\(4, 4, 1\)"):
        losses.ctc(TARGETS[..., None], LOGITS)
    with pytest.raises(NotImplementedError, match="Decode the result of `predict`"):
        dc.function(lambda x: ops.ctc_decode(x, LENGTHS[1], strategy="beam_search"))(LOGITS)
