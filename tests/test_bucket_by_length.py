"""Batches of sequences of similar length."""

import itertools

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers
from deepcore.data import BucketByLength

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(0, 30, 101)
SEQUENCES = [RNG.integers(1, 50, n).tolist() for n in LENGTHS]
ROWS = np.arange(101)
FULL = LENGTHS > 0  # a mean of no steps is not a number
PADDED = dc.utils.pad_sequences(SEQUENCES, padding="post")


def seen(batches):
    """Rows by number, and the lengths of the batches."""
    found = {}
    for x, y in batches:
        for row, number in zip(x, y, strict=True):
            assert number not in found
            found[int(number)] = row
    return found


@pytest.mark.parametrize("x", [SEQUENCES, PADDED], ids=["lists", "array"])
@pytest.mark.parametrize("boundaries", [None, [5, 11, 17], [3, 100]])
def test_every_row_comes_once_and_whole(x, boundaries):
    batches = BucketByLength(x, ROWS, batch_size=7, boundaries=boundaries, seed=1)
    found = seen(batches)
    assert sorted(found) == list(range(101))
    for number, row in found.items():
        length = LENGTHS[number]
        assert row[:length].tolist() == SEQUENCES[number]
        assert not row[length:].any()
        assert len(row) == min(b for b in batches.boundaries if b >= length)
    assert len(list(batches)) == len(batches)
    assert all(len(y) <= 7 for _, y in batches)
    assert len(batches.boundaries) <= 5


def steps(boundaries, lengths, batch):
    """What an epoch computes, when a batch costs its length."""
    place = np.searchsorted(boundaries, lengths)
    counts = np.bincount(place, minlength=len(boundaries))
    return sum(-(-count // batch) * end for count, end in zip(counts, boundaries, strict=True))


@pytest.mark.parametrize(("rows", "batch"), [(1, 4), (7, 3), (40, 4), (60, 1), (60, 100)])
def test_boundaries_leave_the_fewest_steps(rows, batch):
    lengths = np.random.default_rng(rows).integers(1, 12, rows)
    batches = BucketByLength([[1] * n for n in lengths], batch_size=batch)
    *ends, longest = np.unique(lengths)
    best = min(
        steps([*chosen, longest], lengths, batch)
        for count in range(5)
        for chosen in itertools.combinations(ends, count)
    )
    assert steps(batches.boundaries, lengths, batch) == best


def test_a_few_long_rows_make_one_long_batch():
    lengths = np.concatenate([np.random.default_rng(0).integers(1, 500, 2000), [4000] * 3])
    batches = BucketByLength([[1] * n for n in lengths], np.arange(2003))
    assert len(batches.boundaries) == 5
    assert sum(x.shape[1] == 4000 for x, _ in batches) == 1


def test_the_order_is_another_each_epoch_and_follows_the_seed():
    def epochs(seed):
        batches = BucketByLength(PADDED, ROWS, seed=seed)
        return [[y.tolist() for _, y in batches] for _ in range(2)]

    first, second = epochs(3)
    assert first != second
    assert epochs(3) == [first, second]
    assert epochs(4) != [first, second]
    dc.utils.set_random_seed(5)
    drawn = epochs(None)
    dc.utils.set_random_seed(5)
    assert epochs(None) == drawn
    still = BucketByLength(PADDED, ROWS, shuffle=False)
    assert [y.tolist() for _, y in still] == [y.tolist() for _, y in still]


def test_sequences_filled_up_in_front_lose_their_front():
    x = dc.utils.pad_sequences(SEQUENCES)
    for number, row in seen(BucketByLength(x, ROWS, padding="pre")).items():
        assert row[len(row) - LENGTHS[number] :].tolist() == SEQUENCES[number]


def test_targets_along_the_sequence_and_several_inputs():
    features = RNG.normal(size=(101, PADDED.shape[1], 3))
    x = {"words": PADDED, "features": features * (PADDED > 0)[..., None], "other": ROWS[:, None]}
    batches = BucketByLength(
        x, PADDED * 2, np.ones(PADDED.shape), boundaries=[8, 16], sequence_targets=True
    )
    for inputs, y, weight in batches:
        np.testing.assert_array_equal(y, inputs["words"] * 2)
        assert weight.shape == y.shape == inputs["features"].shape[:2]
        assert inputs["other"].shape == (len(y), 1)
        assert y.shape[1] in batches.boundaries


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BucketByLength(ROWS, ROWS), r"x must have sequences \(N, T\)"),
        (lambda: BucketByLength(PADDED, ROWS[:5]), "Data cardinality is ambiguous"),
        (lambda: BucketByLength(PADDED, ROWS, boundaries=[5, 5]), "boundaries must rise"),
        (lambda: BucketByLength(PADDED, ROWS, boundaries=[0]), "boundaries must be a positive"),
        (lambda: BucketByLength(PADDED, ROWS, boundaries=7), "boundaries must be rising lengths"),
        (lambda: BucketByLength(PADDED, ROWS, padding="left"), "padding must be one of"),
        (lambda: BucketByLength(PADDED, ROWS, batch_size=0), "batch_size must be a positive"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def network(outputs, inputs=None):
    dc.utils.set_random_seed(0)
    inputs = dc.Input((None,), dtype="int32") if inputs is None else inputs
    x = layers.Embedding(50, 4, mask_zero=True)(inputs)
    model = dc.Model(inputs, outputs(x))
    model.compile("adam", "mse")
    return model


def test_fit_learns_the_same_from_whole_rows_and_from_buckets():
    """One batch a bucket: masked means do not see how much was filled up."""
    whole = network(lambda x: layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))
    x, y = PADDED[LENGTHS > 0][:40], RNG.normal(size=(40, 1))
    cut = network(lambda x: layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))
    whole.fit(x, y, batch_size=40, epochs=2, shuffle=False, verbose=0)
    cut.fit(x, y, batch_size=40, epochs=2, verbose=0, bucket_by_length=[29])
    for a, b in zip(whole.get_weights(), cut.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_fit_makes_few_plans_and_is_reproducible():
    def train():
        model = network(lambda x: layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))
        history = model.fit(PADDED[FULL], ROWS[FULL], epochs=3, verbose=0, bucket_by_length=True)
        return model, history.history["loss"]

    model, losses = train()
    assert len(model._steps) <= 10
    assert losses == train()[1]
    assert losses[-1] < losses[0]


def test_fit_cuts_targets_where_outputs_run_along_the_sequence():
    tagger = network(lambda x: layers.Dense(1)(x))
    tagger.fit(PADDED, PADDED[..., None], verbose=0, bucket_by_length=[8, 16])
    # Here the second axis of y is as long by chance.
    model = network(lambda x: layers.Dense(PADDED.shape[1])(layers.GlobalAveragePooling1D()(x)))
    model.fit(PADDED, np.zeros(PADDED.shape), verbose=0, bucket_by_length=[8, 16])


def test_a_stack_built_by_fit_takes_any_length():
    tagger = dc.Sequential(
        [
            layers.Embedding(50, 4, mask_zero=True),
            layers.LSTM(3, return_sequences=True),
            layers.CRF(3),
        ]
    )
    tagger.compile("adam")
    tagger.fit(PADDED, PADDED % 3, verbose=0, bucket_by_length=[8, 16])
    assert tagger.predict(PADDED[:2, :5], verbose=0).shape == (2, 5, 3)


def test_fit_buckets_texts():
    words = layers.TextVectorization()
    texts = [" ".join(map(str, sequence)) for sequence in SEQUENCES if sequence]
    words.adapt(texts)
    entry = dc.Input((), dtype="string")
    x = layers.Embedding(60, 4, mask_zero=True)(words(entry))
    model = dc.Model(entry, layers.Dense(1)(layers.GlobalAveragePooling1D()(x)))
    model.compile("adam", "mse")
    losses = model.fit(texts, ROWS[FULL], epochs=2, verbose=0, bucket_by_length=True).history[
        "loss"
    ]
    assert losses[1] < losses[0]
    with pytest.raises(ValueError, match="bucket_by_length takes arrays, not batches"):
        model.fit(iter([]), verbose=0, bucket_by_length=True)
