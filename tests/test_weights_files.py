"""`.weights.h5` files: Keras's layout, damaged and hostile files, and what a failed load leaves."""

from __future__ import annotations

import random
from pathlib import Path

import h5py
import numpy as np
import pytest

import deepcore
from deepcore import layers
from deepcore.layers import Dense, Input

KERAS = Path(__file__).parent / "data" / "keras"


def network(width=3):
    return deepcore.Sequential([Input((4,)), Dense(width, activation="relu"), Dense(2)])


def trained():
    model = network()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4), "float32"), np.ones((4, 2)), epochs=2, verbose=0)
    return model


def same(model, weights):
    return all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))


def paths(file):
    found = []
    with h5py.File(file) as opened:
        opened.visititems(
            lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None
        )
    return sorted(found)


# ---- the layout


class Block(layers.Layer):
    """Sublayers as attribute, list, dict, in a list of lists, private, and twice."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Dense(2)
        self.many = [Dense(2), layers.Conv2D(1, 1), Dense(2)]
        self.named = {"b": Dense(2), "a": Dense(2)}
        self.nested = [[Dense(2)], (Dense(2), [Dense(2)])]
        self.alias = self.many[0]
        self._hidden = Dense(2)

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(2,), initializer="ones")
        for layer in self._flatten_layers(include_self=False):
            layer.build((None, 3, 3, 2) if isinstance(layer, layers.Conv2D) else (None, 2))

    def call(self, x):
        return x * self.scale


class Net(deepcore.Model):
    def __init__(self):
        super().__init__()
        self.out = Dense(2, use_bias=False)
        self.block = Block()
        self.rest = Dense(1, use_bias=False)

    def call(self, x):
        return self.rest(self.out(self.block(x)))


def test_paths_are_those_of_keras(tmp_path):
    model = Net()
    model(np.ones((1, 2), "float32"))
    model.save_weights(tmp_path / "m.weights.h5")
    # `alias` comes before `many`: what both hold lies there, and keeps its number here.
    block = ["alias", "first", "many/conv2d", "many/dense_1", "named/dense", "named/dense_1"]
    nested = ["container/dense", "container_1/dense", "container_1/container/dense"]
    block += ["_hidden", *(f"nested/{place}" for place in nested)]
    expected = [f"block/{place}/vars/{i}" for place in block for i in (0, 1)]
    # `layers` is an attribute of a model too; it comes before `out` and `rest`.
    expected += ["block/vars/0", "layers/dense/vars/0", "layers/dense_1/vars/0"]
    assert paths(tmp_path / "m.weights.h5") == sorted(expected)


def test_layers_of_a_class_are_numbered_and_named(tmp_path):
    trained().save_weights(tmp_path / "m.weights.h5")
    found = paths(tmp_path / "m.weights.h5")
    assert [p for p in found if p.startswith("layers")] == [
        f"layers/{name}/vars/{i}" for name in ("dense", "dense_1") for i in (0, 1)
    ]
    assert len([p for p in found if p.startswith("optimizer")]) == 2 + 2 * 4
    model = deepcore.Sequential([Input((4,)), Dense(1, name="mine")])
    model.save_weights(tmp_path / "n.weights.h5")
    with h5py.File(tmp_path / "n.weights.h5") as file:
        assert file["layers/dense/vars"].attrs["name"] == "mine"


def test_a_file_of_keras_in_half_precision():
    model = deepcore.Sequential(
        [
            Input((4,)),
            Dense(3, dtype="bfloat16"),
            layers.Dropout(0.3),
            Dense(2, dtype="float16"),
        ]
    )
    model.load_weights(KERAS / "bfloat16.weights.h5")
    first = np.asarray(model.weights[0].numpy(), "float32")
    np.testing.assert_allclose(first[0], [0.50390625, -0.171875, -0.8828125], rtol=1e-6)
    np.testing.assert_allclose(
        np.asarray(model.weights[2].numpy(), "float32")[0], [0.5693, -0.083], rtol=1e-3
    )


# ---- round trips


def test_weights_and_optimizer_state_come_back(tmp_path):
    model = trained()
    model.save_weights(tmp_path / "m.weights.h5")
    other = trained()
    assert not same(other, model.get_weights())
    other.load_weights(str(tmp_path / "m.weights.h5"))
    assert same(other, model.get_weights())
    for mine, theirs in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_weights_of_a_keras_file(tmp_path):
    model = trained()
    model.save(tmp_path / "m.keras")
    other = network()
    other.load_weights(tmp_path / "m.keras")
    assert same(other, model.get_weights())


def test_names_and_unbuilt_models(tmp_path):
    model = trained()
    with pytest.raises(ValueError, match=r"must end in \.weights\.h5\. Received: .*m\.h5"):
        model.save_weights(tmp_path / "m.h5")
    with pytest.raises(ValueError, match=r"must be \.weights\.h5 or \.keras"):
        model.load_weights(tmp_path / "m.txt")
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "no.weights.h5")
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "no.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_weights(tmp_path / "m.weights.h5", overwrite=False)
    unbuilt = deepcore.Sequential([Dense(1)])
    for act in (unbuilt.save_weights, unbuilt.load_weights):
        with pytest.raises(ValueError, match="has no weights yet"):
            act(tmp_path / "m.weights.h5")


# ---- what does not fit


def test_a_file_of_another_model_changes_nothing(tmp_path):
    network(5).save_weights(tmp_path / "m.weights.h5")
    model = trained()
    before = model.get_weights()
    match = r"do not fit the model: `layers/dense`: kernel has shape \(4, 3\), the file \(4, 5\)"
    with pytest.raises(ValueError, match=match):
        model.load_weights(tmp_path / "m.weights.h5")
    assert same(model, before)
    deeper = deepcore.Sequential([Input((4,)), Dense(3), Dense(2), Dense(2)])
    with pytest.raises(ValueError, match="`layers/dense_2` has 2 variables, the file 0"):
        deeper.load_weights(tmp_path / "m.weights.h5")


def test_mismatches_can_be_skipped(tmp_path):
    source = deepcore.Sequential([Input((4,)), Dense(3), Dense(7)])
    source.save_weights(tmp_path / "m.weights.h5")
    model = network()
    last = model.get_weights()[2:]
    with pytest.warns(UserWarning, match=r"Left out: `layers/dense_1`: kernel has shape"):
        model.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    np.testing.assert_array_equal(model.get_weights()[0], source.get_weights()[0])
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights()[2:], last, strict=True))


def test_an_optimizer_without_its_state_starts_anew(tmp_path):
    network().save_weights(tmp_path / "m.weights.h5")
    model = trained()
    with pytest.warns(UserWarning, match="its state is not loaded"):
        model.load_weights(tmp_path / "m.weights.h5")


class Picky(Dense):
    def load_own_variables(self, store):
        super().load_own_variables(store)
        raise RuntimeError("no more")


def test_a_load_that_fails_half_way_is_undone(tmp_path):
    trained().save_weights(tmp_path / "m.weights.h5")
    model = deepcore.Sequential([Input((4,)), Dense(3), Picky(2)])
    network().save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        file.move("layers/dense_1", "layers/picky")
    before = model.get_weights()
    with pytest.raises(ValueError, match="no more"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert same(model, before)


# ---- damaged files


def test_damaged_files_are_told_and_change_nothing(tmp_path):
    model = trained()
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    whole, before = path.read_bytes(), model.get_weights()
    rng = random.Random(1)
    refused = 0
    for trial in range(200):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 3, 20))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        if trial % 2:
            del data[rng.randrange(len(data)) :]
        path.write_bytes(data)
        told = ""
        try:
            model.load_weights(path)
        except ValueError as error:
            told = "".join([str(error), *getattr(error, "__notes__", [])])
        if told:
            refused += 1
            assert str(path) in told
            assert same(model, before)
        model.set_weights(before)  # where only a weight was hit
    assert refused > 90
    for data in (b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"text" * 1000):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="not a weights file, or is damaged"):
            model.load_weights(path)


# ---- hostile files


def tampered(tmp_path, change):
    """A model, and its file after `change(file, group of the first layer's variables)`."""
    model = network()
    path = tmp_path / "m.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        group = file["layers/dense/vars"]
        change(file, group)
    return model, path


def external_link(file, group):
    del group["0"]
    group["0"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file, group):
    del group["0"]
    group["0"] = h5py.SoftLink("/layers/dense_1/vars/0")


def linked_group(file, group):
    del file["layers/dense"]
    file["layers/dense"] = h5py.ExternalLink("other.h5", "/")


def external_data(file, group):
    del group["0"]
    group.create_dataset("0", (4, 3), "float32", external=[("/etc/passwd", 0, 48)])


def virtual_data(file, group):
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 3))
    del group["0"]
    group.create_virtual_dataset("0", layout)


def no_array(file, group):
    del group["0"]
    group.create_group("0")


def text(file, group):
    del group["0"]
    group.create_dataset("0", data=np.full((4, 3), b"text", "S4"))


def objects(file, group):
    del group["0"]
    group.create_dataset("0", (4, 3), h5py.special_dtype(ref=h5py.Reference))


def absurd_shape(file, group):
    del group["0"]
    group.create_dataset("0", (1 << 40, 1 << 20), "float32", chunks=(1 << 10, 1 << 10))


def array_for_group(file, group):
    del file["layers/dense"]
    file["layers"].create_dataset("dense", data=np.zeros(3))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (external_link, "is a link; links are not followed"),
        (soft_link, "is a link; links are not followed"),
        (linked_group, "is a link; links are not followed"),
        (external_data, "points to another file"),
        (virtual_data, "points to another file"),
        (no_array, "not an array of numbers"),
        (text, "not an array of numbers"),
        (objects, "not an array of numbers"),
        (absurd_shape, "refused"),
        (array_for_group, "is not a group"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_hostile_files_are_refused(tmp_path, change, match):
    model, path = tampered(tmp_path, change)
    before = model.get_weights()
    for skip in (False, True):
        with pytest.raises(ValueError, match=match):
            model.load_weights(path, skip_mismatch=skip)
    assert same(model, before)
