"""Metrics against Keras's numbers, eagerly and compiled."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deepcore import losses, metrics, ops
from deepcore.transforms import function

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
# (class, arguments, y_true, y_pred, over a batch and its first half, weighted by W, config), by
# Keras 3.15 on JAX.
KERAS = [
    ("Accuracy", {}, "B", "B2", 0.388889, 0.285714, {"name": "accuracy", "dtype": "float32"}),
    (
        "BinaryAccuracy",
        {},
        "B",
        "S",
        0.333333,
        0.190476,
        {"name": "binary_accuracy", "dtype": "float32", "threshold": 0.5},
    ),
    (
        "BinaryAccuracy",
        {"threshold": 0.3},
        "B",
        "S",
        0.222222,
        0.190476,
        {"name": "binary_accuracy", "dtype": "float32", "threshold": 0.3},
    ),
    (
        "CategoricalAccuracy",
        {},
        "H",
        "P",
        0.0,
        0.0,
        {"name": "categorical_accuracy", "dtype": "float32"},
    ),
    (
        "SparseCategoricalAccuracy",
        {},
        "Y",
        "P",
        0.0,
        0.0,
        {"name": "sparse_categorical_accuracy", "dtype": "float32"},
    ),
    (
        "TopKCategoricalAccuracy",
        {"k": 2},
        "H",
        "P",
        0.5,
        0.428571,
        {"name": "top_k_categorical_accuracy", "dtype": "float32", "k": 2},
    ),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2},
        "Y",
        "P",
        0.5,
        0.428571,
        {"name": "sparse_top_k_categorical_accuracy", "dtype": "float32", "k": 2},
    ),
    (
        "MeanSquaredError",
        {},
        "T",
        "R",
        2.054,
        2.39161,
        {"name": "mean_squared_error", "dtype": "float32"},
    ),
    (
        "RootMeanSquaredError",
        {},
        "T",
        "R",
        1.43318,
        1.54648,
        {"name": "root_mean_squared_error", "dtype": "float32"},
    ),
    (
        "MeanAbsoluteError",
        {},
        "T",
        "R",
        1.12506,
        1.31934,
        {"name": "mean_absolute_error", "dtype": "float32"},
    ),
    (
        "MeanAbsolutePercentageError",
        {},
        "T",
        "R",
        296.672,
        402.107,
        {"name": "mean_absolute_percentage_error", "dtype": "float32"},
    ),
    (
        "MeanSquaredLogarithmicError",
        {},
        "P",
        "S",
        0.0231685,
        0.0307618,
        {"name": "mean_squared_logarithmic_error", "dtype": "float32"},
    ),
    (
        "BinaryCrossentropy",
        {},
        "B",
        "S",
        0.829392,
        0.91149,
        {
            "name": "binary_crossentropy",
            "dtype": "float32",
            "from_logits": False,
            "label_smoothing": 0,
        },
    ),
    (
        "CategoricalCrossentropy",
        {},
        "H",
        "P",
        1.54212,
        1.51455,
        {
            "name": "categorical_crossentropy",
            "dtype": "float32",
            "from_logits": False,
            "label_smoothing": 0,
            "axis": -1,
        },
    ),
    (
        "SparseCategoricalCrossentropy",
        {},
        "Y",
        "P",
        1.54212,
        1.51455,
        {
            "name": "sparse_categorical_crossentropy",
            "dtype": "float32",
            "from_logits": False,
            "ignore_class": None,
            "axis": -1,
        },
    ),
    (
        "CosineSimilarity",
        {},
        "T",
        "R",
        -0.0977625,
        -0.21236,
        {"name": "cosine_similarity", "dtype": "float32"},
    ),
    (
        "KLDivergence",
        {},
        "P",
        "S",
        -0.279875,
        -0.37452,
        {"name": "kl_divergence", "dtype": "float32"},
    ),
    ("Poisson", {}, "P", "S", 0.69666, 0.722021, {"name": "poisson", "dtype": "float32"}),
    ("Hinge", {}, "B", "R", 1.14211, 1.30853, {"name": "hinge", "dtype": "float32"}),
    ("SquaredHinge", {}, "B", "R", 1.91937, 2.2318, {"name": "squared_hinge", "dtype": "float32"}),
    (
        "CategoricalHinge",
        {},
        "H",
        "R",
        2.09201,
        2.01018,
        {"name": "categorical_hinge", "dtype": "float32"},
    ),
    ("LogCoshError", {}, "T", "R", 0.654483, 0.780465, {"name": "logcosh", "dtype": "float32"}),
]
IDS = [f"{row[0]}{row[1] or ''}" for row in KERAS]


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("row", KERAS, ids=IDS)
def test_values_are_those_of_keras(row, compiled):
    name, arguments, true, pred, twice, weighted, config = row
    metric = getattr(metrics, name)(**arguments)
    y_true, y_pred = DATA[true], DATA[pred]
    update, result = metric.update_state, metric.result
    if compiled:
        update = function(lambda *a: metric.update_state(*a))
        result = function(lambda: metric.result())
    update(y_true, y_pred)
    update(y_true[:2], y_pred[:2])
    assert result().item() == pytest.approx(twice, rel=3e-5)
    metric.reset_state()
    assert result().item() == 0
    update(y_true, y_pred, W)
    assert result().item() == pytest.approx(weighted, rel=3e-5)
    assert metric.get_config() == config
    described = metrics.serialize(metric)
    assert (described["module"], described["class_name"]) == ("keras.metrics", name)
    again = metrics.deserialize(json.loads(json.dumps(described)))
    assert again.get_config() == config


def test_mean_and_sum():
    mean = metrics.Mean()
    assert mean.result().item() == 0
    mean.update_state([1, 3, 5, 7])
    mean.update_state(4.0)
    assert mean.result().item() == 4
    mean.reset_state()
    assert mean([1.0, 3.0], sample_weight=[1, 3]).item() == 2.5
    mean.reset_state()
    mean.update_state(np.arange(6.0).reshape(3, 2), [1, 0, 1])
    assert mean.result().item() == 2.5
    mean.reset_state()
    mean.update_state(np.arange(6.0).reshape(3, 2), [[1, 0], [0, 0], [0, 1]])
    assert mean.result().item() == 2.5
    total = metrics.Sum()
    total.update_state([1, 2, 3], [1, 1, 0])
    total.update_state([[1, 2], [3, 4]])
    assert total.result().item() == 13
    assert [v.path for v in metrics.Mean(name="m").variables] == ["m/total", "m/count"]


def test_shapes_of_labels():
    metric = metrics.SparseCategoricalAccuracy()
    labels = np.array([0, 2, 1, 1])
    for y in (labels, labels[:, None], labels.astype("f4"), labels.astype("u1")):
        metric.reset_state()
        metric.update_state(y, DATA["P"])
        assert metric.result().item() == pytest.approx(np.mean(labels == DATA["P"].argmax(-1)))
    rows = metrics.SparseCategoricalAccuracy()
    rows.update_state(np.zeros((2, 3), "i4"), np.eye(3, dtype="f4")[np.zeros((2, 3), int)])
    assert rows.result().item() == 1
    with pytest.raises(ValueError, match="without the classes"):
        metric.update_state(labels[:2], DATA["P"])
    binary = metrics.BinaryAccuracy()
    binary.update_state(np.array([1, 0]), np.array([[0.9], [0.8]]))
    assert binary.result().item() == 0.5
    with pytest.raises(ValueError, match="do not fit"):
        binary.update_state(np.ones(4), np.ones((4, 4)))
    with pytest.raises(ValueError, match="threshold must be in"):
        metrics.BinaryAccuracy(threshold=2)


def test_top_k_counts_ties_and_sorted_ids():
    predictions = np.array([[0.5, 0.5, 0.1], [np.nan, 0.2, 0.3]], "f4")
    hits = metrics.sparse_top_k_categorical_accuracy([1, 0], predictions, k=1)
    assert hits.tolist() == [1, 0]
    ids = np.array([[2, 1, 0], [0, 1, 2]])
    hits = metrics.sparse_top_k_categorical_accuracy([1, 2], ids, k=2, from_sorted_ids=True)
    assert hits.tolist() == [1, 0]


def test_get():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert isinstance(metrics.get("accuracy"), metrics.Accuracy)
    assert isinstance(metrics.get("TopKCategoricalAccuracy"), metrics.TopKCategoricalAccuracy)
    assert metrics.get(losses.mean_squared_error) is losses.mean_squared_error
    assert metrics.get(None) is None
    with pytest.raises(ValueError, match=r"Unknown metric: 'acuracy'. Did you mean 'accuracy'"):
        metrics.get("acuracy")


def test_metrics_hold_metrics_and_variables():
    class Both(metrics.Metric):
        def __init__(self):
            super().__init__(name="both")
            self.steps = self.add_variable((), name="steps")
            self.mean = metrics.Mean(name="inner")

        def update_state(self, values):
            self.steps.assign_add(1)
            self.mean.update_state(values)

        def result(self):
            return {"steps": self.steps.value, "mean": self.mean.result()}

    metric = Both()
    update = function(metric.update_state)
    update(np.array([1.0, 3.0]))
    update(np.array([5.0, 7.0]))
    assert [v.path for v in metric.variables] == ["both/steps", "inner/total", "inner/count"]
    assert {k: v.item() for k, v in metric.result().items()} == {"steps": 2, "mean": 4}
    metric.reset_state()
    assert metric.result()["mean"].item() == 0
    with pytest.raises(NotImplementedError, match="must write result"):
        metrics.Metric().result()


def test_wrapped_functions():
    metric = metrics.MeanMetricWrapper(losses.huber, name="h", delta=0.5)
    metric.update_state(T, R)
    assert metric.result().item() == pytest.approx(ops.mean(losses.huber(T, R, 0.5)).item())
    again = metrics.deserialize(json.loads(json.dumps(metrics.serialize(metric))))
    again.update_state(T, R)
    assert again.result().item() == metric.result().item()
