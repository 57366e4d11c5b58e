"""SimpleRNN, LSTM, GRU, RNN and their cells: what the table of Keras's numbers does not show."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers, ops
from deepcore.transforms import GradientTape

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 7, 3)).astype("float32")
MASK = RNG.random((5, 7)) > 0.4
MASK[0] = False
KINDS = (layers.SimpleRNN, layers.LSTM, layers.GRU)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def flat(structure):
    return [np.asarray(t) for t in dc.tree.flatten(structure)]


def assert_near(found, wanted, tolerance=1e-6):
    found, wanted = flat(found), flat(wanted)
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


def test_lstm_in_float64_is_its_definition():
    layer = layers.LSTM(4, return_sequences=True, return_state=True, dtype="float64")
    x = X.astype("float64")
    layer(x)
    layer.set_weights([RNG.normal(size=w.shape) for w in layer.weights])
    kernel, recurrent, bias = layer.get_weights()
    h, c = first = [RNG.normal(size=(5, 4)) for _ in range(2)]
    found = []
    for t in range(7):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, -1)
        c_new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        keep = MASK[:, t, None]
        h = np.where(keep, sigmoid(o) * np.tanh(c_new), h)
        c = np.where(keep, c_new, c)
        found.append(h)
    wanted = [np.stack(found, 1), h, c]
    assert_near(layer(x, initial_state=first, mask=MASK), wanted, 1e-13)


@pytest.mark.parametrize("kind", [*KINDS, "before"])
@pytest.mark.parametrize("backwards", [False, True])
def test_the_fused_path_is_the_general_one(kind, backwards):
    """Outputs, states and gradients of the layer and of a cell that goes step by step."""
    options = {"reset_after": False} if kind == "before" else {}
    kind = layers.GRU if kind == "before" else kind
    cell = type(kind(4).cell)

    class Stepwise(cell):
        def call(self, inputs, states, training=False):
            return super().call(inputs, states, training)

    flags = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    pair = [layers.RNN(make(4, **options), **flags) for make in (cell, Stepwise)]
    states = [RNG.normal(size=(5, 4)).astype("float32") for _ in range(len(pair[0].state_size))]
    weights = None
    found = []
    for rnn in pair:
        rnn.build((None, 7, 3))
        weights = weights or [RNG.normal(size=w.shape) for w in rnn.weights]
        rnn.set_weights(weights)
        x, *first = (ops.convert_to_tensor(v) for v in (X, *states))
        with GradientTape() as tape:
            tape.watch([x, *first])
            y = dc.tree.flatten(rnn(x, initial_state=first, mask=MASK))
            loss = sum(ops.sum(ops.square(v) * (i + 1)) for i, v in enumerate(y))
        found.append([*y, *tape.gradient(loss, [*rnn.trainable_variables, x, *first])])
    assert_near(*found, tolerance=2e-4)


# ---- dropout


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_dropped_the_same_at_each_step(kind):
    """With the identity as a network, the output shows the mask."""
    layer = layers.SimpleRNN(50, "linear", kernel_initializer="identity", dropout=0.3, seed=1)
    layer.cell.recurrent_initializer = dc.initializers.get("zeros")
    layer.return_sequences = True
    x = np.ones((8, 6, 50), "float32")
    np.testing.assert_allclose(layer(x), x)
    y = layer(x, training=True).numpy()
    assert set(np.unique(y)) == {0, np.float32(1 / 0.7)}
    assert (y == y[:, :1]).all()
    assert abs((y == 0).mean() - 0.3) < 0.06
    assert (layer(x, training=True).numpy() != y).any()
    # The others: dropping nothing but sometimes is dropping something.
    other = kind(4, dropout=0.5, seed=2, return_sequences=True)
    assert (other(X, training=True).numpy() != other(X).numpy()).any()
    np.testing.assert_array_equal(other(X), other(X))


@pytest.mark.parametrize("rates", [{"recurrent_dropout": 0.5}, {"dropout": 0.5}])
@pytest.mark.parametrize("kind", [*KINDS, "before"])
def test_what_is_dropped_is_in_the_cells_masks(kind, rates):
    """The layer in training is its cell stepped with the masks that the same seed draws."""
    options = {"reset_after": False} if kind == "before" else {}
    kind = layers.GRU if kind == "before" else kind
    one, two = (kind(4, seed=5, return_sequences=True, **rates, **options) for _ in range(2))
    one.build(X.shape)
    two.build(X.shape)
    two.set_weights(one.get_weights())
    found = one(X, training=True).numpy()
    states, wanted = two.get_initial_state(5), []
    for t in range(7):
        output, states = two.cell(X[:, t], states, training=True)
        wanted.append(output.numpy())
    np.testing.assert_allclose(found, np.stack(wanted, 1), atol=1e-6)
    assert np.abs(found - one(X).numpy()).max() > 1e-3


@pytest.mark.parametrize("eagerly", [False, True])
def test_masks_differ_from_batch_to_batch_and_not_in_inference(eagerly):
    dc.utils.set_random_seed(3)
    recurrent = layers.LSTM(6, dropout=0.3, recurrent_dropout=0.3)
    stack = layers.RNN([layers.GRUCell(6, dropout=0.3), layers.SimpleRNNCell(4, "elu")])
    for layer in (recurrent, stack):
        model = dc.Sequential([dc.Input((7, 3)), layer, layers.Dense(1)])
        model.compile(dc.optimizers.SGD(0.0), "mse", run_eagerly=eagerly)
        losses = {model.train_on_batch(X, X[:, 0, :1]) for _ in range(4)}
        assert len(losses) == 4
        first = model.predict(X, verbose=0)
        np.testing.assert_array_equal(first, model.predict(X, verbose=0))


@pytest.mark.parametrize("rates", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}])
def test_a_cell_alone_keeps_its_mask_until_it_is_reset(rates):
    cell = layers.GRUCell(40, seed=1, **rates)
    states = [np.ones((5, 40), "float32")]

    def step(x):
        return cell(x, states, training=True)[0]

    first = step(X[:, 0]).numpy()
    np.testing.assert_array_equal(step(X[:, 0]), first)
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
    assert (step(X[:, 0]).numpy() != first).any()
    # What a trace has drawn ends with it.
    for _ in range(2):
        cell.reset_dropout_mask()
        cell.reset_recurrent_dropout_mask()
        assert dc.function(lambda x: step(x) + step(x))(X[:, 0]).shape == (5, 40)
        assert step(X[:, 0]).shape == (5, 40)
        assert dc.function(lambda x: step(x) * 2)(X[:, 0]).shape == (5, 40)


# ---- states that stay


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_stateful_layer_goes_on_where_it_stopped(kind, compiled):
    layer = kind(4, stateful=True, return_sequences=True)
    model = dc.Sequential([dc.Input(batch_shape=(5, None, 3)), layer])
    plain = kind(4, return_sequences=True)
    plain.build(X.shape)
    plain.set_weights(layer.get_weights())
    wanted = plain(X).numpy()
    run = (lambda x: model.predict(x, batch_size=5, verbose=0)) if compiled else model
    parts = [np.asarray(run(X[:, a:b])) for a, b in ((0, 2), (2, 3), (3, 7))]
    np.testing.assert_allclose(np.concatenate(parts, 1), wanted, atol=1e-6)
    assert len(layer.weights) == 3  # the states are none of them
    layer.reset_state()
    np.testing.assert_allclose(np.asarray(run(X)), wanted, atol=1e-6)
    layer.reset_states()
    assert not np.any(flat(layer.states))
    with pytest.raises(ValueError, match=r"Expected: 5 samples\. Received: 4"):
        layer(X[:4])


def test_stateful_needs_a_batch_size():
    with pytest.raises(ValueError, match="give the model's Input a batch_size"):
        layers.LSTM(4, stateful=True)(dc.Input((7, 3)))
    layers.LSTM(4, stateful=True).reset_state()  # nothing yet


def test_states_go_from_an_encoder_to_a_decoder():
    """Symbolic initial states, in and through a file."""
    source, target = dc.Input((None, 3)), dc.Input((None, 2))
    one, two = layers.LSTM(4, return_state=True), layers.LSTM(4, return_sequences=True)
    _, h, c = one(source)
    y = two(target, initial_state=[h, c])
    _, g = layers.GRU(4, return_state=True)(source, initial_state=h)
    model = dc.Model([source, target], [y, g])
    assert model.output_shape == [(None, None, 4), (None, 4)]
    _, h, c = one(X)
    y, g = model.predict([X, X[:, :4, :2]], verbose=0)
    np.testing.assert_allclose(y, two(X[:, :4, :2], initial_state=[h, c]), atol=1e-6)
    again = dc.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    assert_near(again.predict([X, X[:, :4, :2]], verbose=0), [y, g])
    model.compile("adam", "mse")
    model.fit([X, X[:, :4, :2]], [y, g], verbose=0)


# ---- shapes and masks


def test_masks_of_outputs():
    mask = object()
    assert layers.LSTM(4).compute_mask(None, mask) is None
    assert layers.LSTM(4, return_sequences=True).compute_mask(None, [mask, None]) is mask
    both = layers.LSTM(4, return_sequences=True, return_state=True)
    assert both.compute_mask(None, mask) == [mask, None, None]
    assert layers.GRU(4, return_state=True).compute_mask(None, mask) == [None, None]


def test_masks_may_be_numbers_with_an_axis_more():
    layer = layers.GRU(4)
    layer(X)
    np.testing.assert_array_equal(
        layer(X, mask=MASK), layer(X, mask=MASK[..., None].astype("float32"))
    )


def test_an_all_masked_row_gives_its_state():
    for kind in KINDS:
        y = kind(4)(X, mask=MASK).numpy()
        assert not y[0].any()
        assert np.abs(y[1:]).max() > 0


def test_masked_steps_do_not_matter():
    x = X.copy()
    x[~MASK] = 1e9
    for kind in (*KINDS, lambda n: layers.LSTM(n, "elu")):
        layer = kind(4)
        np.testing.assert_array_equal(layer(X, mask=MASK), layer(x, mask=MASK))


def test_outputs_of_users_cells_stay_at_masked_steps():
    class Twice(layers.Layer):
        state_size, output_size = 3, 2

        def call(self, inputs, states):
            total = inputs + states[0]
            return total[:, :2] * 2, [total]

    y = layers.RNN(Twice(), return_sequences=True)(X, mask=MASK).numpy()
    total, out = np.zeros((5, 3), "float32"), np.zeros((5, 2), "float32")
    for t in range(7):
        keep = MASK[:, t, None]
        total = np.where(keep, total + X[:, t], total)
        out = np.where(keep, total[:, :2] * 2, out)
        np.testing.assert_allclose(y[:, t], out, atol=1e-5)


def test_a_cell_may_be_any_object():
    class Sum:
        state_size = 3

        def call(self, inputs, states):
            return inputs + states[0], [inputs + states[0]]

        __call__ = call

    np.testing.assert_allclose(layers.RNN(Sum())(X), X.sum(1), atol=1e-5)


def test_empty_batches_and_shapes():
    for kind in KINDS:
        layer = kind(4, return_sequences=True, return_state=True)
        shapes = [tuple(t.shape) for t in layer(X[:0])]
        assert tuple(shapes) == layer.compute_output_shape((0, 7, 3))
        assert kind(4).compute_output_shape((None, None, 3)) == (None, 4)
        assert layer(dc.Input((None, 3)))[0].shape == (None, None, 4)


# ---- errors

ERRORS = {
    "units": (lambda: layers.LSTM(0), "LSTMCell: units must be a positive integer"),
    "rate": (lambda: layers.GRU(2, dropout="a"), "GRUCell: dropout must be in [0, 1]"),
    "cudnn": (lambda: layers.GRU(2, use_cudnn="no"), "GRU: use_cudnn must be one of"),
    "activation": (lambda: layers.GRU(2, "tahn"), "Did you mean 'tanh'"),
    "rank": (lambda: layers.LSTM(2, name="r")(X[0]), "expected ndim=3, found ndim=2"),
    "rnn_rank": (lambda: layers.RNN(layers.LSTMCell(2))(X[0]), "at least 3 axes (N, T, ...)"),
    "features": (
        lambda: [layer := layers.LSTM(2), layer(X), layer(X[..., :2])],
        "expected axis -1 of input shape to have value 3",
    ),
    "unknown": (
        lambda: layers.GRU(2)(dc.Input((5, None))),
        "GRUCell: the number of features must be known",
    ),
    "state_count": (
        lambda: layers.LSTM(2)(X, initial_state=np.ones((5, 2))),
        "LSTM: initial_state must hold 2 tensor(s) of shapes [(5, 2), (5, 2)]. Received: 1",
    ),
    "state_size": (
        lambda: layers.GRU(2)(X, initial_state=np.ones((5, 3))),
        "GRU: initial_state 0 must have shape (5, 2). Received: shape (5, 3)",
    ),
    "state_batch": (
        lambda: layers.SimpleRNN(2)(X, initial_state=[np.ones((4, 2))]),
        "initial_state 0 must have shape (5, 2). Received: shape (4, 2)",
    ),
    "symbolic_state": (
        lambda: layers.LSTM(2)(dc.Input((7, 3)), initial_state=[dc.Input((2,)), dc.Input((3,))]),
        "must hold 2 tensor(s) of shapes [(None, 2), (None, 2)]. Received: 2 of shapes [(None, 2)",
    ),
    "symbolic_state_count": (
        lambda: layers.GRU(2)(dc.Input((7, 3)), initial_state=[dc.Input((2,))] * 2),
        "must hold 1 tensor(s) of shapes [(None, 2)]. Received: 2 of shapes",
    ),
    "mask": (
        lambda: layers.LSTM(2)(X, mask=MASK[:, :6]),
        "LSTM: the mask must have shape (5, 7), one truth value for each step. Received: shape (5,",
    ),
    "mask_list": (
        lambda: layers.LSTM(2)(X, mask=MASK[:, :6].tolist()),
        "LSTM: the mask must have shape (5, 7), one truth value for each step. Received: shape (5,",
    ),
    "mask_features": (lambda: layers.LSTM(2)(X, mask=X > 0), "Received: shape (5, 7, 3)"),
    "no_steps": (
        lambda: layers.LSTM(2)(X[:, :0]),
        "LSTM: sequences must have at least one step. Received: shape (5, 0, 3)",
    ),
    "cell_state_count": (
        lambda: layers.LSTMCell(2)(X[:, 0], np.ones((5, 2))),
        "LSTMCell: states must hold 2 tensor(s) of 2 features. Received: 1 of shapes [(5, 2)]",
    ),
    "cell_state_size": (
        lambda: layers.GRUCell(2)(X[:, 0], [np.ones((5, 3))]),
        "GRUCell: states must hold 1 tensor(s) of 2 features. Received: 1 of shapes [(5, 3)]",
    ),
    "stack_state_count": (
        lambda: layers.StackedRNNCells([layers.GRUCell(2)] * 2)(X[:, 0], [np.ones((5, 2))]),
        "StackedRNNCells: states must hold those of 2 cells. Received: those of 1",
    ),
    "cell": (lambda: layers.RNN(3), "RNN: a cell must have `call`. Received: cell=3"),
    "cell_size": (lambda: layers.RNN(layers.Dense(3)), "RNN: a cell must have `state_size`"),
    "stack": (lambda: layers.RNN([]), "StackedRNNCells: at least one cell is needed"),
}


def test_masks_in_lists():
    layer = layers.GRU(2)
    assert_near(layer(X, mask=MASK.tolist()), layer(X, mask=MASK), 0)


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)
