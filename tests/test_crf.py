"""Conditional random fields: functions beside sums over all sequences, the layer in training."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops

RNG = np.random.default_rng(3)


def chain(n=3, t=4, k=3):
    """Potentials, transitions, start, end in float64."""
    return [RNG.normal(size=s) for s in ((n, t, k), (k, k), (k,), (k,))]


def score(tags, potentials, transitions, start, end):
    steps = sum(potentials[i, tag] for i, tag in enumerate(tags))
    return (
        steps
        + sum(transitions[a, b] for a, b in itertools.pairwise(tags))
        + (start[tags[0]] + end[tags[-1]])
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_functions_are_those_of_all_sequences(dtype):
    potentials, transitions, start, end = chain()
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], bool)
    tags = RNG.integers(0, 3, (3, 4))
    typed = [np.asarray(a, dtype) for a in (potentials, transitions, start, end)]
    got = ops.crf_log_likelihood(typed[0], tags, *typed[1:], mask=mask)
    marginals = ops.crf_marginals(*typed, mask=mask)
    best, best_score = ops.viterbi_decode(*typed, mask=mask)
    assert (got.dtype, best.dtype) == (dtype, "int32")
    for row in range(3):
        kept = np.flatnonzero(mask[row])
        p = potentials[row, kept]
        every = list(itertools.product(range(3), repeat=len(kept)))
        scores = np.array([score(path, p, transitions, start, end) for path in every])
        total = np.log(np.exp(scores).sum())
        mine = score(tags[row, kept], p, transitions, start, end)
        np.testing.assert_allclose(got[row], mine - total, rtol=1e-5)
        np.testing.assert_array_equal(best[row][mask[row]], every[scores.argmax()])
        np.testing.assert_allclose(best_score[row], scores.max(), rtol=1e-5)
        for i, step in enumerate(kept):
            for tag in range(3):
                with_tag = np.array([path[i] == tag for path in every])
                want = np.exp(scores[with_tag] - total).sum()
                np.testing.assert_allclose(marginals[row, step, tag], want, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(marginals)[~mask], 0)


def test_likelihoods_of_all_sequences_sum_to_one_without_ends():
    potentials, transitions, _, _ = chain(1, 3, 2)
    every = np.array(list(itertools.product(range(2), repeat=3)))
    rows = np.repeat(potentials, len(every), axis=0)
    total = np.exp(np.asarray(ops.crf_log_likelihood(rows, every, transitions))).sum()
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def followers(n, t=11, k=4, seed=0):
    """Tags that follow one another, seen through noise that tells half of them apart."""
    rng = np.random.default_rng(seed)
    tags = np.empty((n, t), "int32")
    tags[:, 0] = rng.integers(0, k, n)
    for i in range(1, t):
        moved = rng.random(n) < 0.95
        tags[:, i] = np.where(moved, (tags[:, i - 1] + 1) % k, rng.integers(0, k, n))
    x = (tags[..., None] // 2 == np.arange(2)).astype("float32")
    return x + rng.normal(size=x.shape).astype("float32") * 0.5, tags


def tagger(**kwargs):
    dc.utils.set_random_seed(1)
    model = dc.Sequential([dc.Input((11, 2)), layers.CRF(4, **kwargs)])
    model.compile(dc.optimizers.Adam(0.1), metrics=["accuracy"])
    return model


def test_a_model_learns_transitions_with_no_loss_but_the_layers():
    x, y = followers(300)
    model = tagger()
    history = model.fit(x, y, epochs=12, batch_size=30, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] / 2
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy > 0.8  # a tagger of single steps tells halves alone: 0.5 at most
    path = model.predict(x, verbose=0)
    assert set(np.unique(path)) == {0, 1}
    np.testing.assert_allclose((path.argmax(-1) == y).mean(), accuracy, rtol=1e-6)
    crf = model.layers[-1]
    potentials = x @ crf.kernel.numpy() + crf.bias.numpy()
    told = ops.crf_log_likelihood(potentials, y, crf.transitions, crf.start, crf.end)
    np.testing.assert_allclose(loss, -np.asarray(told).mean(), rtol=1e-5)


def test_planned_and_eager_steps_agree():
    x, y = followers(64)
    weights = np.linspace(0, 2, 64, dtype="float32")
    found = []
    for eagerly in (False, True):
        model = tagger()
        model.run_eagerly = eagerly
        model.fit(x, y, sample_weight=weights, epochs=2, batch_size=20, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_of_zero_teach_nothing():
    x, y = followers(32)
    model = tagger()
    before = model.get_weights()
    assert model.train_on_batch(x, y, sample_weight=np.zeros(32))[0] == 0
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_masked_steps_are_no_part_of_the_chain():
    x, _ = followers(6)
    crf = layers.CRF(4, decode="marginals")
    crf(x)
    short = np.asarray(crf(x[:, :7]))
    mask = np.arange(11)[None] < np.full((6, 1), 7)
    wild = np.where(mask[..., None], x, 1e3).astype("float32")
    long = np.asarray(crf(wild, mask=mask))
    np.testing.assert_array_equal(long[:, :7], short)
    np.testing.assert_array_equal(long[:, 7:], 0)
    crf.decode = "viterbi"
    path = np.asarray(crf(wild, mask=mask))
    np.testing.assert_array_equal(path.sum(-1), mask)


def test_what_is_not_allowed_is_not_decoded():
    allowed = np.roll(np.eye(4, dtype=bool), 1, axis=1)  # each tag by the next
    crf = layers.CRF(
        4,
        use_kernel=False,
        allowed_transitions=allowed,
        allowed_start=[0, 1, 0, 0],
        allowed_end=np.ones(4, bool),
    )
    path = np.asarray(crf(RNG.normal(size=(5, 9, 4)).astype("float32"))).argmax(-1)
    np.testing.assert_array_equal(path, np.tile((np.arange(9) + 1) % 4, (5, 1)))


def test_several_outputs_find_their_targets_by_name():
    x, y = followers(40)
    inputs = dc.Input((11, 2))
    tags = layers.CRF(4, name="tags")(inputs)
    level = layers.Dense(1, name="level")(layers.GlobalAveragePooling1D()(inputs))
    model = dc.Model(inputs, {"tags": tags, "level": level})
    model.compile("adam", loss={"tags": None, "level": "mse"})
    targets = {"tags": y, "level": x.mean((1, 2))}
    losses = model.fit(x, targets, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model = dc.Model(inputs, [tags, level])
    model.compile("adam", loss=[None, "mse"])
    with pytest.raises(ValueError, match="as a dict, so that layer 'tags' finds its own"):
        model.fit(x, [y, x.mean((1, 2))], verbose=0)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", ["mse"], {"tags": "mse"}])
def test_a_second_loss_is_refused(loss):
    x, y = followers(5)
    model = dc.Sequential([dc.Input((11, 2)), layers.CRF(4, name="tags")])
    model.compile("adam", loss)
    with pytest.raises(ValueError, match=r"layer 'tags' brings its own loss.*Received: loss="):
        model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="brings its own loss"):
        model.evaluate(x, y, verbose=0)
    model.compile("adam")
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])


def test_files_hold_the_layer(tmp_path):
    x, y = followers(5)
    model = tagger(decode="marginals", allowed_start=[True, True, False, True])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "tagger.keras")
    again = dc.models.load_model(tmp_path / "tagger.keras")
    assert again.layers[-1].get_config() == model.layers[-1].get_config()
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_bad_input_is_told():
    with pytest.raises(ValueError, match="CRF: units must be a positive integer"):
        layers.CRF(0)
    with pytest.raises(ValueError, match=r"CRF: decode must be one of .* Received: decode='best'"):
        layers.CRF(3, decode="best")
    with pytest.raises(ValueError, match=r"allowed_start must be truth values of shape \(3,\)"):
        layers.CRF(3, allowed_start=[1, 1])
    with pytest.raises(ValueError, match="allowed_end allows nothing"):
        layers.CRF(2, allowed_end=[0, 0])
    with pytest.raises(ValueError, match="of size 3, one score a tag"):
        layers.CRF(3, use_kernel=False)(np.zeros((1, 2, 4), "float32"))
    x, y = followers(8)
    model = tagger()
    with pytest.raises(ValueError, match=r"integer tags of shape \(8, 11\).*shape \(8, 10\)"):
        model.fit(x, y[:, :10], verbose=0)
    with pytest.raises(ValueError, match="dtype float32"):
        model.fit(x, y.astype("float32"), verbose=0)
    with pytest.raises(ValueError, match=r"a label is outside the range \[0, 4\)"):
        model.fit(x, y + 1, verbose=0)
    with pytest.raises(ValueError, match="one a sequence"):
        model.fit(x, y, sample_weight=np.ones((8, 11)), verbose=0)
    assert np.isfinite(model.predict(x, verbose=0)).all()
