import itertools
import json
import os
import threading

import numpy as np
import pytest

import deepcore
from deepcore import ops


def by_name(p):
    return {row.name: row for row in p.rows(by="name")}


def small_model():
    model = deepcore.Sequential([deepcore.Input((8,)), deepcore.layers.Dense(4)])
    model.compile("sgd", "mse")
    return model


X, Y = np.ones((96, 8), "float32"), np.ones((96, 4), "float32")


def test_eager_ops_are_counted_with_their_flops_and_bytes():
    a, b = ops.convert_to_tensor(X), ops.ones((8, 5))
    with deepcore.profile() as p:
        for _ in range(3):
            ops.matmul(a, b)
    (row,) = p.rows()
    assert (row.name, row.calls) == ("matmul", 3)
    assert row.types == "float32[96,8], float32[8,5] -> float32[96,5]"
    assert row.flops == 3 * 2 * 96 * 8 * 5
    assert row.bytes == 3 * 4 * (96 * 8 + 8 * 5 + 96 * 5)
    assert 0 < row.seconds <= p.seconds


def test_nothing_is_recorded_outside():
    p = deepcore.profile()
    ops.square(ops.ones(3))
    with p:
        pass
    ops.square(ops.ones(3))
    assert p.rows() == []
    assert "all" in p.table()
    assert p.seconds < 1


def test_fit_shows_feeds_and_each_step():
    model = small_model()
    model.fit(X, Y, verbose=0)
    with deepcore.profile() as p:
        model.fit(X, Y, batch_size=32, epochs=2, verbose=0)
    found = by_name(p)
    assert found["feed"].calls == 2 * 6  # x and y, three batches, two epochs
    forward = [row for row in p.rows() if row.types.startswith("float32[32,8], float32[8,4]")]
    assert [row.calls for row in forward] == [6]
    assert found["sgd_update"].calls == 12


def test_a_profile_changes_no_bit():
    outputs = []
    for profiled in (False, True):
        deepcore.utils.set_random_seed(3)
        model = small_model()
        if profiled:
            with deepcore.profile():
                model.fit(X, Y, verbose=0)
        else:
            model.fit(X, Y, verbose=0)
        outputs.append(model.predict(X, verbose=0))
    np.testing.assert_array_equal(*outputs)


def test_copies_have_a_row():
    v = deepcore.Variable(np.zeros(6, "float32"))

    @deepcore.function
    def both(x):
        return v.assign(ops.square(x)), x

    with deepcore.profile() as p:
        both(np.ones(6, "float32"))
    copy = by_name(p)["copy"]
    assert copy.calls >= 1
    assert copy.bytes == copy.calls * 2 * 24


@pytest.mark.parametrize("key", ["time", "mean", "calls", "flops", "bytes"])
def test_rows_are_sorted(key):
    with deepcore.profile() as p:
        for n in (3, 50, 7):
            x = ops.ones((n, n))
            for _ in range(n):
                ops.matmul(x, x)
    values = {
        "time": [row.seconds for row in p.rows(key)],
        "mean": [row.seconds / row.calls for row in p.rows(key)],
    }.get(key) or [getattr(row, key) for row in p.rows(key)]
    assert len(values) >= 3
    assert values == sorted(values, reverse=True)


def test_tables_have_a_line_a_row_and_a_total(capsys):
    with deepcore.profile() as p:
        ops.matmul(ops.ones((4, 4)), ops.ones((4, 4)))
        ops.sum(ops.ones((4, 4)))
    text = str(p)
    assert "matmul" in text
    assert "f32[4,4], f32[4,4] -> f32[4,4]" in text
    assert "GFLOP/s" in text.splitlines()[0]
    p.summary(sort_by="calls", limit=1)
    assert " more)" in capsys.readouterr().out
    assert f"{sum(row.calls for row in p.rows())} calls" in repr(p)


def test_the_trace_is_json_that_perfetto_reads(tmp_path):
    with deepcore.profile() as p:
        small_model().fit(X, Y, verbose=0)
    p.save(tmp_path / "trace.json")
    trace = json.loads((tmp_path / "trace.json").read_text())
    complete = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    named = {e["tid"] for e in trace["traceEvents"] if e["ph"] == "M"}
    assert {e["tid"] for e in complete} == named
    assert all(e["dur"] >= 0 and e["ts"] >= 0 and e["name"] for e in complete)
    assert len(complete) >= sum(row.calls for row in p.rows())
    for tid in named:  # no two events of a thread overlap
        spans = sorted((e["ts"], e["ts"] + e["dur"]) for e in complete if e["tid"] == tid)
        assert all(b[0] >= a[1] - 1e-3 for a, b in itertools.pairwise(spans))


def test_large_steps_appear_on_all_threads_of_the_team(tmp_path):
    big = ops.ones((512, 512))
    deepcore._core.force_team_size(2)
    try:
        with deepcore.profile() as p:
            for _ in range(5):
                ops.matmul(big, big)
    finally:
        deepcore._core.force_team_size(0)
    (row,) = p.rows()
    assert row.calls == 5
    assert len(p._core.events()) == 10
    assert len({thread for _, thread, _, _ in p._core.events()}) == 2


def test_nested_profiles_both_see_the_inner_work():
    x = ops.ones(5)
    with deepcore.profile() as outer:
        ops.exp(x)
        with deepcore.profile() as inner:
            ops.exp(x)
        ops.exp(x)
    assert (outer.rows()[0].calls, inner.rows()[0].calls) == (3, 1)


def test_a_profile_may_be_entered_again_but_not_twice_at_once():
    x, p = ops.ones(5), deepcore.profile()
    for _ in range(2):
        with p:
            ops.exp(x)
    assert p.rows()[0].calls == 2
    with p, pytest.raises(ValueError, match="open already"), p:
        pass


def test_an_exception_closes_the_profile():
    p = deepcore.profile()
    with pytest.raises(ValueError, match="reshape"), p:
        ops.reshape(ops.exp(ops.ones(5)), (2, 2))
    calls = sum(row.calls for row in p.rows())
    ops.exp(ops.ones(5))
    assert sum(row.calls for row in p.rows()) == calls


def test_a_step_that_a_bad_label_stops_leaves_the_profile_usable():
    with deepcore.profile() as p:
        with pytest.raises(ValueError, match="label"):
            deepcore.losses.sparse_categorical_crossentropy(np.array([7]), ops.ones((1, 3)))
        ops.exp(ops.ones(5))
    assert any("exp" in row.op for row in p.rows())


def test_other_threads_are_seen():
    x = ops.ones((64, 64))

    def work():
        for _ in range(50):
            ops.matmul(x, x)

    with deepcore.profile() as p:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert by_name(p)["matmul"].calls == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_goes_on_with_its_own_copy():
    big = ops.ones((256, 256))
    with deepcore.profile() as p:
        ops.matmul(big, big)
        child = os.fork()
        if child == 0:
            ops.matmul(big, big)
            os._exit(0 if p.rows()[0].calls == 2 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert p.rows()[0].calls == 1


@pytest.mark.parametrize("arguments", [{"sort_by": "name"}, {"by": "layer"}])
def test_unknown_orders_are_refused(arguments):
    with pytest.raises(ValueError, match=r"profile: (sort_by|by) must be one of"):
        deepcore.profile().rows(**arguments)
