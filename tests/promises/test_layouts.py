"""Any numeric dtype and layout of the same numbers trains and predicts to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from networks import bits

import deepcore as dc
from deepcore import layers

RNG = np.random.default_rng(0)
# Small integers are exact in all dtypes.
X = RNG.integers(0, 2, (50, 4, 5, 3)).astype("float32")
Y = RNG.integers(0, 3, 50)


def image_model() -> dc.Sequential:
    dc.utils.set_random_seed(1)
    model = dc.Sequential(
        [
            layers.Conv2D(4, 2, activation="relu", input_shape=(4, 5, 3)),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def everything(x: Any, y: Any = Y) -> str:
    dc.utils.set_random_seed(2)
    model = image_model()
    history = model.fit(x, y, epochs=2, batch_size=16, verbose=0, validation_split=0.2).history
    evaluated = model.evaluate(x, y, verbose=0)
    predicted = model.predict(x, batch_size=16, verbose=0)
    return bits(*model.get_weights(), *history.values(), evaluated, predicted)


def inside(x: np.ndarray) -> np.ndarray:
    """A view of x in the middle of a larger array."""
    larger = np.full([n + 4 for n in x.shape], 7, x.dtype)
    view = larger[tuple(slice(1, n + 1) for n in x.shape)]
    view[...] = x
    return view


def misaligned(x: np.ndarray) -> np.ndarray:
    raw = np.zeros(x.nbytes + 1, "uint8")
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


LAYOUTS: dict[str, Callable[[np.ndarray], Any]] = {
    "every_second": lambda x: np.repeat(x, 2, axis=0)[::2],
    "fortran": np.asfortranarray,
    "inside": inside,
    "list": lambda x: x.tolist(),
    "list_of_one": lambda x: [x],
    "memory_order": lambda x: np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0),
    "misaligned": misaligned,
    "negative": lambda x: x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "read_only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "subclass": lambda x: x.view(np.recarray),
    "tensor": dc.ops.convert_to_tensor,
}
DTYPES = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float16",
    "float64",
    "longdouble",
]
SWAPPED = ["f2", "f4", "f8", "i2", "i4", "i8", "u2"]


@pytest.fixture(scope="module")
def plain() -> str:
    return everything(X)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout, plain):
    assert everything(LAYOUTS[layout](X)) == plain


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype, plain):
    assert everything(X.astype(dtype)) == plain
    assert everything(inside(X.astype(dtype))) == plain


@pytest.mark.parametrize("dtype", SWAPPED)
def test_foreign_byte_order(dtype, plain):
    for order in "<>":
        assert everything(X.astype(order + dtype)) == plain


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
def test_dtypes_of_labels(dtype, plain):
    assert everything(X, Y.astype(dtype)) == plain
    assert everything(X, Y.astype(dtype)[:, None]) == plain
    assert everything(X, inside(Y.astype(dtype))) == plain


def test_lists_of_labels(plain):
    assert everything(X, Y.tolist()) == plain
    assert everything(X, [[int(label)] for label in Y]) == plain


def test_broadcast_rows_take_no_memory():
    x = np.broadcast_to(X[0], (50, 4, 5, 3))
    assert everything(x) == everything(x.copy())


def test_pandas(plain):
    pandas = pytest.importorskip("pandas")
    rows = X.reshape(50, 60)

    def train(x: Any, y: Any) -> str:
        dc.utils.set_random_seed(1)
        model = dc.Sequential([dc.Input((60,)), layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, verbose=0)
        return bits(*model.get_weights(), model.predict(x, verbose=0))

    expected = train(rows, Y)
    frame, series = pandas.DataFrame(rows), pandas.Series(Y)
    assert train(frame, series) == expected
    mixed = frame.astype({0: "int64", 1: "float64"})
    assert train(mixed, series.astype("int32").to_frame()) == expected
    assert train(frame.astype("Int64"), series.astype("Int64")) == expected


# ---- targets (N,) against outputs (N, 1)

TARGETS = RNG.normal(size=50).astype("float32")
LOSSES = {
    "mse": lambda t, p: (t - p) ** 2,
    "mae": lambda t, p: np.abs(t - p),
    "huber": lambda t, p: np.where(np.abs(t - p) <= 1, 0.5 * (t - p) ** 2, np.abs(t - p) - 0.5),
}


def linear(loss: str, eager: bool = False) -> dc.Sequential:
    dc.utils.set_random_seed(1)
    model = dc.Sequential([dc.Input((60,)), layers.Dense(1)])
    model.compile("adam", loss, metrics=["mae"], weighted_metrics=["mse"], run_eagerly=eager)
    return model


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("eager", [False, True])
def test_targets_are_aligned_never_broadcast(loss, eager):
    x = X.reshape(50, 60)
    model = linear(loss, eager)
    p = model.predict(x, verbose=0)[:, 0]
    near = p + 0.1 * TARGETS
    want = LOSSES[loss](near, p).mean()
    wrong = LOSSES[loss](near[None, :], p[:, None]).mean()
    assert wrong > 2 * want  # the test can tell
    for y in (near, near[:, None], near.tolist()):
        logs = model.evaluate(x, y, batch_size=16, verbose=0, return_dict=True)
        np.testing.assert_allclose(logs["loss"], want, rtol=1e-4)
        np.testing.assert_allclose(logs["mae"], np.abs(near - p).mean(), rtol=1e-4)
        np.testing.assert_allclose(logs["mse"], ((near - p) ** 2).mean(), rtol=1e-4)


@pytest.mark.parametrize("loss", [*LOSSES, "binary_crossentropy", "hinge", "log_cosh"])
def test_training_on_aligned_targets(loss):
    x, weights = X.reshape(50, 60), RNG.uniform(size=50)
    y = (TARGETS > 0).astype("float32")
    a, b = linear(loss), linear(loss)
    first = a.fit(x, y, sample_weight=weights, shuffle=False, verbose=0)
    second = b.fit(x, y[:, None], sample_weight=weights[:, None], shuffle=False, verbose=0)
    assert first.history == second.history
    for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(v, w)
