"""GradientTape, grad, function: what is traced, and what comes out."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

import deepcore
from deepcore import ops
from deepcore.transforms import MAX_PLANS, GradientTape, function, grad, no_trace, value_and_grad
from deepcore.variable import Variable


def near(actual, expected):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, rtol=1e-5, atol=1e-6)


# ---- GradientTape


def test_tape_watches_trainable_variables_and_asked_tensors():
    v, w = Variable([2.0]), Variable([3.0], trainable=False)
    x = ops.convert_to_tensor([5.0])
    with GradientTape() as tape:
        tape.watch(x)
        y = v * w * x * x
    assert [t.path for t in tape.watched_variables()] == [v.path]
    gv, (gw, gx) = tape.gradient(y, (v, [w, x]))
    near(gv, [75.0])
    assert gw is None
    near(gx, [60.0])


def test_tape_can_be_used_once_unless_persistent():
    x = ops.convert_to_tensor(3.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
    near(tape.gradient(y, x), 6)
    with pytest.raises(RuntimeError, match="can only be used to compute one set"):
        tape.gradient(y, x)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    near(tape.gradient(z, x), 108)
    near(tape.gradient(y, x), 6)


def test_tape_arguments():
    x, u = ops.convert_to_tensor([1.0, 2.0]), ops.convert_to_tensor([1.0])
    with GradientTape(persistent=True) as tape:
        tape.watch([x, u])
        y = x * x
    near(tape.gradient(y, x, output_gradients=np.array([1.0, 10.0], "f4")), [2, 40])
    assert tape.gradient(y, u) is None
    near(tape.gradient(y, u, unconnected_gradients="zero"), [0.0])
    near(tape.gradient({"a": y, "b": x}, x), [3, 5])
    with pytest.raises(ValueError, match="'none' or 'zero'"):
        tape.gradient(y, x, unconnected_gradients="one")
    with pytest.raises(TypeError, match="expected tensors or variables"):
        tape.watch(3.0)


def test_watch_variables_by_hand():
    v, w = Variable(2.0), Variable(3.0)
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * v * w
    gv, gw = tape.gradient(y, [v, w])
    near(gv, 12)
    assert gw is None
    assert [t.path for t in tape.watched_variables()] == [v.path]


def test_stop_recording_and_reset():
    x = ops.convert_to_tensor(2.0)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        with tape.stop_recording():
            z = x * y
    near(tape.gradient(y, x), 4)
    assert tape.gradient(z, x) is None
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
        tape.reset()
        z = x * 3
    assert tape.gradient([y, z], x) is None
    with pytest.raises(ValueError, match="is not recording"), tape.stop_recording():
        pass


def test_second_order_by_nested_tapes():
    x = ops.convert_to_tensor(3.0)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = x**3
        first = inner.gradient(y, x)
    near(first, 27)
    near(outer.gradient(first, x), 18)


def test_jacobian_and_batch_jacobian():
    x = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = ops.stack([x[:, 0] * x[:, 1], x[:, 0], ops.square(x[:, 1])], 1)
    full = tape.jacobian(y, x).numpy()
    assert full.shape == (2, 3, 2, 2)
    near(full[0, :, 0], [[2, 1], [1, 0], [0, 4]])
    near(full[0, :, 1], np.zeros((3, 2)))
    near(tape.batch_jacobian(y, x)[1], [[4, 3], [1, 0], [0, 8]])


def test_gradient_through_an_assigned_variable_uses_the_value_read():
    v = Variable(2.0)
    with GradientTape() as tape:
        y = v * v
        v.assign(10.0)
    near(tape.gradient(y, v), 4)


# ---- grad


def test_grad_of_nests_and_argnums():
    def f(p, x):
        return ops.sum(p["w"] * x + p["b"] * p["b"])

    p = {"w": np.array([1.0, 2.0], "f4"), "b": np.float32(3.0)}
    x = np.array([4.0, 5.0], "f4")
    value, g = value_and_grad(f)(p, x)
    near(value, 32)
    near(g["w"], [4, 5])
    near(g["b"], 12)
    gp, gx = grad(f, argnums=(0, 1))(p, x)
    near(gp["b"], 12)
    near(gx, [1, 2])


def test_grad_of_variables_and_aux():
    v = Variable([1.0, 2.0], trainable=False)
    (value, aux), g = value_and_grad(lambda: (ops.sum(v * v), "more"), has_aux=True, wrt=[v])()
    near(value, 5)
    assert aux == "more"
    near(g[0], [2, 4])
    g, aux = grad(lambda x: (x * x, x + 1), has_aux=True)(3.0)
    near(g, 6)
    near(aux, 4)
    near(grad(grad(lambda x: x**3))(2.0), 12)


def test_grad_refuses_what_has_no_gradient():
    with pytest.raises(TypeError, match="must give a scalar"):
        grad(lambda x: x)(np.ones(3, "f4"))
    with pytest.raises(TypeError, match="Integers have no derivative"):
        grad(lambda x: x)(3)
    with pytest.raises(ValueError, match="argument 1 is asked for"):
        grad(lambda x: x, argnums=1)(3.0)


# ---- function


def test_function_traces_once_for_each_signature():
    calls = []

    @function
    def f(x, scale=1.0):
        calls.append(x.shape)
        return x * scale

    x = np.ones((2, 3), "f4")
    near(f(x), x)
    near(f(x + 1), x + 1)
    near(f(x, 2.0), 2 * x)
    near(f(x, scale=2.0), 2 * x)
    near(f(x[:1]), x[:1])
    near(f(x.astype("f8")), x)
    assert len(calls) == 5
    assert len(f.plans) == 5
    f.clear()
    f(x)
    assert len(calls) == 6


def test_function_takes_and_gives_nests():
    @function
    def f(args, **more):
        a, (b, c) = args
        return {"sum": a + b + c + more["d"], "parts": (a, [b]), "none": None, "five": 5}

    out = f([np.float32(1), (np.float32(2), 3)], d=np.float32(4))
    assert out["sum"].item() == 10
    assert out["parts"][1][0].item() == 2
    assert out["none"] is None
    assert out["five"] == 5


def test_function_reads_and_assigns_variables():
    v = Variable([1.0, 2.0])

    @function
    def step(x):
        old = v.value
        v.assign_add(x)
        return old, v * 2

    old, new = step(np.array([1.0, 1.0], "f4"))
    near(old, [1, 2])
    near(new, [4, 6])
    step(np.array([1.0, 1.0], "f4"))
    near(v, [3, 4])
    v.assign([0.0, 0.0])
    old, _ = step(np.array([1.0, 1.0], "f4"))
    near(old, [0, 0])
    near(v, [1, 1])


def test_variables_as_arguments_are_told_apart():
    a, b = Variable(1.0), Variable(2.0)
    f = function(lambda v: v * 10)
    assert (f(a).item(), f(b).item(), f(a).item()) == (10, 20, 10)


def test_functions_inline_and_differentiate():
    @function
    def square(x):
        return x * x

    @function
    def f(x):
        return ops.sum(square(x) + grad(lambda t: ops.sum(square(t)))(x))

    x = np.array([1.0, 2.0], "f4")
    near(f(x), 11)
    t = ops.convert_to_tensor(x)
    with GradientTape() as tape:
        tape.watch(t)
        y = f(t)
    near(tape.gradient(y, t), [4, 6])


def test_plans_are_bounded():
    f = function(lambda x: x + 1)
    for n in range(MAX_PLANS + 10):
        f(np.zeros(n, "f4"))
    assert len(f.plans) == MAX_PLANS


def test_an_error_while_tracing_leaves_no_trace_open():
    @function
    def f(x):
        if x.shape[0] > 2:
            raise RuntimeError("too long")
        return x + 1

    with pytest.raises(RuntimeError, match="too long"):
        f(np.zeros(3, "f4"))
    assert not deepcore.transforms.is_tracing()
    near(f(np.zeros(2, "f4")), [1, 1])


def test_data_dependent_python_says_what_to_do():
    with pytest.raises(Exception, match=r"ops\.where|run_eagerly"):
        function(lambda x: x if x > 0 else -x)(np.float32(1))


def test_no_trace_computes_at_once():
    made = []

    @function
    def f(x):
        with no_trace():
            made.append(ops.ones(2) + 1)
        return x + made[0]

    near(f(np.zeros(2, "f4")), [2, 2])
    near(made[0], [2, 2])


def test_variables_made_while_tracing_are_concrete():
    held = []

    @function
    def f(x):
        if not held:
            held.append(Variable("ones", shape=(2,)))
        return x * held[0]

    near(f(np.array([3.0, 4.0], "f4")), [3, 4])
    near(held[0], [1, 1])


class Model:
    def __init__(self):
        self.w = Variable(2.0)
        self.compiled = function(self.plain)

    def plain(self, x):
        return self.w * x

    @function
    def step(self, x):
        self.w.assign_add(1.0)
        return self.w * x


def test_methods_have_plans_for_each_instance_and_free_it():
    a, b = Model(), Model()
    b.w.assign(10.0)
    assert a.step(np.float32(1)).item() == 3
    assert b.step(np.float32(1)).item() == 11
    assert a.compiled(np.float32(5)).item() == 15
    assert len(a.step.plans) == 1
    gone = weakref.ref(a)
    gc.disable()
    try:
        del a
        assert gone() is None
    finally:
        gc.enable()
    assert Model().step(np.float32(1)).item() == 3


def test_static_arguments_are_compared_by_value_or_identity():
    calls = []

    @function
    def f(x, how):
        calls.append(how)
        return x

    class Thing:
        pass

    thing = Thing()
    for how in ("a", "a", 1, 1.0, True, (1, 2), (1, 2), thing, thing, None):
        f(np.float32(1), how)
    assert len(calls) == 7
    gone = weakref.ref(thing)
    calls.clear()
    del thing, how
    gc.collect()
    assert gone() is None


def test_results_that_are_not_tensors_are_refused():
    with pytest.raises(TypeError, match="results must be tensors"):
        function(lambda x: object())(np.float32(1))


def test_threads_trace_on_their_own():
    f = function(lambda x: x * 2)
    results = {}

    def work(n):
        results[n] = f(np.full(n, n, "f4")).numpy()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 9)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for n in range(1, 9):
        near(results[n], np.full(n, 2 * n))
