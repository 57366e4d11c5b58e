import os
import threading

import numpy as np
import pytest

import deepcore
from deepcore import layers, ops
from deepcore.training.frozen import MAX_PLANS

RNG = np.random.default_rng(5)


def random(*shape):
    return RNG.standard_normal(shape).astype("float32")


def mlp():
    return deepcore.Sequential(
        [
            deepcore.Input((20,)),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )


def cnn():
    return deepcore.Sequential(
        [
            deepcore.Input((12, 12, 3)),
            layers.Conv2D(8, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(),
            layers.Conv2D(4, 3),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )


@pytest.mark.parametrize(("make", "shape"), [(mlp, (20,)), (cnn, (12, 12, 3))])
@pytest.mark.parametrize("rows", [1, 2, 7, 33])
def test_a_frozen_model_gives_what_predict_gives(make, shape, rows):
    model = make()
    x = random(rows, *shape)
    frozen = model.freeze()
    for _ in range(3):
        found = frozen(x)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, model.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("make", "shape"), [(mlp, (20,)), (cnn, (12, 12, 3))])
def test_a_sample_has_the_same_bits_in_any_batch(make, shape):
    frozen = make().freeze()
    x = random(9, *shape)
    whole = frozen(x)
    for rows in (1, 2, 5):
        np.testing.assert_array_equal(frozen(x[2 : 2 + rows]), whole[2 : 2 + rows])


def test_results_are_new_writable_arrays():
    frozen, x = mlp().freeze(), random(1, 20)
    first = frozen(x)
    kept = first.copy()
    frozen(random(1, 20))
    np.testing.assert_array_equal(first, kept)
    first[:] = 0
    np.testing.assert_array_equal(frozen(x), kept)


def test_the_plan_reads_no_variable():
    model = mlp()
    frozen = model.freeze()
    frozen(random(1, 20))
    assert "variable" not in str(frozen.plans[0])


@pytest.mark.parametrize("bounded", [layers.ReLU(6.0), layers.Activation("relu6")])
def test_a_convolution_takes_in_what_follows_it(bounded):
    normalized = [layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), bounded]
    frozen = deepcore.Sequential([deepcore.Input((8, 8, 3)), *normalized]).freeze()
    frozen(random(1, 8, 8, 3))
    steps = [line for line in str(frozen.plans[0]).splitlines() if "->" in line]
    assert len(steps) == 1
    assert "bias+relu6" in steps[0]


def test_zeros_around_an_image_are_no_step():
    padded = [layers.ZeroPadding2D(((0, 1), (2, 0))), layers.DepthwiseConv2D(3, strides=2)]
    model = deepcore.Sequential([deepcore.Input((8, 9, 20)), *padded])
    x = random(2, 8, 9, 20)
    frozen = model.freeze()
    np.testing.assert_array_equal(frozen(x), model(x))
    assert "pad(" not in str(frozen.plans[0])


def test_later_weights_do_not_reach_it_not_even_for_new_shapes():
    model = mlp()
    x, y = random(40, 20), RNG.integers(0, 3, 40)
    frozen = model.freeze()
    before = model.predict(x, verbose=0)
    np.testing.assert_allclose(frozen(x[:4]), before[:4], rtol=1e-5)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=3, verbose=0)
    model.layers[0].kernel.assign(ops.zeros((20, 16)))
    np.testing.assert_allclose(frozen(x[:4]), before[:4], rtol=1e-5)
    np.testing.assert_allclose(frozen(x[:5]), before[:5], rtol=1e-5)  # a new plan
    assert np.abs(model.predict(x, verbose=0) - before).max() > 1e-3
    np.testing.assert_allclose(model.freeze()(x), model.predict(x, verbose=0), rtol=1e-5)


def test_one_plan_a_signature_and_not_too_many():
    frozen = mlp().freeze()
    for _ in range(2):
        for rows in (1, 2):
            frozen(random(rows, 20))
            frozen(random(rows, 20).astype("float64"))  # the same plan, converted
    assert len(frozen.plans) == 2
    for rows in range(1, MAX_PLANS + 5):
        frozen(random(rows, 20))
    assert len(frozen.plans) == MAX_PLANS


def unaligned(x):
    raw = np.zeros(x.nbytes + 1, "uint8")
    view = raw[1:].view("float32").reshape(x.shape)
    view[:] = x
    return view


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x.astype("float64"),
        lambda x: x.astype(">f4"),
        lambda x: x.tolist(),
        lambda x: deepcore.Tensor(x),
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1][::-1],
        lambda x: [x],
        unaligned,
        lambda x: (lambda y: (y.setflags(write=False), y)[1])(x.copy()),
    ],
)
def test_anything_that_makes_an_array_is_taken(form):
    frozen = mlp().freeze()
    x = random(3, 20)
    want = frozen(x)
    for _ in range(2):
        np.testing.assert_array_equal(frozen(form(x)), want)
        np.testing.assert_array_equal(frozen(x), want)


def test_structures_go_in_and_come_out():
    class Two(deepcore.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, inputs):
            both = self.dense(inputs["a"]) + self.dense(inputs["b"])
            return {"sum": both, "half": (both / 2, both.shape[0] * ops.ones(1))}

    model = Two()
    x = {"a": random(3, 6), "b": random(3, 6)}
    want = model(x)
    frozen = model.freeze()
    for _ in range(2):
        found = frozen(x)
        np.testing.assert_allclose(found["sum"], want["sum"], rtol=1e-5)
        np.testing.assert_allclose(found["half"][0], want["half"][0], rtol=1e-5)
        np.testing.assert_array_equal(found["half"][1], [3])


def test_what_a_call_assigns_is_forgotten():
    class Counting(layers.Layer):
        def __init__(self):
            super().__init__()
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            self.calls.assign_add(1.0)
            return x + self.calls

    model = deepcore.Sequential([deepcore.Input((2,)), Counting()])
    x = np.zeros((1, 2), "float32")
    start = float(model.layers[0].calls.value)
    frozen = model.freeze()
    assert [frozen(x)[0, 0] for _ in range(3)] == [start + 1] * 3
    assert float(model.layers[0].calls.value) == start


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"freeze: the model .* has no weights yet"):
        deepcore.Sequential([layers.Dense(3)]).freeze()
    frozen = mlp().freeze()
    with pytest.raises(ValueError, match="to have value 20, but received input with shape"):
        frozen(random(1, 21))
    with pytest.raises(ValueError, match="x is empty"):
        frozen(random(0, 20))
    frozen(random(1, 20))
    with pytest.raises(ValueError, match="numbers"):
        frozen(np.array(["a"]))


def test_threads_share_it():
    model = cnn()
    frozen = model.freeze()
    inputs = [random(1 + i % 3, 12, 12, 3) for i in range(8)]
    wants = [model.predict(x, verbose=0) for x in inputs]
    wrong = []

    def work(x, want):
        for _ in range(30):
            if not np.allclose(frozen(x), want, rtol=1e-4, atol=1e-5):
                wrong.append(x.shape)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, wants, strict=True)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_runs_it():
    frozen = cnn().freeze()
    x = random(4, 12, 12, 3)
    want = frozen(x)
    child = os.fork()
    if child == 0:
        same = np.array_equal(frozen(x), want) and len(frozen(x[:3])) == 3
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ---- predict by the plan of an earlier call


def test_predict_of_one_batch_takes_a_short_way_with_the_same_result():
    model = mlp()
    x = random(5, 20)
    first = model.predict(x, verbose=0)
    for again in (x, x.copy(), x.astype("float64").astype("float32")):
        found = model.predict(again, verbose=0)
        np.testing.assert_array_equal(found, first)
        assert found.flags.writeable
    np.testing.assert_array_equal(model.predict_on_batch(x), first)
    np.testing.assert_array_equal(model.predict(x, batch_size=2, verbose=0), first)


def test_the_short_way_sees_new_weights_and_new_layers():
    model = deepcore.Sequential([deepcore.Input((2,)), layers.Dense(2, use_bias=False)])
    x = random(1, 2)
    for _ in range(2):
        model.predict(x, verbose=0)
    model.layers[0].kernel.assign(np.eye(2))
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    model.add(layers.Rescaling(2.0))
    np.testing.assert_array_equal(model.predict(x, verbose=0), 2 * x)
    model.pop()
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)


def test_the_short_way_sees_what_changes_inside_another_model():
    inner = deepcore.Sequential([deepcore.Input((2,)), layers.Rescaling(3.0)])
    outer = deepcore.Sequential([deepcore.Input((2,)), inner])
    x = random(1, 2)
    for _ in range(2):
        np.testing.assert_allclose(outer.predict(x, verbose=0), 3 * x, rtol=1e-6)
    inner.add(layers.Rescaling(2.0))
    np.testing.assert_allclose(outer.predict(x, verbose=0), 6 * x, rtol=1e-6)


def test_the_short_way_still_checks_its_arguments():
    model = mlp()
    x = random(2, 20)
    model.predict(x, verbose=0)
    with pytest.raises(ValueError, match="batch_size"):
        model.predict(x, batch_size=-1, verbose=0)
    with pytest.raises(ValueError, match="verbose"):
        model.predict(x, verbose="loud")


def test_callbacks_are_told_although_there_is_a_short_way():
    model = mlp()
    x = random(2, 20)
    model.predict(x, verbose=0)
    seen = []

    class Told(deepcore.callbacks.Callback):
        def on_predict_end(self, logs=None):
            seen.append(True)

    model.predict(x, verbose=0, callbacks=[Told()])
    assert seen


def test_run_eagerly_is_heeded_by_the_short_way():
    calls = []

    class Noting(layers.Layer):
        def call(self, x):
            calls.append(1)
            return x

    model = deepcore.Sequential([deepcore.Input((2,)), Noting()])
    x = random(1, 2)
    model.compile()
    model.predict(x, verbose=0)
    model.predict(x, verbose=0)
    planned = len(calls)
    model.run_eagerly = True
    model.predict(x, verbose=0)
    assert len(calls) == planned + 1
