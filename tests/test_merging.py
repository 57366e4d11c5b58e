"""Merging layers: values, shapes, broadcasting, errors, configs; in test_functional.py Keras's."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from deepcore import layers


def data(*shapes):
    rng = np.random.default_rng(3)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


KINDS = {
    "Add": (lambda *x: sum(x[1:], x[0]), 3),
    "Subtract": (lambda a, b: a - b, 2),
    "Multiply": (lambda *x: np.prod(x, axis=0), 3),
    "Average": (lambda *x: np.mean(x, axis=0), 3),
    "Maximum": (lambda *x: np.max(x, axis=0), 3),
    "Minimum": (lambda *x: np.min(x, axis=0), 3),
    "Concatenate": (lambda *x: np.concatenate(x, axis=-1), 3),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(2, 3), (1, 4, 5), (0, 3), (3, 2, 2, 7)])
def test_values(kind, shape):
    function, count = KINDS[kind]
    inputs = data(*[shape] * count)
    want = function(*inputs)
    layer = getattr(layers, kind)()
    np.testing.assert_allclose(layer(inputs).numpy(), want, rtol=1e-5, atol=1e-6)
    alias = getattr(layers, kind.lower())
    np.testing.assert_array_equal(alias(inputs).numpy(), layer(inputs).numpy())
    symbols = [dc.Input(shape[1:]) for _ in inputs]
    out = alias(symbols, name="merged")
    assert out.shape == (None, *want.shape[1:])
    assert out._keras_history.operation.name == "merged"
    model = dc.Model(symbols, out)
    if shape[0]:
        np.testing.assert_array_equal(model.predict(inputs, verbose=0), layer(inputs).numpy())


@pytest.mark.parametrize(
    ("shapes", "want"),
    [
        ([(2, 3, 4), (2, 4)], (2, 3, 4)),  # axes of size 1 after the batch
        ([(2, 4), (2, 3, 4)], (2, 3, 4)),
        ([(2, 1, 4), (2, 3, 1)], (2, 3, 4)),
        ([(2, 5, 3, 4), (2, 4), (2, 3, 1)], (2, 5, 3, 4)),
        ([(2, 3)], (2, 3)),
    ],
)
def test_broadcasting(shapes, want):
    inputs = data(*shapes)
    ndim = len(want)
    full = [x.reshape(x.shape[0], *[1] * (ndim - x.ndim), *x.shape[1:]) for x in inputs]
    layer = layers.Multiply()
    found = layer(inputs)
    assert found.shape == want
    product = np.ones(())
    for x in full:
        product = product * x
    np.testing.assert_allclose(found.numpy(), product, rtol=1e-6)
    assert layer.compute_output_shape(shapes) == want
    symbols = [dc.KerasTensor((None, *shape[1:])) for shape in shapes]
    assert layers.Maximum()(symbols).shape == (None, *want[1:])


def test_unknown_sizes():
    a, b = dc.KerasTensor((None, None, 3)), dc.KerasTensor((4, 5, 1))
    assert layers.add([a, b]).shape == (4, None, 3)
    assert layers.concatenate([a, dc.KerasTensor((None, 5, 3))], axis=1).shape == (None, None, 3)
    assert layers.concatenate([a, dc.KerasTensor((None, 5, 2))]).shape == (None, 5, 5)


def test_concatenate_axes():
    a, b = data((2, 3, 4), (2, 5, 4))
    np.testing.assert_array_equal(
        layers.Concatenate(axis=1)([a, b]).numpy(), np.concatenate([a, b], 1)
    )
    np.testing.assert_array_equal(
        layers.Concatenate(axis=-2)([a, b]).numpy(), np.concatenate([a, b], 1)
    )
    assert layers.Concatenate(axis=1).compute_output_shape([(2, 3, 4), (2, 5, 4)]) == (2, 8, 4)


# Shapes of the inputs, the axes, and the same by einsum.
DOTS = [
    ((2, 3), (2, 3), 1, "ni,ni->n"),
    ((2, 3), (2, 3), -1, "ni,ni->n"),
    ((2, 3, 5), (2, 10, 3), (1, 2), "nij,nki->njk"),
    ((2, 3, 5), (2, 5, 4), (2, 1), "nij,njk->nik"),
    ((2, 3, 5), (2, 5), (2, 1), "nij,nj->ni"),
    ((2, 5), (2, 3, 5), (-1, -1), "nj,nij->ni"),
    ((2, 3, 4, 5), (2, 6, 4, 7), 2, "niaj,nkal->nijkl"),
    ((1, 2, 3, 1, 2), (1, 3), (2, 1), "nabcd,nb->nacd"),
    ((0, 3), (0, 3), 1, "ni,ni->n"),
]


@pytest.mark.parametrize(("first", "second", "axes", "sums"), DOTS)
@pytest.mark.parametrize("normalize", [False, True])
def test_dot(first, second, axes, sums, normalize):
    x, y = data(first, second)
    layer = layers.Dot(axes, normalize=normalize)
    a, b = (axes, axes) if isinstance(axes, int) else axes
    if normalize:
        u = x / np.linalg.norm(x, axis=a, keepdims=True)
        v = y / np.linalg.norm(y, axis=b, keepdims=True)
    else:
        u, v = x, y
    want = np.einsum(sums, u, v)
    want = want[:, None] if want.ndim == 1 else want
    np.testing.assert_allclose(layer([x, y]).numpy(), want, rtol=1e-4, atol=1e-5)
    symbols = [dc.Input(shape[1:]) for shape in (first, second)]
    out = layers.dot(symbols, axes=axes, normalize=normalize)
    assert out.shape == (None, *want.shape[1:])
    assert layer.compute_output_shape([first, second]) == want.shape


WRONG = {
    "one tensor": (lambda: layers.Add()(np.ones((2, 3))), "should be called on a list of inputs"),
    "one symbol": (lambda: layers.Add()(dc.Input((3,))), "should be called on a list of inputs"),
    "nothing": (lambda: layers.Add()([]), "at least 1 input"),
    "batch sizes": (
        lambda: layers.Add()([np.ones((2, 3)), np.ones((4, 3))]),
        "Cannot merge tensors with different batch sizes",
    ),
    "sizes": (
        lambda: layers.Multiply()([np.ones((2, 3)), np.ones((2, 4))]),
        r"Inputs have incompatible shapes. Received shapes \(3,\) and \(4,\)",
    ),
    "three for subtract": (
        lambda: layers.subtract([np.ones((2, 3))] * 3),
        "`Subtract` layer should be called on exactly 2 inputs",
    ),
    "one for subtract": (
        lambda: layers.subtract([np.ones((2, 3))]),
        "`Subtract` layer should be called on exactly 2 inputs",
    ),
    "three for subtract, built for two": (
        lambda: _built(layers.Subtract())([np.ones((2, 3))] * 3),
        "exactly 2 inputs",
    ),
    "a tensor, built for two": (
        lambda: _built(layers.Add())(np.ones((2, 3))),
        "not a list of tensors",
    ),
    "a tensor to concatenate": (
        lambda: layers.Concatenate()(np.ones((2, 3))),
        "`Concatenate` layer should be called on a list",
    ),
    "a tensor, built to concatenate": (
        lambda: _built(layers.Concatenate())(np.ones((2, 3))),
        "`Concatenate` layer should be called on a list",
    ),
    "other sizes to concatenate": (
        lambda: layers.concatenate([np.ones((2, 3, 4)), np.ones((2, 5, 3))]),
        "requires inputs with matching shapes except for the concatenation axis",
    ),
    "other axes to concatenate": (
        lambda: layers.concatenate([np.ones((2, 3, 4)), np.ones((2, 4))]),
        "requires inputs with matching shapes",
    ),
    "no such axis": (
        lambda: layers.concatenate([np.ones((2, 3))] * 2, axis=2),
        "requires inputs with matching shapes",
    ),
    "dot of three": (lambda: layers.dot([np.ones((2, 3))] * 3, 1), "on a list of 2 inputs"),
    "dot of one": (lambda: layers.dot(np.ones((2, 3)), 1), "on a list of 2 inputs"),
    "dot of batches": (lambda: layers.dot([np.ones((2, 3))] * 2, 0), "cannot sum over axis 0"),
    "dot of other sizes": (
        lambda: layers.dot([np.ones((2, 3)), np.ones((2, 4))], 1),
        r"axis values 3 \(at axis 1\) != 4 \(at axis 1\)",
    ),
    "dot of too many axes": (lambda: layers.dot([np.ones((2, 3))] * 2, 2), "there is no axis 2"),
    "dot of three axes": (lambda: layers.Dot((1, 2, 3)), "should contain two elements"),
    "dot of names": (lambda: layers.Dot(("a", 1)), "list elements should be integers"),
}


def _built(layer):
    layer([np.ones((2, 3))] * 2)
    return layer


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_inputs(wrong):
    call, message = WRONG[wrong]
    with pytest.raises(ValueError, match=message):
        call()


def test_dot_axes_are_numbers():
    with pytest.raises(TypeError, match="it should be a list or an int"):
        layers.Dot("one")


@pytest.mark.parametrize(
    "layer",
    [
        layers.Add(name="a"),
        layers.Subtract(dtype="float64"),
        layers.Concatenate(axis=1),
        layers.Dot((1, 2), normalize=True),
        layers.Identity(),
    ],
)
def test_configs(layer):
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    described = dc.saving.serialize_keras_object(layer)
    assert described["module"] == "keras.layers"
    assert type(dc.saving.deserialize_keras_object(described)) is type(layer)


def test_identity():
    x, y = data((2, 3), (2, 4))
    found = layers.Identity()([x, {"y": y}])
    np.testing.assert_array_equal(found[1]["y"].numpy(), y)
    symbol = dc.Input((3,))
    out = layers.Identity()(symbol)
    assert out.shape == symbol.shape
    assert out is not symbol


@pytest.mark.parametrize("kind", [*KINDS, "Dot"])
def test_gradients_reach_all_inputs(kind):
    count = 2 if kind == "Dot" else KINDS[kind][1]
    layer = layers.Dot(1) if kind == "Dot" else getattr(layers, kind)()
    variables = [dc.Variable(x) for x in data(*[(2, 3)] * count)]
    with dc.GradientTape() as tape:
        total = dc.ops.sum(layer(variables) ** 2)
    for gradient in tape.gradient(total, variables):
        assert gradient.shape == (2, 3)
        assert np.abs(gradient.numpy()).sum() > 0
