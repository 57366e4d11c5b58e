"""Initializers: variances, seeds, configs; regularizers beside them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepcore import initializers, ops, regularizers
from deepcore.random import SeedGenerator

VARIANCES = {
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
    "variance_scaling": lambda i, o: 1 / i,
    "random_normal": lambda i, o: 0.05**2,
    "random_uniform": lambda i, o: 0.1**2 / 12,
    "truncated_normal": lambda i, o: (0.05 * 0.87962566103423978) ** 2,
}
ALL = [*VARIANCES, "zeros", "ones", "constant", "orthogonal", "identity"]


@pytest.mark.parametrize("shape", [(300, 500), (3, 3, 60, 90)], ids=str)
@pytest.mark.parametrize("name", VARIANCES)
def test_variances(name, shape):
    w = initializers.get({"class_name": name, "config": {"seed": 5}})(shape).numpy()
    field = int(np.prod(shape[:-2]))
    expected = VARIANCES[name](shape[-2] * field, shape[-1] * field)
    assert w.shape == shape
    assert w.dtype == np.float32
    assert abs(w.mean()) < 4 * np.sqrt(expected / w.size)
    assert w.var() == pytest.approx(expected, rel=0.02)
    if "uniform" in name:
        assert abs(w).max() <= np.sqrt(3 * expected) * 1.0001


def test_fans():
    assert initializers.compute_fans(()) == (1, 1)
    assert initializers.compute_fans((7,)) == (7, 7)
    assert initializers.compute_fans((2, 3)) == (2, 3)
    assert initializers.compute_fans((5, 4, 2, 3)) == (40, 60)
    assert initializers.compute_fans((5, 4, 2), (0,), (1, 2)) == (5, 8)


def test_constants():
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)).numpy(), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.Ones()((2,), "int32").numpy(), [1, 1])
    np.testing.assert_array_equal(initializers.Constant([1, 2])((2, 2)).numpy(), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(initializers.Identity(2)((2, 3)).numpy(), 2 * np.eye(2, 3))
    with pytest.raises(ValueError, match="must have 2 axes"):
        initializers.Identity()((2, 2, 2))


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (2, 3, 4)], ids=str)
def test_orthogonal(shape):
    w = initializers.Orthogonal(gain=2.0, seed=3)(shape, "float64").numpy().reshape(-1, shape[-1])
    product = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)
    with pytest.raises(ValueError, match="at least 2 axes"):
        initializers.Orthogonal()((3,))


@pytest.mark.parametrize("name", [*VARIANCES, "orthogonal"])
def test_seeds(name):
    cls = getattr(initializers, name)
    draw = lambda i: i((5, 4)).numpy()  # noqa: E731
    np.testing.assert_array_equal(draw(cls(seed=1)), draw(cls(seed=1)))
    assert not np.array_equal(draw(cls(seed=1)), draw(cls(seed=2)))
    assert not np.array_equal(draw(cls()), draw(cls()))
    one = cls()
    np.testing.assert_array_equal(draw(one), draw(one))
    stream = cls(seed=SeedGenerator(1))
    assert not np.array_equal(draw(stream), draw(stream))
    with pytest.raises(ValueError, match="seed must be an integer"):
        cls(seed="one")


@pytest.mark.parametrize("name", ALL)
def test_configs(name):
    initializer = initializers.get(name)
    config = initializers.serialize(initializer)
    assert config["module"] == "keras.initializers"
    assert config["registered_name"] is None
    again = initializers.deserialize(json.loads(json.dumps(config)))
    assert type(again) is type(initializer)
    assert again.get_config() == initializer.get_config()
    assert type(initializer.clone()) is type(initializer)


def test_configs_with_seeds_and_arrays():
    assert initializers.HeNormal(seed=3).get_config() == {"seed": 3}
    config = json.loads(
        json.dumps(initializers.serialize(initializers.HeNormal(seed=SeedGenerator(2))))
    )
    again = initializers.deserialize(config)
    assert again.seed.get_config()["seed"] == 2
    config = json.loads(json.dumps(initializers.serialize(initializers.Constant(np.array([1, 2])))))
    np.testing.assert_array_equal(initializers.deserialize(config)((2,)).numpy(), [1, 2])


def test_get():
    assert initializers.get(None) is None
    assert isinstance(initializers.get("HeNormal"), initializers.HeNormal)
    assert isinstance(initializers.get("zero"), initializers.Zeros)
    assert isinstance(initializers.get("normal"), initializers.RandomNormal)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert isinstance(initializers.get(np.ones(2)), initializers.Constant)
    function = lambda shape, dtype: ops.ones(shape)  # noqa: E731
    assert initializers.get(function) is function
    with pytest.raises(
        ValueError, match=r"Unknown initializer: 'glorot_unifrm'. Did you mean 'glorot_uniform'"
    ):
        initializers.get("glorot_unifrm")
    with pytest.raises(ValueError, match="mode must be one of"):
        initializers.VarianceScaling(mode="fan")
    with pytest.raises(ValueError, match="scale must be above 0"):
        initializers.VarianceScaling(scale=0)


# ---- regularizers


def test_penalties():
    x = np.array([[1.0, -2.0], [3.0, 0.0]], "f4")
    assert regularizers.L1(0.1)(x).item() == pytest.approx(0.6)
    assert regularizers.L2(0.1)(x).item() == pytest.approx(1.4)
    assert regularizers.L1L2(0.1, 0.2)(x).item() == pytest.approx(0.6 + 2.8)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected = 0.01 * abs(unit[0] @ unit[1])
    assert regularizers.OrthogonalRegularizer()(x).item() == pytest.approx(expected)


@pytest.mark.parametrize("name", ["l1", "l2", "l1l2", "L1L2", "orthogonal_regularizer"])
def test_regularizer_configs(name):
    regularizer = regularizers.get(name)
    config = json.loads(json.dumps(regularizers.serialize(regularizer)))
    assert config["module"] == "keras.regularizers"
    assert regularizers.deserialize(config).get_config() == regularizer.get_config()


def test_regularizer_errors():
    with pytest.raises(ValueError, match="must be a finite number of at least 0"):
        regularizers.L2(-1)
    with pytest.raises(ValueError, match="must be a finite number"):
        regularizers.L1(float("nan"))
    with pytest.raises(ValueError, match="Unknown regularizer: 'l3'"):
        regularizers.get("l3")
