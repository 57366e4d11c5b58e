"""Optimizers and schedules against Keras's numbers, eagerly and compiled."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepcore import naming, ops, optimizers
from deepcore.optimizers import SGD, Adam, schedules
from deepcore.serialization import deserialize_keras_object, serialize_keras_object
from deepcore.transforms import function
from deepcore.variable import Variable

# (class, arguments, row 1 of the matrix and the vector after five steps), by Keras 3.15 on JAX.
KERAS = {
    "sgd": ("SGD", {}, [-0.588939, -0.425159, -0.228159, -0.257109, -0.663536, -1.05929]),
    "momentum": (
        "SGD",
        {"momentum": 0.9},
        [-0.642866, -0.421909, -0.233509, -0.209586, -0.630825, -1.102543],
    ),
    "nesterov": (
        "SGD",
        {"momentum": 0.9, "nesterov": True, "learning_rate": 0.1},
        [-1.455328, 0.098917, -0.502418, 0.605807, -0.287951, -1.523079],
    ),
    "adam": ("Adam", {}, [-0.572048, -0.451145, -0.217793, -0.277957, -0.665384, -1.058349]),
    "adam big": (
        "Adam",
        {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9},
        [-0.986259, -0.300587, -0.428803, 0.046362, -0.4137, -1.359947],
    ),
    "amsgrad": (
        "Adam",
        {"amsgrad": True, "learning_rate": 0.1},
        [-0.995576, -0.302183, -0.43523, 0.051754, -0.401818, -1.374993],
    ),
    "adamw": (
        "AdamW",
        {"learning_rate": 0.1},
        [-0.994063, -0.301439, -0.434527, 0.051967, -0.400788, -1.372561],
    ),
    "rmsprop": (
        "RMSprop",
        {"learning_rate": 0.1},
        [-1.210416, -0.10969, -0.758343, 0.533924, -0.199017, -1.377122],
    ),
    "rmsprop centered": (
        "RMSprop",
        {"learning_rate": 0.1, "centered": True, "momentum": 0.5},
        [-1.919531, -0.005508, -1.192549, 1.348213, 0.441705, -1.929657],
    ),
    "adagrad": (
        "Adagrad",
        {"learning_rate": 0.1},
        [-0.757382, -0.371902, -0.291912, -0.073248, -0.559058, -1.147646],
    ),
    "adadelta": (
        "Adadelta",
        {"learning_rate": 1.0},
        [-0.57122, -0.449179, -0.218897, -0.276455, -0.666388, -1.056419],
    ),
    "adamax": (
        "Adamax",
        {"learning_rate": 0.1},
        [-0.907503, -0.315228, -0.393179, -0.021215, -0.447271, -1.29683],
    ),
    "nadam": (
        "Nadam",
        {"learning_rate": 0.1},
        [-0.821084, -0.316196, -0.411098, 0.008528, -0.494989, -1.186583],
    ),
    "lion": (
        "Lion",
        {"learning_rate": 0.01},
        [-0.59777, -0.442649, -0.225597, -0.251287, -0.658046, -1.08515],
    ),
    "clipnorm": (
        "SGD",
        {"clipnorm": 0.5},
        [-0.570955, -0.449737, -0.217307, -0.275464, -0.66382, -1.058388],
    ),
    "clipvalue": (
        "SGD",
        {"clipvalue": 0.3},
        [-0.575708, -0.448566, -0.216785, -0.272591, -0.665611, -1.061412],
    ),
    "global": (
        "SGD",
        {"global_clipnorm": 0.5},
        [-0.570678, -0.449659, -0.217176, -0.277655, -0.66764, -1.056118],
    ),
    "decay": (
        "SGD",
        {"weight_decay": 0.1},
        [-0.586038, -0.422904, -0.227075, -0.255763, -0.660243, -1.053971],
    ),
    "ema": (
        "SGD",
        {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
        [-0.75526, -0.119879, -0.334738, -0.175317, -0.615351, -1.071325],
    ),
    "accumulate": (
        "SGD",
        {"learning_rate": 0.1, "momentum": 0.9, "gradient_accumulation_steps": 2},
        [-0.761442, -0.396235, -0.225561, -0.168258, -0.517595, -1.195147],
    ),
    "scaled": (
        "SGD",
        {"loss_scale_factor": 4.0},
        [-0.573062, -0.445777, -0.218738, -0.275243, -0.666919, -1.056185],
    ),
}
# (class, arguments, the rate at each of STEPS), by the same.
KERAS_RATES = {
    "exp": (
        "ExponentialDecay",
        [0.1, 10, 0.5],
        [0.1, 0.0933033, 0.0812252, 0.0757858, 0.0615572, 0.05, 0.0353553, 0.0176777],
    ),
    "exp stairs": (
        "ExponentialDecay",
        [0.1, 10, 0.5, True],
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025],
    ),
    "inverse": (
        "InverseTimeDecay",
        [0.1, 10, 0.5],
        [0.1, 0.0952381, 0.0869565, 0.0833333, 0.0740741, 0.0666667, 0.0571429, 0.0444444],
    ),
    "piecewise": (
        "PiecewiseConstantDecay",
        [[3, 7], [1.0, 0.5, 0.1]],
        [1.0, 1.0, 1.0, 0.5, 0.5, 0.1, 0.1, 0.1],
    ),
    "poly": (
        "PolynomialDecay",
        [0.1, 10, 0.01, 2.0],
        [0.1, 0.0829, 0.0541, 0.0424, 0.0181, 0.01, 0.01, 0.01],
    ),
    "poly cycle": (
        "PolynomialDecay",
        [0.1, 10, 0.01, 0.5, True],
        [0.1, 0.0953815, 0.0852994, 0.0797137, 0.059295, 0.01, 0.055, 0.0467423],
    ),
    "cosine": (
        "CosineDecay",
        [0.1, 10, 0.1],
        [0.1, 0.0977975, 0.0814503, 0.0689058, 0.0285497, 0.01, 0.01, 0.01],
    ),
    "warm": (
        "CosineDecay",
        [0.0, 10, 0.1, "w", 0.2, 4],
        [0.0, 0.05, 0.15, 0.2, 0.1629007, 0.0821884, 0.02, 0.02],
    ),
    "restarts": (
        "CosineDecayRestarts",
        [0.1, 4, 2.0, 0.5, 0.1],
        [0.1, 0.0868198, 0.0231802, 0.055, 0.0411104, 0.0165901, 0.030604, 0.011896],
    ),
    "restarts even": (
        "CosineDecayRestarts",
        [0.1, 4, 1.0, 0.9],
        [0.1, 0.0853553, 0.0146447, 0.09, 0.0131802, 0.0405, 0.010676, 0.0453613],
    ),
}
STEPS = (0, 1, 3, 4, 7, 10, 15, 25)


def problem():
    rng = np.random.default_rng(3)
    start = [rng.normal(size=(4, 3)).astype("f4"), rng.normal(size=3).astype("f4")]
    grads = [
        [rng.normal(size=(4, 3)).astype("f4"), rng.normal(size=3).astype("f4")] for _ in range(5)
    ]
    return start, grads


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", KERAS)
def test_steps_are_those_of_keras(name, compiled):
    cls, arguments, expected = KERAS[name]
    start, grads = problem()
    optimizer = getattr(optimizers, cls)(**arguments)
    variables = [Variable(p) for p in start]

    def step(a, b):
        optimizer.apply([a, b], variables)

    if compiled:
        step = function(step)
    for g in grads:
        step(*map(ops.convert_to_tensor, g))
    actual = [*variables[0].numpy()[1], *variables[1].numpy()]
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6)
    assert optimizer._iterations.numpy() == 5


@pytest.mark.parametrize("name", KERAS_RATES)
def test_schedules_are_those_of_keras(name):
    cls, arguments, expected = KERAS_RATES[name]
    schedule = getattr(schedules, cls)(*arguments)
    rates = [float(schedule(step)) for step in STEPS]
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-7)
    config = serialize_keras_object(schedule)
    assert (config["module"], config["class_name"]) == ("keras.optimizers.schedules", cls)
    again = deserialize_keras_object(json.loads(json.dumps(config)))
    assert again.get_config() == schedule.get_config()


def test_a_schedule_drives_the_learning_rate():
    optimizer = SGD(schedules.PiecewiseConstantDecay([1], [1.0, 0.5]))
    v = Variable([0.0])
    step = function(lambda g: optimizer.apply([g], [v]))
    values = []
    for _ in range(4):
        step(np.array([1.0], "f4"))
        values.append(v.numpy()[0])
    assert values == [-1, -2, -2.5, -3]
    assert optimizer.learning_rate.item() == 0.5
    with pytest.raises(TypeError, match="cannot be set to a number"):
        optimizer.learning_rate = 0.1
    rate = optimizer.get_config()["learning_rate"]
    assert rate["class_name"] == "PiecewiseConstantDecay"
    assert isinstance(
        SGD.from_config(optimizer.get_config())._learning_rate, type(optimizer._learning_rate)
    )


def test_the_learning_rate_can_be_set_between_compiled_steps():
    optimizer = SGD(1.0)
    v = Variable([0.0])
    step = function(lambda g: optimizer.apply([g], [v]))
    step(np.array([1.0], "f4"))
    optimizer.learning_rate = 0.25
    step(np.array([1.0], "f4"))
    assert v.numpy()[0] == -1.25
    assert float(optimizer.learning_rate.numpy()) == 0.25
    optimizer.learning_rate = schedules.ExponentialDecay(0.5, 1, 1.0)
    optimizer.apply([np.array([1.0], "f4")])
    assert v.numpy()[0] == -1.75


def test_variables_have_keras_s_names_and_order():
    naming.reset_names()
    v = Variable(np.zeros(3, "f4"), name="k")
    with naming.name_scope("sequential"), naming.name_scope("dense"):
        w = Variable(np.zeros(3, "f4"), name="bias")
    optimizer = Adam(amsgrad=True, use_ema=True, name="o")
    optimizer.build([v, w])
    assert [x.path for x in optimizer.variables] == [
        "o/iteration",
        "o/learning_rate",
        "o/k_average",
        "o/sequential_dense_bias_average",
        "o/k_momentum",
        "o/k_velocity",
        "o/sequential_dense_bias_momentum",
        "o/sequential_dense_bias_velocity",
        "o/k_velocity_hat",
        "o/sequential_dense_bias_velocity_hat",
    ]
    assert optimizer.iterations.dtype == "int64"
    assert not any(x.trainable for x in optimizer.variables)
    plain, momentum = SGD(), SGD(momentum=0.9)
    assert (plain.name, momentum.name) == ("sgd", "sgd_1")
    plain.build([v])
    momentum.build([v])
    assert [x.name for x in plain.variables] == ["iteration", "learning_rate"]
    assert [x.name for x in momentum.variables][2:] == ["k_momentum"]


def test_float64_variables_keep_their_precision():
    start, grads = problem()
    v = Variable(start[1].astype("f8"))
    optimizer = Adam(0.1)
    m, s, p = np.zeros(3), np.zeros(3), start[1].astype("f8")
    rate = float(np.float32(0.1))
    for t, (_, g) in enumerate(grads, 1):
        optimizer.apply([g.astype("f8")], [v])
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g.astype("f8") ** 2
        alpha = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        p = p - alpha * m / (np.sqrt(s) + 1e-7)
    np.testing.assert_allclose(v.numpy(), p, rtol=1e-7)


def test_state_goes_to_a_store_and_back():
    v = Variable([1.0, 2.0])
    optimizer = Adam()
    optimizer.apply([np.array([1.0, 2.0], "f4")], [v])
    store = {}
    optimizer.save_own_variables(store)
    assert list(store) == ["0", "1", "2", "3"]
    other = Adam()
    other.build([v])
    other.load_own_variables(store)
    for a, b in zip(optimizer.variables, other.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    with pytest.warns(UserWarning, match="its state is not loaded"):
        Adam().load_own_variables(store)


def test_constraints_and_weight_decay_exclusions():
    v = Variable([1.0, -1.0], name="kernel")
    w = Variable([1.0], name="bias")
    v.constraint = lambda x: ops.maximum(x, 0.0)
    optimizer = SGD(0.0, weight_decay=0.5)
    optimizer.learning_rate = 1.0
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply_gradients([(np.zeros(2, "f4"), v), (np.zeros(1, "f4"), w)])
    assert v.numpy().tolist() == [0.5, 0]
    assert w.numpy().tolist() == [1]
    with pytest.raises(ValueError, match=r"before build"):
        optimizer.exclude_from_weight_decay([v])


def test_averages_become_the_variables_at_the_end():
    v = Variable([0.0])
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(2):
        optimizer.apply([np.array([1.0], "f4")], [v])
    optimizer.finalize_variable_values([v])
    assert v.numpy()[0] == -1.5


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Lion"]
)
def test_configs(name):
    optimizer = optimizers.get(name.lower())
    assert type(optimizer).__name__ == name
    config = optimizers.serialize(optimizer)
    assert (config["module"], config["class_name"], config["registered_name"]) == (
        "keras.optimizers",
        name,
        None,
    )
    again = optimizers.deserialize(json.loads(json.dumps(config)))
    assert again.get_config() == optimizer.get_config()
    assert (
        optimizers.get({"class_name": name.upper(), "config": {"learning_rate": 0.5}}).learning_rate
        == 0.5
    )


def test_the_config_of_adam_is_keras_s():
    assert Adam(name="adam").get_config() == {
        "name": "adam",
        "learning_rate": 0.0010000000474974513,
        "weight_decay": None,
        "clipnorm": None,
        "global_clipnorm": None,
        "clipvalue": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "loss_scale_factor": None,
        "gradient_accumulation_steps": None,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-07,
        "amsgrad": False,
    }


def test_errors():
    v = Variable([1.0])
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'adm'. Did you mean .*'adam'"):
        optimizers.get("adm")
    with pytest.raises(ValueError, match="Cannot make an optimizer"):
        optimizers.get(3)
    with pytest.raises(ValueError, match="must be a number"):
        SGD("fast")
    with pytest.raises(ValueError, match="momentum must be in"):
        SGD(momentum=2)
    with pytest.raises(ValueError, match="only one of clipnorm, clipvalue"):
        SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(ValueError, match=r"unknown arguments \['speed'\]"):
        SGD(speed=1)
    with pytest.raises(ValueError, match="one gradient for each variable"):
        SGD().apply([np.zeros(1, "f4")], [v, v])
    with pytest.raises(ValueError, match="No gradients provided"):
        SGD().apply([None], [v])
    with pytest.raises(ValueError, match="must come before apply"):
        SGD().apply([np.zeros(1, "f4")])
    optimizer = SGD()
    optimizer.build([v])
    with pytest.raises(ValueError, match="unknown variable"):
        optimizer.apply([np.zeros(1, "f4")], [Variable([1.0])])
    w = Variable([1.0])
    both = SGD()
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        both.apply([None, np.ones(1, "f4")], [v, w])
