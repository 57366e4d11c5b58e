"""What may be passed as data, and what may not."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers
from deepcore.training import arrays, feeds

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype("float32")
Y = X.sum(-1)


def model(**compiled) -> dc.Sequential:
    found = dc.Sequential([dc.Input((4,)), layers.Dense(1, kernel_initializer="zeros")])
    found.compile(**{"optimizer": "sgd", "loss": "mse", **compiled})
    return found


def trained(x, y=None, **arguments) -> np.ndarray:
    found = model()
    found.fit(x, y, shuffle=False, verbose=0, **{"batch_size": 5, **arguments})
    return found.get_weights()[0]


WANT = None


def want() -> np.ndarray:
    global WANT
    if WANT is None:
        WANT = trained(X, Y)
    return WANT


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a[::-1].copy()[::-1],
        lambda a: a.tolist(),
        lambda a: [a],
        lambda a: dc.Tensor(a),
        lambda a: a.astype("float64"),
        lambda a: a.astype(">f4"),
    ],
)
def test_forms_of_arrays(form):
    np.testing.assert_allclose(trained(form(X), form(Y)), want(), rtol=1e-5)


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "float16"]
)
def test_numeric_dtypes(dtype):
    x = (np.arange(80).reshape(20, 4) % 7).astype(dtype)
    y = np.arange(20).astype(dtype)
    got = trained(x, y, batch_size=7)
    np.testing.assert_allclose(got, trained(x.astype("float32"), y.astype("float32"), batch_size=7))


def test_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    np.testing.assert_allclose(trained(frame, pd.Series(Y)), want())
    mixed = pd.DataFrame({"a": X[:, 0], "b": X[:, 1] > 0, "c": [1] * 20, "d": X[:, 3]})
    plain = np.stack([mixed[k].to_numpy().astype("float32") for k in "abcd"], 1)
    np.testing.assert_allclose(trained(mixed, Y), trained(plain, Y))
    with pytest.raises(ValueError, match="must hold numbers"):
        trained(pd.DataFrame({"a": ["x"] * 20}), Y)


def test_memory_maps_are_read_where_they_lie(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(trained(mapped, Y), want())
    found = arrays.columns("fit", mapped[::2], Y[::2])
    assert np.shares_memory(found.arrays[0], mapped)
    assert arrays.split("fit", (X, Y, None), 0.5)[1][0].base is X


def batches(size: int = 5):
    for i in range(0, 20, size):
        yield X[i : i + size], Y[i : i + size]


class Loader:
    """Like a data loader: iterated anew each epoch."""

    def __iter__(self):
        return batches()

    def __len__(self):
        return 4


class Indexed:
    """Like a Keras PyDataset: batches by number."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]


@pytest.mark.parametrize("form", [batches, Loader, Indexed])
def test_iterables(form):
    np.testing.assert_array_equal(trained(form()), want())
    got = model().evaluate(form(), verbose=0)
    np.testing.assert_allclose(got, model().evaluate(X, Y, verbose=0), rtol=1e-5)
    np.testing.assert_array_equal(model().predict(form(), verbose=0), model().predict(X, verbose=0))


def test_loaders_over_epochs():
    a = model()
    history = a.fit(Loader(), epochs=3, verbose=0, validation_data=Loader()).history
    assert len(history["val_loss"]) == 3
    np.testing.assert_array_equal(a.get_weights()[0], trained(X, Y, epochs=3))


def test_generators_with_weights_and_steps():
    def forever():
        while True:
            for x, y in batches():
                yield x, y, np.ones(len(x))

    np.testing.assert_allclose(trained(forever(), steps_per_epoch=4), want(), rtol=1e-6)
    source = forever()
    a = model()
    a.fit(source, epochs=2, steps_per_epoch=2, verbose=0)  # goes on where it stopped
    np.testing.assert_allclose(a.get_weights()[0], want(), rtol=1e-6)
    assert a.fit(forever(), steps_per_epoch=2, validation_data=forever(), validation_steps=3)


def test_running_out_is_a_warning():
    with pytest.warns(UserWarning, match="ran out of data"):
        trained(batches(), steps_per_epoch=9)
    with pytest.warns(UserWarning, match="ran out of data"):
        trained(X, Y, steps_per_epoch=9)


def test_steps_per_epoch_on_arrays_goes_on():
    np.testing.assert_array_equal(trained(X, Y, steps_per_epoch=2, epochs=2), want())


def test_shuffling_visits_every_row_once():
    for shuffle in (True, "batch"):
        feed = feeds.make_feed("fit", X, Y, batch_size=2, shuffle=shuffle)
        orders = []
        for _ in range(2):
            feed.begin()
            assert sorted(feed.order) == list(range(20))
            orders.append(feed.order.copy())
            while feed.ready():
                rows, count = feed.span(None)
                feed.advance(rows, count)
        assert (orders[0] != orders[1]).any()


def test_predict_keeps_the_order_and_the_shape():
    x = RNG.normal(size=(11, 4, 3)).astype("float32")
    found = dc.Sequential([layers.Dense(2)])
    assert found.predict(x, batch_size=4, verbose=0).shape == (11, 4, 2)
    assert found.predict(x, batch_size=4, steps=2, verbose=0).shape == (8, 4, 2)


def test_dicts_and_tuples_reach_subclassed_models():
    class Sum(dc.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, kernel_initializer="ones")

        def call(self, inputs):
            return self.dense(inputs["a"]) + self.dense(inputs["b"])

    found = Sum()
    found.compile("sgd", "mse")
    found.fit({"a": X, "b": X}, Y, verbose=0)
    assert found.predict({"a": X, "b": X}, verbose=0).shape == (20, 1)


ERRORS = {
    "lengths": (
        lambda: trained(X, Y[:9]),
        "Data cardinality is ambiguous",
    ),
    "weights_length": (lambda: trained(X, Y, sample_weight=np.ones(3)), "'sample_weight' sizes: 3"),
    "empty": (lambda: trained(X[:0], Y[:0]), "x is empty"),
    "empty_predict": (lambda: model().predict(X[:0], verbose=0), "x is empty"),
    "strings": (lambda: trained(np.array([["a"] * 4] * 20), Y), "strings"),
    "objects": (lambda: trained(X.astype(object), Y), "Python objects"),
    "string": (lambda: trained("x", Y), "must be an array"),
    "nothing": (lambda: trained(None, Y), "x is missing"),
    "ragged": (lambda: trained([[1, 2], [3]], Y), "does not make an array"),
    "scalar": (lambda: trained(np.float32(3), Y), "batch axis"),
    "zero": (lambda: trained(X, Y, batch_size=0), "batch_size must be a positive integer"),
    "negative": (lambda: trained(X, Y, batch_size=-2), "batch_size must be a positive integer"),
    "float": (lambda: trained(X, Y, batch_size=2.5), "batch_size must be a positive integer"),
    "split": (lambda: trained(X, Y, validation_split=0.99), "cannot be split"),
    "split_range": (lambda: trained(X, Y, validation_split=1.5), "between 0 and 1"),
    "both_weights": (
        lambda: trained(X, Y, sample_weight=np.ones(20), class_weight={0: 1.0}),
        "at the same time",
    ),
    "y_beside_batches": (lambda: trained(batches(), Y), "must come from it"),
    "no_batches": (lambda: model().predict(iter([]), verbose=0), "no batches"),
    "verbose": (lambda: model().fit(X, Y, verbose=7), "verbose must be one of"),
}


@pytest.mark.filterwarnings("ignore:Your input ran out")
@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)
