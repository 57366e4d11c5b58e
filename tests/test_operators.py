"""Operators of tensors: values, broadcasting, and dtypes as keras.backend.result_type has them."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deepcore import _core
from tensors import DTYPES, SHAPES, values

# ---- operators

BINARY: list[Callable[[Any, Any], Any]] = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("op", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_operators(op: Callable[[Any, Any], Any], dtype: str) -> None:
    pairs = [(s, s) for s in SHAPES] + [
        ((3, 5), (5,)),
        ((3, 1), (1, 5)),
        ((), (4, 2)),
        ((2, 0), (1, 1)),
    ]
    for a_shape, b_shape in pairs:
        a, b = values(a_shape, dtype, 1), values(b_shape, dtype, 2)
        b = np.where(b == 0, np.ones_like(b), b).astype(dtype)
        expected = op(a, b)
        if "int" in dtype and op is operator.truediv:
            expected = expected.astype("float32")
        for left, right in [
            (_core.as_tensor(a), _core.as_tensor(b)),
            (a, _core.as_tensor(b)),
            (_core.as_tensor(a), b),
        ]:
            actual = op(left, right)
            assert isinstance(actual, _core.Tensor)
            assert actual.shape == expected.shape
            assert actual.dtype == expected.dtype
            np.testing.assert_allclose(actual.numpy(), expected, rtol=3e-7, atol=0)


def test_power_matmul_and_unary() -> None:
    a = np.float32([[1, 2], [3, 4]])
    x = _core.as_tensor(a)
    np.testing.assert_allclose((x**2).numpy(), a**2, rtol=1e-6)
    np.testing.assert_allclose((2**x).numpy(), 2**a, rtol=1e-6)
    np.testing.assert_allclose((x**-0.5).numpy(), a**-0.5, rtol=1e-6)
    assert pow(_core.as_tensor(3), 2).item() == 9
    np.testing.assert_array_equal((x @ x).numpy(), a @ a)
    np.testing.assert_array_equal((a @ x).numpy(), a @ a)
    np.testing.assert_array_equal((x @ [1, 2]).numpy(), a @ [1, 2])
    np.testing.assert_array_equal((-x).numpy(), -a)
    np.testing.assert_array_equal((+x).numpy(), a)
    np.testing.assert_array_equal(abs(-x).numpy(), a)
    np.testing.assert_array_equal((~(x > 2)).numpy(), ~(a > 2))
    np.testing.assert_array_equal(
        ((x > 1) & (x < 4) | (x == 1) ^ True).numpy(), (a > 1) & (a < 4) | (a == 1) ^ True
    )
    with pytest.raises(TypeError, match=r"defined for bool tensors, got int32.*compare first"):
        _core.as_tensor([1]) & _core.as_tensor([2])


def test_array_operators_give_tensors() -> None:
    x, a = _core.as_tensor([1.0, 2.0]), np.float32([3, 4])
    for result in (a + x, x + a, np.float32(1) + x, a > x, a @ x, x - (1, 2)):
        assert isinstance(result, _core.Tensor)
    assert isinstance(np.exp(x), np.ndarray)
    assert isinstance(np.sum(x), np.generic)
    a += x
    np.testing.assert_array_equal(a, [4, 6])


def test_foreign_operands_get_their_turn() -> None:
    class Foreign:
        def __radd__(self, other: Any) -> str:
            return "mine"

        def __eq__(self, other: Any) -> Any:
            return "mine too"

        __hash__ = None  # type: ignore[assignment]

    x = _core.as_tensor([1.0])
    assert x + Foreign() == "mine"
    assert (x == Foreign()) == "mine too"
    assert (x == None) is False  # noqa: E711
    assert (x != None) is True  # noqa: E711
    for bad in (lambda: x + "a", lambda: x < None, lambda: {} - x):
        with pytest.raises(TypeError, match=r"unsupported operand|not supported"):
            bad()


def test_shapes_that_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"\[2\].*\[3\]"):
        _core.as_tensor([1, 2]) + _core.as_tensor([1, 2, 3])


# ---- dtype promotion: the table of keras.backend.result_type for our dtypes

LATTICE = {
    "bool": "bool uint8 int32 int64 float16 bfloat16 float32 float64",
    "uint8": "uint8 uint8 int32 int64 float16 bfloat16 float32 float64",
    "int32": "int32 int32 int32 int64 float16 bfloat16 float32 float64",
    "int64": "int64 int64 int64 int64 float16 bfloat16 float32 float64",
    "float16": "float16 float16 float16 float16 float16 float32 float32 float64",
    "bfloat16": "bfloat16 bfloat16 bfloat16 bfloat16 float32 bfloat16 float32 float64",
    "float32": "float32 float32 float32 float32 float32 float32 float32 float64",
    "float64": "float64 float64 float64 float64 float64 float64 float64 float64",
}
# What a Python number makes of each dtype.
WEAK: list[tuple[Any, str]] = [
    (True, "bool uint8 int32 int64 float16 bfloat16 float32 float64"),
    (2, "int32 uint8 int32 int64 float16 bfloat16 float32 float64"),
    (-2, "int32 int32 int32 int64 float16 bfloat16 float32 float64"),
    (2**40, "int64 int64 int64 int64 float16 bfloat16 float32 float64"),
    (2.5, "float32 float32 float32 float32 float16 bfloat16 float32 float64"),
]


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
def test_promotion(a: str, b: str) -> None:
    expected = LATTICE[a].split()[DTYPES.index(b)]
    x, y = _core.as_tensor([1, 1], a), _core.as_tensor([1, 1], b)
    assert (x * y).dtype == expected
    assert _core.maximum(x, y).dtype == expected
    assert _core.where([True, False], x, y).dtype == expected
    assert _core.concatenate([x, y]).dtype == expected
    assert _core.matmul(x, y).dtype == expected
    assert (x / y).dtype == (expected if "float" in expected else "float32")
    assert (x - y).dtype == ("int32" if expected == "bool" else expected)
    assert (x == y).dtype == _core.logical_or(x, y).dtype == "bool"


@pytest.mark.parametrize(("number", "row"), WEAK, ids=[repr(n) for n, _ in WEAK])
@pytest.mark.parametrize("dtype", DTYPES)
def test_python_numbers_are_weak(number: Any, row: str, dtype: str) -> None:
    expected = row.split()[DTYPES.index(dtype)]
    x = _core.as_tensor([1, 0], dtype)
    for y in (
        x * number,
        number * x,
        _core.maximum(x, number),
        _core.where([True, False], number, x),
    ):
        assert y.dtype == expected
    if number is not True and not (dtype == "float16" and number == 2**40):
        np.testing.assert_array_equal((x * number).numpy(), [number, 0])


def test_numpy_scalars() -> None:
    x = _core.as_tensor([1.0])
    assert (x * np.float64(2)).dtype == "float32"  # np.sqrt(2) is a Python float too
    assert (np.sqrt(2) * x).dtype == "float32"
    assert (x.astype("int32") + np.int64(1)).dtype == "int64"
    assert (x.astype("float16") + np.float32(1)).dtype == "float32"
    assert (x + np.zeros(1)).dtype == "float64"


UNARY_DTYPES = {
    "negative": "int32 uint8 int32 int64",
    "abs": "bool uint8 int32 int64",
    "square": "int32 uint8 int32 int64",
    "relu": "int32 uint8 int32 int64",
    "round": "bool uint8 int32 int64",
    "sqrt": "float32 float32 float32 float32",
    "exp": "float32 float32 float32 float32",
    "floor": "float32 float32 float32 float32",
    "sigmoid": "float32 float32 float32 float32",
    "isnan": "bool bool bool bool",
    "logical_not": "bool bool bool bool",
    "sum": "int32 int32 int32 int64",
    "max": "bool uint8 int32 int64",
    "mean": "float32 float32 float32 float32",
    "std": "float32 float32 float32 float32",
    "any": "bool bool bool bool",
    "logsumexp": "float32 float32 float32 float32",
    "softmax": "float32 float32 float32 float32",
}


@pytest.mark.parametrize("name", UNARY_DTYPES)
def test_unary_dtypes(name: str) -> None:
    keeps = "bool" if UNARY_DTYPES[name].endswith("bool") else ""
    for dtype, expected in zip(DTYPES[:4], UNARY_DTYPES[name].split(), strict=True):
        assert getattr(_core, name)(_core.as_tensor([0, 1], dtype)).dtype == expected
    for dtype in DTYPES[4:]:
        assert getattr(_core, name)(_core.as_tensor([0, 1], dtype)).dtype == (keeps or dtype)


def test_half_floats_compute_in_float32() -> None:
    a = (values((37,), "float64", 3) / 4).astype("float16")
    x = _core.as_tensor(a)
    np.testing.assert_array_equal(
        _core.exp(x).numpy(), np.exp(a.astype("float32")).astype("float16")
    )
    total = a.astype("float32").sum()
    assert abs(_core.sum(x).item() - total) <= abs(total) * 2**-10
    b = _core.as_tensor([1.0, 3.0], "bfloat16")
    assert (b / 3).dtype == "bfloat16"
    assert (b / 3).numpy()[0] == np.float32(0.333984375)
