"""Tensors of a trace have no value; tapes of the core record what they are told to."""

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deepcore import _core

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
