"""deepcore.random: reproducible streams and the right distributions."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore
from deepcore import initializers, ops, random
from deepcore.utils import set_random_seed


@pytest.mark.parametrize(
    "draw",
    [
        lambda seed: random.uniform((3, 5), seed=seed),
        lambda seed: random.normal((7,), 1.0, 2.0, seed=seed),
        lambda seed: random.truncated_normal((4, 4), seed=seed),
        lambda seed: random.randint((9,), 0, 100, seed=seed),
        lambda seed: random.categorical(np.zeros((2, 5), "f4"), 6, seed=seed),
        lambda seed: random.dropout(np.ones((4, 5), "f4"), 0.5, seed=seed),
        lambda seed: random.shuffle(np.arange(20), seed=seed),
    ],
)
def test_seeds(draw):
    same = [draw(7).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert not np.array_equal(draw(8).numpy(), same[0])
    generator = random.SeedGenerator(7)
    first, second = draw(generator).numpy(), draw(generator).numpy()
    np.testing.assert_array_equal(first, same[0])
    assert not np.array_equal(first, second)
    set_random_seed(3)
    a, b = draw(None).numpy(), draw(None).numpy()
    set_random_seed(3)
    np.testing.assert_array_equal(draw(None).numpy(), a)
    np.testing.assert_array_equal(draw(None).numpy(), b)


def test_moments_of_the_distributions():
    n = 200_000
    uniform = random.uniform((n,), -1, 3, seed=1).numpy()
    assert uniform.min() >= -1
    assert uniform.max() < 3
    assert abs(uniform.mean() - 1) < 0.02
    normal = random.normal((n,), 1.0, 2.0, seed=1).numpy()
    assert abs(normal.mean() - 1) < 0.02
    assert abs(normal.std() - 2) < 0.02
    cut = random.truncated_normal((n,), 0.0, 1.0, seed=1).numpy()
    assert abs(cut).max() <= 2
    assert abs(cut.std() - 0.8796) < 0.01
    dice = random.randint((n,), 1, 7, seed=1).numpy()
    assert set(np.unique(dice)) == {1, 2, 3, 4, 5, 6}
    assert abs(dice.mean() - 3.5) < 0.02
    logits = np.log(np.array([[0.1, 0.2, 0.7]], "f4"))
    share = np.bincount(random.categorical(logits, n, seed=1).numpy()[0]) / n
    np.testing.assert_allclose(share, [0.1, 0.2, 0.7], atol=0.01)


def test_dropout():
    x = np.ones((1000, 100), "f4")
    y = random.dropout(x, 0.25, seed=1).numpy()
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.01
    rows = random.dropout(x, 0.5, noise_shape=(None, 1), seed=1).numpy()
    assert (rows == rows[:, :1]).all()
    assert len(np.unique(rows)) == 2
    np.testing.assert_array_equal(random.dropout(x, 0.0, seed=1).numpy(), x)
    assert (random.dropout(x, 1.0, seed=1).numpy() == 0).all()
    with pytest.raises(ValueError, match="rate must be in"):
        random.dropout(x, 1.5)


def test_dtypes_and_arguments():
    assert random.uniform((2,), dtype="float64", seed=1).dtype == "float64"
    assert random.normal((2,), dtype="float16", seed=1).dtype == "float16"
    assert random.randint((2,), 0, 5, "int64", 1).dtype == "int64"
    with pytest.raises(ValueError, match="dtype must be a float"):
        random.uniform((2,), dtype="int32")
    with pytest.raises(ValueError, match="dtype must be an integer"):
        random.randint((2,), 0, 5, "float32")
    with pytest.raises(ValueError, match="seed must be an integer"):
        random.uniform((2,), seed="seven")
    with pytest.raises(ValueError, match="seed must be in"):
        random.SeedGenerator(-1)
    with pytest.raises(ValueError, match="must have shape"):
        random.categorical(np.zeros(3, "f4"), 2)
    assert random.uniform((0, 3), seed=1).shape == (0, 3)


def test_a_compiled_function_moves_the_generator_on():
    generator = random.SeedGenerator(5)

    @deepcore.function
    def draw():
        return random.uniform((3,), seed=generator)

    compiled = [draw().numpy() for _ in range(3)]
    other = random.SeedGenerator(5)
    eager = [random.uniform((3,), seed=other).numpy() for _ in range(3)]
    np.testing.assert_array_equal(compiled, eager)
    assert generator.state.numpy().tolist() == [5, 3]


def test_set_random_seed_reaches_functions_compiled_before():
    @deepcore.function
    def draw():
        return random.normal((4,))

    set_random_seed(11)
    first = draw().numpy()
    set_random_seed(11)
    np.testing.assert_array_equal(draw().numpy(), first)


def test_initializers_follow_the_global_seed():
    def weights():
        set_random_seed(2)
        return [initializers.get(n)((4, 5)).numpy() for n in ("glorot_uniform", "he_normal")]

    for a, b in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_shuffle_permutes_one_axis():
    x = np.arange(12).reshape(3, 4)
    y = random.shuffle(x, 1, seed=3).numpy()
    assert sorted(y[0]) == [0, 1, 2, 3]
    np.testing.assert_array_equal(y - y[:1], x - x[:1])
    with pytest.raises(NotImplementedError, match="cannot be traced"):
        deepcore.function(lambda: random.shuffle(ops.arange(5), seed=random.SeedGenerator(1)))()
