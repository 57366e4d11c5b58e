"""Copies, clones, files and configs of functional models; Keras's files."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import deepcore as dc
import peers
from deepcore import layers, models
from deepcore.models import Functional, Model, Sequential, clone_model, load_model
from functional_models import LOSSES, ONE, TWO, X, Z, data, losses_of, two_inputs

PEER = "functional_peer.py"
KERAS_FILES = Path(__file__).parent / "data" / "keras_functional"


def same_outputs(model, other):
    x = data(*(t.shape[1:] for t in model.inputs), seed=5)
    for a, b in zip(model(x), other(x), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_copies_stand_alone():
    model = two_inputs()
    other = copy.deepcopy(model)
    same_outputs(model, other)
    assert other.get_config() == model.get_config()
    features = Model(other.inputs, other.get_layer("x").output)
    assert features.weights[0] is other.get_layer("x").kernel
    assert features.weights[0] is not model.get_layer("x").kernel


def test_clones_have_weights_of_their_own():
    model = two_inputs()
    model.compile("sgd", **LOSSES)
    other = clone_model(model)
    assert other.compiled
    assert other.get_config() == model.get_config()
    assert not {id(v) for v in other.weights} & {id(v) for v in model.weights}
    other.set_weights(model.get_weights())
    same_outputs(model, other)
    wide = clone_model(model, clone_function=lambda layer: layer)
    assert wide.weights[0] is model.weights[0]


def test_clones_may_change_layers_and_calls():
    inner = Sequential([dc.Input((4,)), layers.Dense(4)], name="inner")
    x = dc.Input((4,))
    model = Model(x, layers.Dense(2)(inner(x)))
    seen = []

    def call(layer, *args, **kwargs):
        seen.append(layer.name)
        return layer(*args, **kwargs) * 2.0

    assert clone_model(model, call_function=call).output_shape == (None, 2)
    assert seen == [layer.name for layer in model.layers[1:]]
    names = []
    clone_model(model, clone_function=lambda layer: names.append(layer.name) or layer)
    assert "inner" in names
    names.clear()
    clone_model(
        model,
        clone_function=lambda layer: names.append(layer.name) or layer,
        recursive=True,
    )
    assert "inner" not in names
    assert len(names) == 2
    with pytest.raises(ValueError, match="`call_function` argument is not supported"):
        clone_model(inner, call_function=call)
    with pytest.raises(ValueError, match="must have the same structure as model\\.input"):
        clone_model(model, input_tensors=[x])
    assert clone_model(model, input_tensors=dc.Input((4,), name="new")).input_names == ["new"]
    assert clone_model(inner, input_tensors=dc.Input((4,))).built


def test_files_come_back_and_train_on_alike(tmp_path):
    model = two_inputs()
    losses_of(model, [ONE, TWO])
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert type(again) is Functional
    assert again.get_config() == model.get_config()
    same_outputs(model, again)
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    told = [m.fit([X, Z], [ONE, TWO], **options).history for m in (model, again)]
    assert told[0] == told[1]
    other = two_inputs()
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    same_outputs(model, other)


def test_json_makes_a_model_with_new_weights():
    model = two_inputs()
    again = models.model_from_json(model.to_json())
    assert again.get_config() == model.get_config()
    again.set_weights(model.get_weights())
    same_outputs(model, again)
    with pytest.raises(ValueError, match="model_from_json: expected the JSON of a model"):
        models.model_from_json(json.dumps(layers.serialize(layers.Dense(2))))
    with pytest.raises(ValueError, match="model_from_json: expected the JSON of a model"):
        models.model_from_json("[1]")


def test_files_that_keras_made():
    told = peers.on_deepcore(PEER, "check", KERAS_FILES)
    assert told.startswith("5 models, 6 fits, 0 differences")


@pytest.mark.slow
def test_keras_and_deepcore_read_each_other(tmp_path):
    peers.each_checks_the_other(PEER, tmp_path)


BAD_CONFIGS = {
    "unknown layer": (lambda c: _history(c).__setitem__(0, "no"), "Unknown layer: no"),
    "a loop": (lambda c: _history(c).__setitem__(1, 5), "either has loops or disconnected"),
    "no such output": (lambda c: c["output_layers"][0].__setitem__(1, 3), "There is no tensor"),
    "not a layer": (
        lambda c: c["layers"][2].update(module="keras", class_name="DTypePolicy"),
        "expected a layer or operation|DTypePolicy",
    ),
    "Keras 2": (lambda c: c["layers"][2].update(inbound_nodes=[[["a", 0, 0, {}]]]), "Keras 2"),
    "a call on nothing": (
        lambda c: c["layers"][2]["inbound_nodes"][0].update(args=[1]),
        "is called on no tensor",
    ),
}


def _history(config):
    return config["layers"][2]["inbound_nodes"][0]["args"][0]["config"]["keras_history"]


@pytest.mark.parametrize("wrong", BAD_CONFIGS)
def test_bad_configs(wrong):
    change, message = BAD_CONFIGS[wrong]
    config = json.loads(json.dumps(two_inputs().get_config()))
    change(config)
    with pytest.raises((ValueError, TypeError), match=message):
        Model.from_config(config)


def test_operations_of_files_are_ops_alone():
    config = json.loads(json.dumps(Model(x := dc.Input((2,)), x + 1.0).get_config()))
    for name in ("ConvertToNumpy", "FunctionType", "Cond"):
        config["layers"][1]["class_name"] = name
        with pytest.raises(ValueError, match="which is not known here"):
            Model.from_config(config)
    config["layers"][1]["class_name"] = "Add"
    config["layers"][1]["config"]["axis"] = 1
    with pytest.raises(ValueError, match="Add: unknown arguments"):
        Model.from_config(config)
