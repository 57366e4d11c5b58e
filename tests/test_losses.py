"""Losses against Keras's numbers, their gradients, shapes and configs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepcore import losses, ops
from deepcore.serialization import register_keras_serializable
from deepcore.transforms import function, grad

rng = np.random.default_rng(5)
R, T = (rng.normal(size=(4, 3)).astype("f4") for _ in range(2))
DATA = {
    "R": R,  # predictions: any numbers
    "T": T,  # targets: any numbers
    "P": (np.exp(R) / np.exp(R).sum(-1, keepdims=True)).astype("f4"),
    "S": (1 / (1 + np.exp(-R))).astype("f4"),
    "H": np.eye(3, dtype="f4")[[0, 2, 1, 1]],
    "Y": np.array([0, 2, 1, 1]),
    "B": (T > 0).astype("f4"),
    "B2": np.roll((T > 0).astype("f4"), 1, 0),
}
W = np.array([1, 2, 0, 0.5], "f4")
# (class, arguments, y_true, y_pred, mean, sum weighted by W, values), by Keras 3.15 on JAX.
KERAS = [
    ("MeanSquaredError", {}, "T", "R", 1.70418, 8.37064, [2.92668, 2.58058, 0.743855, 0.565613]),
    ("MeanAbsoluteError", {}, "T", "R", 1.00615, 4.61768, [1.17732, 1.54842, 0.611825, 0.687052]),
    (
        "MeanAbsolutePercentageError",
        {},
        "T",
        "R",
        268.962,
        1407.37,
        [140.501, 563.683, 92.6533, 279.012],
    ),
    (
        "MeanSquaredLogarithmicError",
        {},
        "P",
        "S",
        0.0232405,
        0.107666,
        [0.0013266, 0.0447225, 0.0131235, 0.0337892],
    ),
    (
        "Huber",
        {"delta": 0.7},
        "T",
        "R",
        0.502823,
        2.44577,
        [0.638698, 0.838893, 0.275139, 0.258561],
    ),
    ("LogCosh", {}, "T", "R", 0.558131, 2.73163, [0.781604, 0.912772, 0.28919, 0.248956]),
    ("Hinge", {}, "B", "R", 1.01009, 4.57986, [1.25693, 1.5554, 0.803773, 0.424256]),
    ("SquaredHinge", {}, "T", "R", 1.71838, 7.45317, [3.62836, 1.81921, 1.05318, 0.372784]),
    ("CategoricalHinge", {}, "H", "R", 2.18095, 7.03562, [1.80193, 2.02634, 2.53353, 2.36201]),
    (
        "KLDivergence",
        {},
        "P",
        "S",
        -0.284475,
        -1.31082,
        [0.0523415, -0.593692, -0.244998, -0.351553],
    ),
    ("Poisson", {}, "P", "S", 0.685452, 2.52707, [0.67268, 0.76547, 0.656751, 0.646909]),
    (
        "CosineSimilarity",
        {},
        "T",
        "R",
        -0.0660196,
        0.74326,
        [0.476235, 0.374418, -0.151109, -0.963623],
    ),
    (
        "BinaryCrossentropy",
        {},
        "B",
        "S",
        0.757003,
        3.19022,
        [0.918574, 1.02977, 0.655463, 0.424204],
    ),
    (
        "BinaryCrossentropy",
        {"from_logits": True, "label_smoothing": 0.1},
        "B",
        "R",
        0.760115,
        3.14346,
        [0.905727, 1.002, 0.665274, 0.467459],
    ),
    (
        "CategoricalCrossentropy",
        {},
        "H",
        "P",
        1.60224,
        5.30091,
        [1.20373, 1.64002, 1.93091, 1.63429],
    ),
    (
        "CategoricalCrossentropy",
        {},
        "H",
        "S",
        1.23143,
        4.20739,
        [1.12946, 1.27529, 1.46623, 1.05473],
    ),
    (
        "CategoricalCrossentropy",
        {"from_logits": True, "label_smoothing": 0.2},
        "H",
        "R",
        1.55241,
        5.12536,
        [1.20166, 1.55088, 1.8132, 1.6439],
    ),
    (
        "SparseCategoricalCrossentropy",
        {},
        "Y",
        "P",
        1.60224,
        5.30091,
        [1.20373, 1.64002, 1.93091, 1.63429],
    ),
    (
        "SparseCategoricalCrossentropy",
        {},
        "Y",
        "S",
        1.23143,
        4.20739,
        [1.12946, 1.27529, 1.46623, 1.05473],
    ),
    (
        "SparseCategoricalCrossentropy",
        {"from_logits": True},
        "Y",
        "R",
        1.60224,
        5.30091,
        [1.20373, 1.64002, 1.93091, 1.63429],
    ),
    (
        "SparseCategoricalCrossentropy",
        {"ignore_class": 1},
        "Y",
        "P",
        1.42188,
        4.48377,
        [1.20373, 1.64002, 0.0, 0.0],
    ),
    (
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True},
        "B",
        "S",
        0.169312,
        0.825355,
        [0.1117, 0.339015, 0.155283, 0.0712486],
    ),
    (
        "CategoricalFocalCrossentropy",
        {},
        "H",
        "P",
        0.257844,
        0.812518,
        [0.147427, 0.266369, 0.352872, 0.264706],
    ),
    ("Dice", {}, "B", "S", 0.663748, None, [0.663748]),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, "B", "S", 0.701985, None, [0.701985]),
]
IDS = [f"{row[0]}{row[1] or ''}" for row in KERAS]


@pytest.mark.parametrize("row", KERAS, ids=IDS)
def test_values_are_those_of_keras(row):
    name, arguments, true, pred, mean, weighted, values = row
    cls = getattr(losses, name)
    y_true, y_pred = DATA[true], DATA[pred]
    near = {"rtol": 3e-5, "atol": 1e-6}
    np.testing.assert_allclose(cls(**arguments)(y_true, y_pred).item(), mean, **near)
    loss = cls(**arguments)
    compiled = function(lambda a, b: loss(a, b))
    np.testing.assert_allclose(compiled(y_true, y_pred).item(), mean, **near)
    if weighted is not None:
        total = cls(**arguments, reduction="sum")
        np.testing.assert_allclose(total(y_true, y_pred, W).item(), weighted, **near)
        np.testing.assert_allclose(total(y_true, y_pred, W[:, None]).item(), weighted, **near)
    each = np.ravel(cls(**arguments, reduction=None)(y_true, y_pred).numpy())
    np.testing.assert_allclose(each, values, **near)


@pytest.mark.parametrize("row", KERAS, ids=IDS)
def test_gradients_are_those_of_differences(row):
    name, arguments, true, pred, *_ = row
    loss = getattr(losses, name)(**arguments, dtype="float64")
    y_true, y_pred = DATA[true], DATA[pred].astype("f8")
    actual = grad(lambda p: loss(y_true, p))(y_pred).numpy()
    step = 1e-6
    for index in [(0, 0), (1, 2), (3, 1)]:
        up, down = y_pred.copy(), y_pred.copy()
        up[index] += step
        down[index] -= step
        slope = (loss(y_true, up).item() - loss(y_true, down).item()) / (2 * step)
        np.testing.assert_allclose(actual[index], slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", losses._classes)
def test_configs_rebuild_the_loss(name):
    loss = getattr(losses, name)()
    config = losses.serialize(loss)
    assert (config["module"], config["class_name"]) == ("keras.losses", name)
    again = losses.deserialize(json.loads(json.dumps(config)))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


def test_the_config_of_sparse_crossentropy_is_keras_s():
    assert losses.serialize(losses.SparseCategoricalCrossentropy(from_logits=True)) == {
        "module": "keras.losses",
        "class_name": "SparseCategoricalCrossentropy",
        "config": {
            "name": "sparse_categorical_crossentropy",
            "reduction": "sum_over_batch_size",
            "from_logits": True,
            "ignore_class": None,
        },
        "registered_name": None,
    }


def test_get():
    assert losses.get("mse") is losses.mean_squared_error
    assert losses.get("MAE") is losses.mean_absolute_error
    assert isinstance(losses.get("Huber"), losses.Huber)
    assert losses.get(None) is None
    assert losses.get(losses.Huber).delta == 1
    assert losses.get({"class_name": "Huber", "config": {"delta": 2.0}}).delta == 2
    assert losses.get(losses.serialize(losses.mean_squared_error)) is losses.mean_squared_error
    with pytest.raises(ValueError, match=r"Unknown loss: 'mse_loss'"):
        losses.get("mse_loss")
    with pytest.raises(ValueError, match=r"Did you mean 'categorical_crossentropy'"):
        losses.get("categorical_crosentropy")
    with pytest.raises(ValueError, match="Cannot make a loss from 3"):
        losses.get(3)


def test_a_registered_function_is_saved_by_name():
    @register_keras_serializable("tests")
    def doubled(y_true, y_pred):
        return 2 * losses.mean_squared_error(y_true, y_pred)

    wrapped = losses.LossFunctionWrapper(doubled, name="doubled")
    again = losses.deserialize(json.loads(json.dumps(losses.serialize(wrapped))))
    assert again(T, R).item() == wrapped(T, R).item()


@pytest.mark.parametrize("loss", [losses.MeanSquaredError, losses.MeanAbsoluteError, losses.Huber])
@pytest.mark.parametrize(("a", "b"), [((4,), (4, 1)), ((4, 1), (4,)), ((4,), (4,))], ids=str)
def test_targets_are_aligned_never_spread(loss, a, b):
    x = np.arange(4, dtype="f4")
    assert loss()(x.reshape(a), x.reshape(b)).item() == 0
    assert loss(reduction=None)(x.reshape(a), x.reshape(b) + 1).numpy().size in (1, 4)


@pytest.mark.parametrize(
    ("a", "b"), [((4,), (4, 4)), ((4, 3), (4, 2)), ((3, 1), (4, 1)), ((2, 3, 4), (3, 4))], ids=str
)
@pytest.mark.parametrize("name", ["mse", "mae", "binary_crossentropy", "hinge", "poisson"])
def test_shapes_that_do_not_fit(name, a, b):
    with pytest.raises(ValueError, match=r"y_true and y_pred do not fit. Received: y_true.shape="):
        losses.get(name)(np.ones(a, "f4"), np.ones(b, "f4"))


def test_sparse_labels():
    loss = losses.SparseCategoricalCrossentropy()
    labels = np.array([0, 2, 1, 1])
    expected = loss(labels, DATA["P"]).item()
    for y in (labels[:, None], labels.astype("u1"), labels.astype("f4"), labels.astype("i4")):
        assert loss(y, DATA["P"]).item() == pytest.approx(expected)
    with pytest.raises(Exception, match="label"):
        loss(np.array([0, 3, 1, 1]), DATA["P"])
    with pytest.raises(ValueError, match="without the classes"):
        loss(labels[:3], DATA["P"])


def test_softmax_outputs_are_not_divided_by_their_sum_again():
    def through_softmax(x):
        return losses.sparse_categorical_crossentropy(DATA["Y"], ops.softmax(x))

    logits = losses.sparse_categorical_crossentropy(DATA["Y"], R, from_logits=True)
    np.testing.assert_allclose(through_softmax(R).numpy(), logits.numpy(), rtol=1e-5)


def test_weights_and_masks():
    values = ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    reduce = losses.base.reduce_weighted_values
    assert reduce(values, [1.0, 0.0, 2.0]).item() == pytest.approx(25 / 6)
    assert reduce(values, [[1.0], [0.0], [2.0]], reduction="sum").item() == 25
    assert reduce(values, np.ones((3, 2)), reduction="mean").item() == pytest.approx(3.5)
    weighted = reduce(values, [1.0, 0.0, 2.0], reduction="mean_with_sample_weight").item()
    assert weighted == pytest.approx(25 / 3)
    masked = reduce(values, mask=[[True, False], [True, False], [False, False]]).item()
    assert masked == pytest.approx(2)
    assert reduce(values, reduction=None).shape == (3, 2)
    with pytest.raises(ValueError, match=r"sample_weight of shape \(2,\) does not fit"):
        reduce(ops.ones(3), [1.0, 2.0])
    with pytest.raises(ValueError, match="reduction must be one of"):
        losses.MeanSquaredError(reduction="average")


def test_empty_batches_give_no_nan():
    assert losses.MeanSquaredError()(np.ones((0, 3), "f4"), np.ones((0, 3), "f4")).numpy().size == 0
    empty = losses.base.reduce_values(ops.zeros((0, 2)))
    assert empty.item() == 0
