"""Tensors: what becomes one, what memory they share, and how they leave for Python."""

import array
import copy
import gc
import operator
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from deepcore import _core
from tensors import DTYPES, SHAPES, values

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
