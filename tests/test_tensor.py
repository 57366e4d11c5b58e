"""Tensors: what becomes one, in which dtype, what they do, how they leave; variables, plans."""

import array
import copy
import gc
import operator
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deepcore import _core

DTYPES = ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"]
SHAPES: list[tuple[int, ...]] = [
    (),
    (1,),
    (7,),
    (8,),
    (9,),
    (17,),
    (3, 5),
    (2, 3, 4),
    (0,),
    (3, 0, 2),
]


def values(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 4).astype(dtype)


# ---- what becomes a tensor


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "int32"),
        (2**31, "int64"),
        (-(2**31), "int32"),
        (1.0, "float32"),
        (True, "bool"),
        (np.float64(1), "float64"),
        (np.float32(1), "float32"),
        (np.int64(1), "int64"),
        (np.bool_(True), "bool"),
        ([1, 2], "int32"),
        ([1, 2**40], "int64"),
        ([1.0, 2], "float32"),
        ((True, False), "bool"),
        ([[1.0], [2.0]], "float32"),
        ([], "float32"),
        (range(3), "int32"),
        ([np.float64(1), 2.0], "float64"),
        ([np.zeros(2), np.ones(2)], "float64"),
        (np.zeros(2, np.int8), "int32"),
        (np.zeros(2, np.int16), "int32"),
        (np.zeros(2, np.uint16), "int32"),
        (np.zeros(2, np.uint32), "int64"),
        (np.zeros(2, np.uint64), "int64"),
        (np.zeros(2, np.float16), "float16"),
        (np.zeros(2, np.longdouble), "float64"),
        (np.zeros(2, ">f4"), "float32"),
        (np.zeros(2, ">i8"), "int64"),
        (array.array("d", [1, 2]), "float64"),
        (memoryview(b"ab"), "uint8"),
    ],
    ids=repr,
)
def test_dtype_of(value: Any, dtype: str) -> None:
    tensor = _core.as_tensor(value)
    assert tensor.dtype == dtype
    np.testing.assert_array_equal(tensor.numpy(), np.asarray(value))


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">i2", ">f8"]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_layout(dtype: str, shape: tuple[int, ...]) -> None:
    base = np.abs(values(tuple(2 * n for n in shape), "float64")).astype(dtype)
    step_back = base[tuple(slice(None, None, -2) for _ in shape)]
    for view in (step_back, step_back.T, np.asfortranarray(base)):
        for made in (_core.as_tensor(view), _core.Tensor(view)):
            assert made.shape == view.shape
            np.testing.assert_array_equal(made.numpy(), view)


def test_lists_of_tensors() -> None:
    a, b = _core.as_tensor([1, 2]), _core.Variable(_core.as_tensor([3.0, 4.0]))
    nested = _core.as_tensor([[a, b], [b, [5, 6]]])
    assert nested.dtype == "float32"
    np.testing.assert_array_equal(nested.numpy(), [[[1, 2], [3, 4]], [[3, 4], [5, 6]]])
    with _core.Trace() as trace:
        x = trace.input((), "float32")
        graph = trace.finish([_core.as_tensor([x, 1, 2.5])])
    np.testing.assert_array_equal(_core.Plan(graph).run([7])[0].numpy(), np.float32([7, 1, 2.5]))


def test_unaligned_memory() -> None:
    raw = np.zeros(13, np.uint8)
    view = raw[1:].view("<f4")
    view[:] = [1, 2, 3]
    np.testing.assert_array_equal(_core.Tensor(view).numpy(), [1, 2, 3])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", "cannot make a tensor of a value of type str"),
        (b"bytes", "of a value of type bytes"),
        (None, "of a value of type NoneType"),
        ({}, "of a value of type dict"),
        (np.array(["a"]), r"cannot make a tensor of dtype str\d+: bool, int8 to int64"),
        (np.array([object()]), "dtype object"),
        (np.zeros(1, complex), "dtype complex128"),
        (np.zeros(1, "M8[s]"), "dtype datetime64"),
        (["a", "b"], "dtype str"),
        ([None, 1], "items of the list are not all numbers"),
        (1j, "of a value of type complex"),
    ],
    ids=repr,
)
def test_refused_values(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        _core.as_tensor(value)


def test_refused_numbers() -> None:
    with pytest.raises(ValueError, match="does not fit int64"):
        _core.as_tensor(np.array([2**63], np.uint64))
    with pytest.raises(ValueError, match="does not fit int64"):
        _core.as_tensor(2**70)
    with pytest.raises(ValueError, match="inhomogeneous"):
        _core.as_tensor([[1], [1, 2]])
    with pytest.raises(ValueError, match="at most 8 axes"):
        _core.as_tensor(np.zeros((1,) * 9))
    with pytest.raises(ValueError, match="unknown dtype 'float31', expected one of bool, uint8"):
        _core.as_tensor(1, "float31")
    assert (_core.as_tensor(1.0) * 2**70).item() == 2.0**70


@pytest.mark.parametrize(
    "spelling", ["float64", np.float64, np.dtype("float64"), np.dtype("float64").type]
)
def test_dtype_spellings(spelling: Any) -> None:
    assert _core.as_tensor(1, spelling).dtype == "float64"


def test_python_types_are_dtypes() -> None:
    assert [_core.as_tensor(1, t).dtype for t in (float, int, bool)] == ["float32", "int32", "bool"]


# ---- sharing memory


def test_construction_shares_what_it_can() -> None:
    data = np.arange(6, dtype=np.float32).reshape(2, 3)
    shared, copied = _core.Tensor(data), _core.as_tensor(data)
    data[0, 0] = 42
    assert shared.numpy()[0, 0] == 42
    assert copied.numpy()[0, 0] == 0
    assert np.shares_memory(shared.numpy(), data)
    assert not np.shares_memory(_core.Tensor(data, copy=True).numpy(), data)
    assert not np.shares_memory(_core.Tensor(data.T).numpy(), data)
    with pytest.raises(ValueError, match="copy=False"):
        _core.Tensor(data.T, copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        _core.Tensor(data, dtype="float64", copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        _core.Tensor(np.zeros(2, np.int8), copy=False)


def test_shared_memory_is_kept_and_freed() -> None:
    class Array(np.ndarray):
        pass

    data = np.zeros(1000, np.float32).view(Array)
    alive = weakref.ref(data)
    tensor = _core.Tensor(data)
    view = tensor.reshape(10, 100).numpy()
    del data, tensor
    gc.collect()
    assert alive() is not None
    assert view.sum() == 0
    del view
    gc.collect()
    assert alive() is None


def test_numpy_is_a_read_only_view() -> None:
    tensor = _core.as_tensor([[1.0, 2.0]])
    view = tensor.numpy()
    assert np.shares_memory(view, tensor.numpy())
    assert np.shares_memory(view, np.asarray(tensor))
    assert np.shares_memory(view, np.asarray(memoryview(tensor)))
    for each in (view, np.asarray(tensor)):
        with pytest.raises(ValueError, match="read-only"):
            each[0, 0] = 1
    del tensor
    gc.collect()
    np.testing.assert_array_equal(view, [[1, 2]])


def test_buffer_protocol() -> None:
    tensor = _core.as_tensor(np.arange(6, dtype=np.int64).reshape(2, 3))
    view = memoryview(tensor)
    assert (view.shape, view.format, view.readonly, view.strides) == ((2, 3), "l", True, (24, 8))
    assert view.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert memoryview(_core.as_tensor(np.zeros(2, np.float16))).format == "e"
    with pytest.raises(BufferError):
        memoryview(_core.as_tensor([1.0], "bfloat16"))


def test_array_protocol() -> None:
    tensor = _core.as_tensor([1.5, 2.5])
    assert np.asarray(tensor, dtype="int64").tolist() == [1, 2]
    assert np.array(tensor, copy=True).flags.writeable
    assert tensor.__array__("float64").dtype == np.float64
    assert tensor.__array__(copy=True).flags.writeable
    with pytest.raises(ValueError, match="needs a copy"):
        tensor.__array__("float64", copy=False)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_goes_through_numpy(dtype: str) -> None:
    tensor = _core.as_tensor([[0, 1, 2]], dtype)
    assert tensor.dtype == dtype
    out = tensor.numpy()
    assert out.dtype == ("float32" if dtype == "bfloat16" else dtype)
    np.testing.assert_array_equal(out, np.array([[0, 1, 2]]).astype(out.dtype))
    assert _core.as_tensor(1, dtype).item() == 1
    assert pickle.loads(pickle.dumps(tensor)).dtype == dtype


# ---- plain Python values


def test_attributes() -> None:
    x = _core.as_tensor(np.zeros((2, 3), np.float64))
    assert (x.shape, x.dtype, x.ndim, x.size, x.nbytes, x.is_symbolic) == (
        (2, 3),
        "float64",
        2,
        6,
        48,
        False,
    )
    assert x.T.shape == (3, 2)
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == x.reshape(-1, 2).shape == (3, 2)
    assert x.astype("int32").dtype == "int32"
    assert len(x) == 2
    assert x.tolist() == [[0.0] * 3] * 2
    assert hash(x) == hash(x)
    assert copy.copy(x) is x
    assert copy.deepcopy(x) is x
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(x)).numpy(), x.numpy())


def test_numbers() -> None:
    two = _core.as_tensor([[2]])
    assert (int(two), float(two), bool(two), two.item(), operator.index(two)) == (
        2,
        2.0,
        True,
        2,
        2,
    )
    assert [10, 20, 30][_core.as_tensor(2)] == 30
    assert f"{_core.as_tensor(1.25):.1f} {two:03d}" == "1.2 002"
    assert isinstance(_core.as_tensor(1.0).item(), float)
    assert isinstance(_core.as_tensor(True).item(), bool)
    with pytest.raises(
        ValueError, match=r"\[float\] needs a tensor with one element, got shape \[2\]"
    ):
        float(_core.as_tensor([1, 2]))
    with pytest.raises(
        ValueError, match=r"\[bool\] the truth of a tensor of shape \[2\] is ambiguous"
    ):
        bool(_core.as_tensor([1, 2]))
    with pytest.raises(TypeError, match="only integer tensors are indices"):
        operator.index(_core.as_tensor(1.0))
    with pytest.raises(TypeError, match="a scalar has no length"):
        len(_core.as_tensor(1.0))
    with pytest.raises(TypeError, match="a scalar cannot be iterated over"):
        iter(_core.as_tensor(1.0))


def test_repr() -> None:
    assert repr(_core.as_tensor([[1.0, 2.0]])) == (
        "<Tensor: shape=(1, 2), dtype=float32, numpy=\narray([[1., 2.]], dtype=float32)>"
    )
    assert str(_core.as_tensor(3)) == "<Tensor: shape=(), dtype=int32, numpy=3>"
    with _core.Trace() as trace:
        assert (
            repr(trace.input((2, 3), "float32"))
            == "<Tensor: shape=(2, 3), dtype=float32, symbolic>"
        )
    variable = _core.Variable(_core.as_tensor([1.0]), name="w")
    assert repr(variable) == "<Variable w: shape=(1,), dtype=float32>"


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


# ---- tensors without values


ATTEMPTS: list[tuple[str, Callable[[Any], Any]]] = [
    ("bool", bool),
    ("bool", lambda x: 1 if x > 0 else 2),
    ("numpy", lambda x: x.numpy()),
    ("numpy", np.asarray),
    ("item", lambda x: x.item()),
    ("float", float),
    ("int", int),
    ("index", lambda x: [1, 2][x]),
    ("numpy", lambda x: x.tolist()),
    ("dlpack", lambda x: x.__dlpack__()),
]


@pytest.mark.parametrize(("what", "attempt"), ATTEMPTS, ids=[w for w, _ in ATTEMPTS])
def test_symbols_have_no_value(what: str, attempt: Callable[[Any], Any]) -> None:
    message = rf"\[{what}\] this tensor has no value yet: .* traced.*ops\.where.*run_eagerly=True"
    with _core.Trace() as trace:
        x = trace.input((), "int32" if what == "index" else "float32")
        with pytest.raises(TypeError, match=message):
            attempt(x)


def test_symbols_know_their_type() -> None:
    with _core.Trace() as trace:
        assert _core.is_tracing()
        x = trace.input((2, 3), "float32")
        assert (x.shape, x.dtype, x.ndim, x.size, len(x), x.is_symbolic) == (
            (2, 3),
            "float32",
            2,
            6,
            2,
            True,
        )
        with _core.SuspendTrace():
            assert not _core.is_tracing()
            assert (_core.as_tensor(1) + 1).item() == 2
        with pytest.raises(ValueError, match="outside of it"):
            _core.Variable(x)
    assert not _core.is_tracing()
    with pytest.raises(ValueError, match="trace"):
        x + 1


# ---- variables


def test_variables() -> None:
    v = _core.Variable(_core.as_tensor([1.0, 2.0]), name="w", trainable=False)
    assert (v.name, v.trainable, v.shape, v.dtype, v.ndim, v.size) == (
        "w",
        False,
        (2,),
        "float32",
        1,
        2,
    )
    before = v.value
    v.assign([3, 4])
    np.testing.assert_array_equal(before.numpy(), [1, 2])
    np.testing.assert_array_equal(v.numpy(), [3, 4])
    np.testing.assert_array_equal(np.asarray(v), [3, 4])
    assert v.numpy().flags.writeable
    assert (v + 1).tolist() == (1 + v).tolist() == [4, 5]
    assert isinstance(np.ones(2) * v, _core.Tensor)
    assert (v == [3, 0]).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"variable 'w' has shape \[2\], got \[3\]"):
        v.assign([1, 2, 3])


def test_snapshots_survive_plans() -> None:
    v = _core.Variable(_core.as_tensor(np.zeros(100, np.float32)))
    with _core.Trace() as trace:
        v.assign(v + 1.0)
        plan = _core.Plan(trace.finish([]))
    plan.run([])
    value, view, array_ = v.value, memoryview(v.value), np.asarray(v)
    reshaped = v.value.reshape(10, 10)
    for _ in range(3):
        plan.run([])
    for snapshot in (value.numpy(), view, array_, reshaped.numpy()):
        assert np.asarray(snapshot).ravel().tolist() == [1.0] * 100
    assert v.numpy().tolist() == [4.0] * 100


def test_a_plan_never_writes_into_borrowed_memory() -> None:
    data = np.zeros(100, np.float32)
    v = _core.Variable(_core.Tensor(data))
    with _core.Trace() as trace:
        v.assign(v + 1.0)
        plan = _core.Plan(trace.finish([]))
    plan.run([])
    assert v.numpy().tolist() == [1.0] * 100
    assert not data.any()


class Named(_core.Variable):
    """A subclass as deepcore.Variable is one."""

    def __init__(self, value: Any, owner: Any = None) -> None:
        super().__init__(_core.as_tensor(value), "named", True)
        self.owner = owner


def test_subclasses_keep_their_identity() -> None:
    a, b = Named([1.0]), Named([2.0])
    tape = _core.Tape()
    tape.start()
    y = a * b * a
    tape.stop()
    assert [v is w for v, w in zip(tape.watched_variables(), [a, b], strict=True)] == [True, True]
    assert [g.tolist() for g in tape.gradient([y], [None], [a, b])] == [[4.0], [1.0]]
    with _core.Trace() as trace:
        b.assign(a + b)
        graph = trace.finish([])
    assert [v is w for v, w in zip(graph.reads(), [a, b], strict=True)] == [True, True]
    assert graph.writes()[0] is b
    plan = _core.Plan(graph)
    alive = weakref.ref(b)
    del b, graph
    gc.collect()
    assert alive() is None  # a plan keeps the value, not the Python object: no cycle can hide in it
    plan.run([])


def test_cycles_through_variables_are_collected() -> None:
    class Owner:
        pass

    owner = Owner()
    owner.variable = Named([1.0], owner)  # type: ignore[attr-defined]
    with _core.Trace() as trace:
        owner.variable.assign(owner.variable + 1.0)  # type: ignore[attr-defined]
        owner.plan = _core.Plan(trace.finish([]))  # type: ignore[attr-defined]
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is None


# ---- tapes


def test_tape_sources() -> None:
    x, other = _core.as_tensor([1.0, 2.0]), _core.as_tensor(5.0)
    v = _core.Variable(_core.as_tensor(3.0))
    tape = _core.Tape()
    tape.watch(x)
    tape.start()
    y = x * x * v
    tape.stop()
    gx, gv, none = tape.gradient([y], [None], [x, v, other])
    assert gx.tolist() == [6.0, 12.0]
    assert gv.item() == 5.0
    assert none is None
    (scaled,) = tape.gradient([y], [_core.as_tensor([1.0, 0.0])], [x])
    assert scaled.tolist() == [6.0, 0.0]
    tape.clear()
    assert tape.gradient([y], [None], [x]) == [None]
    with pytest.raises(TypeError, match="sources must be Tensors or Variables, got float"):
        tape.gradient([y], [None], [1.0])  # type: ignore[list-item]


def test_second_order_through_an_outer_tape() -> None:
    x = _core.as_tensor(3.0)
    outer, inner = _core.Tape(), _core.Tape()
    outer.watch(x)
    inner.watch(x)
    outer.start()
    inner.start()
    y = x**3
    inner.stop()
    (g,) = inner.gradient([y], [None], [x])
    outer.stop()
    (h,) = outer.gradient([g], [None], [x])
    assert g.item() == pytest.approx(27)
    assert h.item() == pytest.approx(18)


def test_suspended_tapes_record_nothing() -> None:
    x = _core.as_tensor(3.0)
    tape = _core.Tape()
    tape.watch(x)
    tape.start()
    with _core.SuspendTapes():
        y = x * x
    tape.stop()
    assert tape.gradient([y], [None], [x]) == [None]


def test_an_open_tape_can_be_dropped() -> None:
    tape = _core.Tape()
    tape.start()
    del tape
    gc.collect()
    assert (_core.as_tensor(1) + 1).item() == 2


# ---- plans


def doubling(shape: tuple[int, ...], dtype: str) -> _core.Plan:
    with _core.Trace() as trace:
        x = trace.input(shape, dtype)
        return _core.Plan(trace.finish([x * 2]))


def test_run_checks_its_inputs() -> None:
    plan = doubling((2, 3), "float32")
    np.testing.assert_array_equal(
        plan.run([np.ones((2, 3), np.int8)])[0].numpy(), np.full((2, 3), 2)
    )
    assert plan.arena_bytes >= 0
    assert plan.flops == 0
    assert str(plan)
    with pytest.raises(ValueError, match="expected 1 inputs, got 2"):
        plan.run([1, 2])
    with pytest.raises(ValueError, match=r"2,\s?3"):
        plan.run([np.ones((3, 2))])


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f4", ">i2"]
)
def test_run_batches_reads_any_array(dtype: str) -> None:
    base = np.arange(20 * 6).reshape(20, 3, 2).astype(dtype)
    plan = doubling((4, 3, 2), "float32")
    for source in (
        base,
        base[::-1],
        np.asfortranarray(base),
        np.repeat(base, 2, axis=2)[:, :, ::2],
    ):
        for order in (None, np.random.default_rng(0).permutation(20).astype(np.int64)):
            out = np.zeros((20, 3, 2), np.float32)
            done = plan.run_batches([source], order, 0, 4, 3, outputs=[out])
            done += plan.run_batches([source], order, 12, 4, 2, outputs=[out])
            assert done == 5
            rows = source if order is None else source[order]
            np.testing.assert_array_equal(out, rows.astype(np.float32) * 2)


def test_run_batches_leaves_the_rest_alone() -> None:
    out = np.full((10, 2), -1, np.float32)
    assert (
        doubling((2, 2), "float32").run_batches([np.ones((10, 2))], None, 4, 2, 2, outputs=[out])
        == 2
    )
    assert out[:4].tolist() == out[8:].tolist()[:1] * 4
    assert (out[4:8] == 2).all()


def test_run_batches_updates_variables() -> None:
    v = _core.Variable(_core.as_tensor(np.zeros(2, np.float32)))
    with _core.Trace() as trace:
        x = trace.input((4, 2), "float32")
        v.assign(v + _core.sum(x, axis=0))
        plan = _core.Plan(trace.finish([]))
    data = np.arange(40.0).reshape(20, 2)
    assert plan.run_batches([data], None, 0, 4, 5) == 5
    np.testing.assert_allclose(v.numpy(), data.sum(axis=0))


def test_run_batches_refuses() -> None:
    plan = doubling((2, 3), "float32")
    x, out = np.zeros((10, 3), np.float32), np.zeros((10, 3), np.float32)
    order = np.arange(10)
    bad: list[tuple[Callable[[], Any], type[Exception], str | None]] = [
        (
            lambda: plan.run_batches([x.astype(complex)], None, 0, 2, 1, outputs=[out]),
            TypeError,
            "complex128",
        ),
        (
            lambda: plan.run_batches([x.astype(object)], None, 0, 2, 1, outputs=[out]),
            TypeError,
            "object",
        ),
        (lambda: plan.run_batches([x], None, 0, 0, 1, outputs=[out]), ValueError, "batch 0"),
        (lambda: plan.run_batches([x], None, -1, 2, 1, outputs=[out]), ValueError, "start -1"),
        (
            lambda: plan.run_batches([x], None, 0, 2, 6, outputs=[out]),
            IndexError,
            "12 are asked for",
        ),
        (lambda: plan.run_batches([x], order, 8, 2, 2, outputs=[out]), IndexError, "pass the end"),
        (
            lambda: plan.run_batches([x], order + 5, 0, 2, 5, outputs=[out]),
            IndexError,
            "row 10 is outside source 0",
        ),
        (
            lambda: plan.run_batches([x], order.astype("i4"), 0, 2, 1, outputs=[out]),
            TypeError,
            "int64",
        ),
        (lambda: plan.run_batches([x[:, :2]], None, 0, 2, 1, outputs=[out]), ValueError, None),
        (
            lambda: plan.run_batches([x], None, 0, 2, 1, outputs=[out.astype("f8")]),
            ValueError,
            "float64",
        ),
        (
            lambda: plan.run_batches([x], None, 0, 2, 1, outputs=[out[:, :2]]),
            ValueError,
            "contiguous",
        ),
        (
            lambda: plan.run_batches([x], None, 0, 2, 1, outputs=[out, out]),
            ValueError,
            "2 outputs for 1 results",
        ),
        (lambda: plan.run_batches([x], None, 0, 2, 2, outputs=[out[:3]]), ValueError, None),
        (lambda: plan.run_batches([x], None, 0, 2, 1), ValueError, None),
        (lambda: plan.run_batches([], None, 0, 2, 1, outputs=[out]), ValueError, None),
    ]
    for use, error, message in bad:
        with pytest.raises(error, match=message):
            use()
    assert plan.run_batches([x], order, 0, 2, 5, outputs=[out]) == 5


def test_faults_become_exceptions() -> None:
    with _core.Trace() as trace:
        x, labels = trace.input((2, 3), "float32"), trace.input((2,), "int32")
        plan = _core.Plan(trace.finish([_core.sparse_categorical_crossentropy(labels, x, True)]))
    with pytest.raises(ValueError, match="label"):
        plan.run([np.zeros((2, 3)), [0, 3]])
    with pytest.raises(ValueError, match="label"):
        _core.sparse_categorical_crossentropy([3], [[1.0, 2.0, 3.0]])
    with pytest.raises(IndexError, match=r"\[take\]"):
        _core.take(_core.as_tensor([1.0]), [1], 0)
    assert plan.run([np.zeros((2, 3)), [0, 2]])[0].shape == (2,)


def test_threads_run_plans_together() -> None:
    plan = doubling((64, 64), "float32")
    data = np.ones((64, 64), np.float32)
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(50):
            if not (plan.run([data * k])[0].numpy() == 2 * k).all():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_large_eager_ops_leave_the_interpreter() -> None:
    x = _core.as_tensor(np.ones((500, 500), np.float32))
    results: list[float] = []
    threads = [
        threading.Thread(target=lambda: results.append(_core.sum(_core.exp(x) * 0).item()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0.0] * 4


def test_memory_is_given_back() -> None:
    resource = pytest.importorskip("resource")
    data = np.ones((256, 256), np.float32)

    def work(times: int) -> None:
        for _ in range(times):
            x = _core.Tensor(data)
            y = (x @ x + x)[::2].numpy()
            np.asarray(_core.as_tensor(y))
            _core.from_dlpack(_core.as_tensor(y))

    work(20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(300)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096  # KiB
