"""DLPack both ways: NumPy, capsules old and new, and PyTorch where it is installed."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from deepcore import _core

SHAPES: list[tuple[int, ...]] = [(), (1,), (7,), (2, 3), (2, 0, 3), (3, 1, 4)]
DTYPES = ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"]


def values(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    return (np.arange(np.prod(shape)) % 5).reshape(shape).astype(dtype)


class Old:
    """A producer from before DLPack 1.0: it knows no max_version."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __dlpack__(self, stream: Any = None) -> Any:
        return self.tensor.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_to_and_from_numpy(dtype: str, shape: tuple[int, ...]) -> None:
    data = values(shape, dtype)
    out = np.from_dlpack(_core.as_tensor(data))
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, data)
    back = _core.from_dlpack(data)
    assert (back.shape, back.dtype) == (shape, dtype)
    np.testing.assert_array_equal(back.numpy(), data)
    if data.size:
        assert np.shares_memory(back.numpy(), data)
    np.testing.assert_array_equal(_core.from_dlpack(Old(_core.as_tensor(data))).numpy(), data)


def test_memory_is_shared_read_only() -> None:
    tensor = _core.as_tensor([1.0, 2.0])
    out = np.from_dlpack(tensor)
    assert np.shares_memory(out, tensor.numpy())
    assert not out.flags.writeable
    copied = np.from_dlpack(tensor, copy=True)
    assert not np.shares_memory(copied, tensor.numpy())
    assert copied.flags.writeable


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "uint32", "uint64"])
def test_dtypes_that_become_others(dtype: str) -> None:
    data = values((2, 3), dtype)
    tensor = _core.from_dlpack(data)
    assert tensor.dtype == _core.as_tensor(data).dtype
    np.testing.assert_array_equal(tensor.numpy(), data)


def test_strides_are_copied_away() -> None:
    data = values((4, 6), "float32")
    for view in (data.T, data[::2], data[:, ::-1], np.broadcast_to(data[0], (3, 6)), data[1:, 2:3]):
        np.testing.assert_array_equal(_core.from_dlpack(view).numpy(), view)
    assert np.shares_memory(_core.from_dlpack(data[1:]).numpy(), data)


def test_bfloat16() -> None:
    tensor = _core.as_tensor([1.5, -2.0], "bfloat16")
    back = _core.from_dlpack(tensor)
    assert back.dtype == "bfloat16"
    assert back.tolist() == [1.5, -2.0]
    assert _core.from_dlpack(Old(tensor)).dtype == "bfloat16"


def test_who_keeps_whom_alive() -> None:
    class Array(np.ndarray):
        pass

    data = np.ones(100, np.float32).view(Array)
    alive = weakref.ref(data)
    tensor = _core.from_dlpack(data)
    out = np.from_dlpack(tensor)
    capsule = tensor.__dlpack__()
    del data, tensor
    gc.collect()
    assert alive() is not None
    assert out.sum() == 100
    del out
    gc.collect()
    assert alive() is not None  # by the capsule that nobody consumed
    del capsule
    gc.collect()
    assert alive() is None


def test_capsules() -> None:
    tensor = _core.as_tensor([1.0])
    assert tensor.__dlpack_device__() == (1, 0)
    assert '"dltensor"' in repr(tensor.__dlpack__())
    assert '"dltensor"' in repr(tensor.__dlpack__(max_version=(0, 8)))
    assert '"dltensor_versioned"' in repr(tensor.__dlpack__(max_version=(1, 0)))
    assert '"dltensor_versioned"' in repr(tensor.__dlpack__(max_version=(2, 3), dl_device=(1, 0)))
    with pytest.raises(BufferError, match="only device"):
        tensor.__dlpack__(dl_device=(2, 0))
    with pytest.raises(BufferError, match="stream must be None"):
        tensor.__dlpack__(stream=1)
    with pytest.raises(TypeError):
        tensor.__dlpack__(None)


def test_a_capsule_is_consumed_once() -> None:
    class Once:
        capsule = _core.as_tensor([1.0]).__dlpack__(max_version=(1, 0))

        def __dlpack__(self, **_: Any) -> Any:
            return self.capsule

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

    once = Once()
    assert _core.from_dlpack(once).tolist() == [1.0]
    with pytest.raises(ValueError, match="PyCapsule_GetPointer"):
        _core.from_dlpack(once)


def test_refused_producers() -> None:
    class Elsewhere:
        def __dlpack__(self, **_: Any) -> Any:
            raise AssertionError("not asked")

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    with pytest.raises(BufferError, match="only CPU memory"):
        _core.from_dlpack(Elsewhere())
    with pytest.raises(TypeError, match="with __dlpack__ and __dlpack_device__, got list"):
        _core.from_dlpack([1])
    with pytest.raises(BufferError, match="dtype code 5 of 128 bits"):
        _core.from_dlpack(np.zeros(2, complex))


def test_torch_both_ways() -> None:
    torch = pytest.importorskip("torch")
    for dtype in ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"):
        source = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
        tensor = _core.from_dlpack(source)
        assert tensor.dtype == dtype
        assert tensor.tolist() == source.tolist()
        assert _core.from_dlpack(source.T).tolist() == source.T.tolist()
        back = torch.from_dlpack(tensor)
        assert back.dtype == source.dtype
        assert back.data_ptr() == source.data_ptr()  # there and back without a copy
