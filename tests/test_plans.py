"""Plans: what they read, how they run over batches, threads, faults, memory."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from deepcore import _core


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
