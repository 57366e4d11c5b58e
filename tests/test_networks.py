"""The benchmarks' networks: parameters of the published ones, and Keras's numbers."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import deepcore
import peers

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "benchmarks"))
models = importlib.import_module("models")

# As keras.applications counts them, where it has them.
PARAMETERS = {
    "mlp_mnist": 55_050,
    "cnn_mnist": 121_930,
    "conv1d_ts": 26_378,
    "resnet20_cifar": 274_042,
    "resnet50": 25_636_712,
    "mobilenet_v2": 3_538_984,
    "lstm_text": 2_691_713,
    "gru_seq": 15_809,
    "bilstm_tagger": 708_628,
    "transformer_text": 1_344_126,
}


@pytest.mark.parametrize("name", models.NETWORKS)
def test_parameters(name):
    network = models.NETWORKS[name]
    model = network.build(deepcore)
    assert model.count_params() == PARAMETERS[name]
    steps = (network.steps,) if network.steps else ()
    assert model.output_shape == (None, *steps, network.classes)


@pytest.mark.parametrize("name", ["conv1d_ts", "resnet20_cifar"])
def test_they_learn(name):
    deepcore.utils.set_random_seed(1)
    network = models.NETWORKS[name]
    rng = np.random.default_rng(0)
    y = np.arange(64) % 4
    x = rng.normal(size=(4, *network.shape))[y] + rng.normal(size=(64, *network.shape)) * 0.1
    model = models.compiled(deepcore, name)
    history = model.fit(x.astype("float32"), y, batch_size=16, epochs=5, verbose=0).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv1d_ts", "resnet20_cifar", "mobilenet_v2"])
def test_keras_computes_the_same(tmp_path, name):
    file = tmp_path / "told.npz"
    peers.on_keras("network_peer.py", "make", name, file)
    peers.on_deepcore("network_peer.py", "check", name, file)
