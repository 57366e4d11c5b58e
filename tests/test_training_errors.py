"""What fit says about data and arguments that do not fit, and that it goes on afterwards."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore as dc
from classifiers import X, Y, classifier
from deepcore import layers

ERRORS = {
    "not_compiled": (
        lambda: dc.Sequential([layers.Dense(1)]).fit(X, Y),
        "You must call `compile()` before calling `fit()`",
    ),
    "optimizer": (lambda: classifier(optimizer="adm"), "Did you mean 'adam'"),
    "loss": (lambda: classifier(loss="msee"), "Did you mean 'mse'"),
    "metric": (lambda: classifier(metrics=["acuracy"]), "acuracy"),
    "metrics_type": (lambda: classifier(metrics="accuracy"), "to be a list"),
    "steps": (lambda: classifier(steps_per_execution=0), "steps_per_execution"),
    "several": (lambda: classifier(loss=["mse", "mae"]), "one output"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    make, message = ERRORS[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


def test_missing_targets():
    model = classifier()
    with pytest.raises(ValueError, match="y is missing"):
        model.fit(X, verbose=0)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range(label):
    model = classifier()
    y = Y.copy()
    y[7] = label
    with pytest.raises(ValueError, match=r"\[0, 3\)"):
        model.fit(X, y, verbose=0)
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_wrong_width():
    model = classifier()
    with pytest.raises(
        ValueError, match=r"axis -1 of input shape to have value 6.*shape \(32, 5\)"
    ):
        model.fit(X[:, :5], Y, verbose=0)
    with pytest.raises(ValueError, match=r"found shape=\(32, 6, 1, 1\)"):
        model.predict(X[:, :, None, None], verbose=0)
    model.fit(X, Y, verbose=0)


def test_wrong_targets():
    with pytest.raises(ValueError):
        classifier(loss="categorical_crossentropy").fit(X, np.eye(4)[Y], verbose=0)
