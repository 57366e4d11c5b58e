"""Methods of Tensor that NumPy has too."""

import numpy as np
import pytest

import deepcore
from deepcore import Tensor

REDUCTIONS = ("sum", "prod", "max", "min", "mean", "var", "std")


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("how", [{}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}])
def test_reductions_are_methods_as_in_numpy(name, how):
    x = np.random.default_rng(0).standard_normal((3, 4, 5)).astype("float32")
    t = Tensor(x)
    want = getattr(x, name)(**how)
    np.testing.assert_allclose(getattr(t, name)(**how), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(getattr(np, name)(t, **how), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["any", "all", "argmax", "argmin"])
@pytest.mark.parametrize("how", [{}, {"axis": 1}, {"axis": 0, "keepdims": True}])
def test_logic_and_places_are_methods_as_in_numpy(name, how):
    x = np.random.default_rng(0).integers(0, 2, (3, 4)).astype(bool)
    x = x if name in ("any", "all") else x * np.arange(12).reshape(3, 4)
    want = getattr(x, name)(**how)
    np.testing.assert_array_equal(getattr(Tensor(x), name)(**how), want)
    np.testing.assert_array_equal(getattr(np, name)(Tensor(x), **how), want)


@pytest.mark.parametrize(
    "method",
    [
        lambda t: t.transpose(),
        lambda t: t.transpose(None),
        lambda t: t.transpose(2, 0, 1),
        lambda t: t.transpose((0, -1, 1)),
        lambda t: t.flatten(),
        lambda t: t.ravel(),
        lambda t: t.copy(),
        lambda t: t.squeeze(),
        lambda t: t.squeeze(1),
        lambda t: t.clip(-0.5, 0.5),
        lambda t: t.round(),
        lambda t: t.T,
        lambda t: t.sum(dtype="float64"),
    ],
)
def test_shaping_methods_are_numpys(method):
    x = np.random.default_rng(0).standard_normal((3, 1, 5)).astype("float32")
    want, found = method(x), method(Tensor(x))
    assert isinstance(found, Tensor)
    assert found.dtype == str(want.dtype)
    np.testing.assert_allclose(found, want, rtol=1e-6)


def test_a_copy_owns_its_memory():
    x = np.zeros(3, "float32")
    shared, copy = Tensor(x), Tensor(x).copy()
    x[:] = 1
    assert (shared.tolist(), copy.tolist()) == ([1, 1, 1], [0, 0, 0])


def test_methods_refuse_what_they_do_not_do():
    t = Tensor(np.ones((2, 3), "float32"))
    with pytest.raises(TypeError, match=r"sum.*where"):
        t.sum(where=True)
    with pytest.raises(TypeError, match=r"std.*ddof"):
        t.std(ddof=1)
    with pytest.raises(ValueError, match="transpose"):
        t.transpose(0, 0)


def test_methods_have_gradients_and_can_be_traced():
    x = deepcore.Variable(np.array([1.0, 2.0, 3.0], "float32"))

    @deepcore.function
    def loss():
        return (x.value.reshape(3, 1).T.squeeze() ** 2).sum()

    with deepcore.GradientTape() as tape:
        y = (x.value.reshape(3, 1).T.squeeze() ** 2).sum()
    np.testing.assert_allclose(tape.gradient(y, x), [2, 4, 6])
    assert loss().item() == 14
