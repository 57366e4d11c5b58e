"""Variables of the core: values, snapshots, subclasses, lifetime."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from deepcore import _core


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
