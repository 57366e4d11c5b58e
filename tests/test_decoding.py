"""Beam search beside a search through all sequences and a beam kept in lists; greedy search."""

from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops
from deepcore.decoding import beam_search, greedy_search

END = 3


class Network:
    """A tiny recurrent network over four tokens, in NumPy for one row and as a step."""

    def __init__(self, seed=0, tokens=4, units=5):
        rng = np.random.default_rng(seed)
        self.embedding = rng.normal(size=(tokens, units)).astype("float32")
        self.recurrent = rng.normal(size=(units, units)).astype("float32")
        self.output = 2 * rng.normal(size=(units, tokens)).astype("float32")
        self.first = rng.normal(size=(7, units)).astype("float32")
        self.traces = 0

    def step(self, tokens, state):
        self.traces += 1
        h = ops.tanh(ops.matmul(state, self.recurrent) + ops.take(self.embedding, tokens, 0))
        return ops.matmul(h, self.output), h

    def follow(self, h, token):
        """The log probabilities after a token, and the next state."""
        h = np.tanh(h @ self.recurrent + self.embedding[token])
        logits = h @ self.output
        return logits - np.log(np.exp(logits).sum()), h

    def log_probability(self, sequence, h, start):
        total = 0.0
        for before, token in itertools.pairwise((start, *sequence)):
            logp, h = self.follow(h, before)
            total += logp[token]
        return total


def penalized(total, length, penalty):
    return total / ((5 + length) / 6) ** penalty


def all_sequences(longest):
    """Those that end with END, and those of the full length that do not."""
    for length in range(1, longest + 1):
        for head in itertools.product(range(END), repeat=length - 1):
            yield (*head, END)
    yield from itertools.product(range(END), repeat=longest)


def padded(sequence, longest):
    return [*sequence, *[END] * (longest - len(sequence))]


def beam_in_lists(network, h, start, width, longest, penalty):
    beams = [((), 0.0, h)]
    for _ in range(longest):
        found = []
        for sequence, total, state in beams:
            if sequence[-1:] == (END,):
                found.append((sequence, total, state))
                continue
            logp, after = network.follow(state, sequence[-1] if sequence else start)
            found += [((*sequence, t), total + logp[t], after) for t in range(len(logp))]
        found.sort(key=lambda b: -penalized(b[1], len(b[0]), penalty))
        beams = found[:width]
    return [(s, penalized(total, len(s), penalty)) for s, total, _ in beams]


@pytest.mark.parametrize("penalty", [0, 0.6, 1, 2.5])
def test_a_wide_beam_finds_all_sequences_in_order(penalty):
    network, longest = Network(), 4
    every = list(all_sequences(longest))
    starts = np.array([0, 2, 1])
    tokens, scores = beam_search(
        network.step, network.first[:3], starts, END, len(every) + 2, longest, penalty
    )
    assert (tokens.shape, tokens.dtype) == ((3, len(every) + 2, longest), "int32")
    for row, start in enumerate(starts):
        want = {
            tuple(padded(s, longest)): penalized(
                network.log_probability(s, network.first[row], start), len(s), penalty
            )
            for s in every
        }
        got = [tuple(s) for s in tokens[row].tolist()[: len(every)]]
        assert set(got) == set(want)
        np.testing.assert_allclose(scores[row, : len(every)], [want[s] for s in got], rtol=1e-4)
        assert np.all(np.diff(np.asarray(scores)[row, : len(every)]) <= 0)
        np.testing.assert_array_equal(scores[row, len(every) :], -np.inf)


@pytest.mark.parametrize("width", [1, 2, 3, 7])
@pytest.mark.parametrize("penalty", [0, 1.3])
def test_a_narrow_beam_keeps_the_best_of_each_round(width, penalty):
    network, longest = Network(1), 6
    tokens, scores = beam_search(network.step, network.first, 0, END, width, longest, penalty)
    for row in range(len(network.first)):
        want = beam_in_lists(network, network.first[row], 0, width, longest, penalty)
        assert tokens[row].tolist() == [padded(s, longest) for s, _ in want]
        np.testing.assert_allclose(scores[row], [score for _, score in want], rtol=1e-4)


def test_greedy_search_is_a_beam_of_one():
    network = Network(2)
    tokens, scores = greedy_search(network.step, network.first, 1, END, 8)
    beam, beam_scores = beam_search(network.step, network.first, 1, END, 1, 8, 0)
    assert tokens.shape == (7, 8)
    np.testing.assert_array_equal(tokens, beam[:, 0])
    np.testing.assert_array_equal(scores, beam_scores[:, 0])
    for row, h in enumerate(network.first):
        sequence = [1]
        while len(sequence) < 9 and sequence[-1] != END:
            logp, h = network.follow(h, sequence[-1])
            sequence.append(int(logp.argmax()))
        assert tokens[row].tolist() == padded(sequence[1:], 8)


def test_rows_are_those_they_are_alone_on_any_number_of_threads():
    gru, dense = layers.GRU(9, return_state=True), layers.Dense(11)
    embedding = layers.Embedding(11, 6)

    def step(tokens, state):
        output, h = gru(ops.expand_dims(embedding(tokens), 1), initial_state=state["h"])
        return dense(output + state["all"]), {"h": h, "all": state["all"], "none": None}

    rng = np.random.default_rng(0)
    state = {k: rng.normal(size=(5, 9)).astype("float32") for k in ("h", "all")}
    state["none"] = None
    tokens, scores = beam_search(step, state, 1, 0, 3, 12)
    threads = dc.num_threads()
    dc.set_num_threads(1)
    try:
        one, score = beam_search(step, state, 1, 0, 3, 12)
    finally:
        dc.set_num_threads(threads)
    np.testing.assert_array_equal(tokens, one)
    np.testing.assert_array_equal(scores, score)
    for row in range(5):
        own = {k: None if v is None else v[row : row + 1] for k, v in state.items()}
        one, score = beam_search(step, own, 1, 0, 3, 12)
        np.testing.assert_array_equal(tokens[row], one[0])
        np.testing.assert_array_equal(scores[row], score[0])


def test_equal_scores_go_to_the_smaller_token_and_the_better_beam():
    def step(tokens, state):
        return ops.zeros((tokens.shape[0], 4)), state

    tokens, scores = beam_search(step, None, [0, 0], None, 5, 2, 0)
    assert tokens.tolist() == [[[0, 0], [0, 1], [0, 2], [0, 3], [1, 0]]] * 2
    np.testing.assert_allclose(scores, np.log(1 / 16), rtol=1e-6)


def chain(*rows):
    """A step whose next token depends on the last one alone."""
    with np.errstate(divide="ignore"):
        table = np.log(np.array(rows, "float32"))
    return lambda tokens, state: (ops.take(table, tokens, 0), state)


def test_sequences_that_end_stay_and_the_search_stops_when_all_have():
    rounds = dc.Variable(0, dtype="int32", trainable=False)
    follow = chain([0, 0.4, 0.6], [0, 0, 1], [0, 0, 1])

    def step(tokens, state):
        rounds.assign_add(1)
        return follow(tokens, state)

    tokens, scores = beam_search(step, None, 0, 2, 2, 40, 0)
    assert tokens[0].tolist() == [[2] * 40, [1] + [2] * 39]
    np.testing.assert_allclose(np.exp(scores), [[0.6, 0.4]], rtol=1e-6)
    assert int(rounds) == 2
    _, other = beam_search(step, None, 0, 2, 2, 40, 1.0)
    np.testing.assert_allclose(other, np.log([[0.6, 0.4]]) / [[1, 7 / 6]], rtol=1e-6)


def test_length_penalties_turn_the_order():
    step = chain([0, 0.45, 0.55], [0, 1, 0], [0, 0, 1])
    for penalty, first in ((0, [2, 2, 2]), (2, [1, 1, 1])):
        tokens, _ = beam_search(step, None, 0, 2, 2, 3, penalty)
        assert tokens[0, 0].tolist() == first, penalty


def test_hypotheses_that_nothing_may_follow_are_dropped():
    step = chain([0, 0.7, 0.3], [0, 0, 0], [0, 0, 1])
    tokens, scores = beam_search(step, None, 0, 2, 2, 3, 0)
    assert tokens[0, 0].tolist() == [2, 2, 2]
    np.testing.assert_allclose(scores, [[np.log(0.3), -np.inf]], rtol=1e-6)


def test_steps_are_traced_once_for_each_shape_and_forgotten_with_their_owner():
    network = Network()
    for _ in range(2):
        beam_search(network.step, network.first, 0, END, 2, 5)
    assert network.traces == 1
    beam_search(network.step, network.first[:2], 0, END, 2, 5)
    assert network.traces == 2
    owner = weakref.ref(network)
    del network
    gc.collect()
    assert owner() is None


def test_what_a_step_reads_may_change_between_searches():
    table = dc.Variable(np.eye(3, k=1, dtype="float32") * 9)

    def step(tokens, state):
        return ops.take(table, tokens, 0), state

    assert greedy_search(step, None, 0, None, 2)[0].tolist() == [[1, 2]]
    table.assign(np.eye(3, dtype="float32") * 9)
    assert greedy_search(step, None, 0, None, 2)[0].tolist() == [[0, 0]]


def test_no_rows_give_no_sequences():
    tokens, scores = beam_search(Network().step, np.zeros((0, 5), "float32"), 0, END, 2, 5)
    assert (tokens.shape, scores.shape) == ((0, 2, 5), (0, 2))


def test_half_precision_is_scored_in_single():
    network = Network()
    step = network.step
    tokens, scores = greedy_search(
        lambda t, s: (ops.cast(step(t, s)[0], "float16"), step(t, s)[1]), network.first, 0, END, 5
    )
    assert scores.dtype == "float32"
    np.testing.assert_array_equal(tokens, greedy_search(step, network.first, 0, END, 5)[0])


def give(logits=(2, 4), state=(2, 5), dtype="float32"):
    return lambda tokens, _: (ops.zeros(logits), ops.zeros(state, dtype))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"step": None}, TypeError, "step must be callable. Received: NoneType"),
        ({"beam_width": 0}, ValueError, "beam_width must be a positive integer.*beam_width=0"),
        ({"max_length": 1.5}, ValueError, "max_length must be a positive integer"),
        ({"end": -1}, ValueError, "end must be a non-negative integer"),
        ({"end": 4}, ValueError, r"end must be below the number of tokens.*end=4.*\(2, 4\)"),
        ({"length_penalty": -1}, ValueError, "length_penalty must be a number not below 0"),
        ({"length_penalty": "a"}, ValueError, "length_penalty must be a number.*'a'"),
        ({"start": 0.5}, TypeError, "start must hold integers. Received: dtype float64"),
        ({"start": [0, 1]}, ValueError, r"start.shape=\(2,\), 1 rows"),
        ({"state": [np.zeros((2, 5)), np.zeros((3, 5))]}, ValueError, r"as many rows.*\(3, 5\)"),
        ({"state": np.float32(1)}, ValueError, r"as many rows. Received: shapes \[\(\)\]"),
        ({"step": lambda t, s: s}, ValueError, "step must give .logits, state.. Received: Tensor"),
        ({"step": give(logits=(4,))}, ValueError, r"logits of shape \(2, tokens\).*\(4,\)"),
        ({"step": give(logits=(2, 0))}, ValueError, r"logits.shape=\(2, 0\)"),
        ({"step": give(state=(2, 4))}, ValueError, r"the shapes and dtypes.*\(2, 4\).*\(2, 5\)"),
        ({"step": give(dtype="int32")}, ValueError, "the shapes and dtypes.*int32.*float32"),
        ({"step": lambda t, s: (ops.zeros((2, 4)), [s])}, ValueError, "with the structure of the"),
        (
            {"step": lambda t, s: (ops.full((2, 4), np.nan), s)},
            ValueError,
            "NaN or infinite logits for token 0",
        ),
    ],
)
def test_bad_arguments(change, error, message):
    arguments = {
        "step": give(),
        "state": np.zeros((1, 5), "float32"),
        "start": 0,
        "end": END,
        "beam_width": 2,
        "max_length": 3,
    }
    with pytest.raises(error, match=f"beam_search: .*{message}"):
        beam_search(**{**arguments, **change})


def test_errors_name_the_search():
    with pytest.raises(ValueError, match="greedy_search: max_length must be a positive integer"):
        greedy_search(give(), None, 0, END, 0)
