"""Configs to objects and back; names, trees, checks and small helpers."""

from __future__ import annotations

import collections
import json
import random as python_random
import subprocess
import sys

import numpy as np
import pytest

import deepcore
from deepcore import checks, config, layers, losses, naming, ops, tree, utils
from deepcore.serialization import (
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)


def through_json(obj):
    return deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(obj))))


@pytest.mark.parametrize(
    "value", [None, 1, 1.5, True, "name", [1, [2, "x"]], {"a": [1], "b": {"c": None}}], ids=str
)
def test_plain_data_passes_through(value):
    assert through_json(value) == value


def test_special_values():
    assert serialize_keras_object((1, 2)) == (1, 2)
    assert through_json(np.float32(1.5)) == 1.5
    assert through_json(slice(1, None, 2)) == slice(1, None, 2)
    assert through_json(Ellipsis) is Ellipsis
    assert through_json(b"bytes") == b"bytes"
    assert through_json(np.dtype("float32")) == "float32"
    array = through_json(np.arange(3, dtype="int64"))
    assert isinstance(array, np.ndarray)
    assert array.dtype == "int64"
    tensor = through_json(ops.ones(2))
    assert ops.is_tensor(tensor)
    assert tensor.tolist() == [1, 1]


def test_dtype_policies_load():
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": "float32"},
        "registered_name": None,
    }
    layer = layers.Dense.from_config({"units": 2, "dtype": policy, "name": "d"})
    assert layer.compute_dtype == "float32"
    assert layer.get_config()["dtype"] == policy


class Unregistered:
    def get_config(self):
        return {"a": 1}

    @classmethod
    def from_config(cls, config):
        return cls()


@register_keras_serializable("tests", "Known")
class Registered(Unregistered):
    pass


def test_custom_classes():
    described = serialize_keras_object(Registered())
    assert described["registered_name"] == "tests>Known"
    assert described["class_name"] == "Registered"
    assert isinstance(through_json(Registered()), Registered)
    assert get_registered_name(Registered) == "tests>Known"
    assert get_registered_object("tests>Known") is Registered
    assert get_custom_objects()["tests>Known"] is Registered
    described = serialize_keras_object(Unregistered())
    with pytest.raises(ValueError, match=r"names the class '.*Unregistered', which is not known"):
        deserialize_keras_object(described)
    with custom_object_scope({"Unregistered": Unregistered}):
        assert isinstance(deserialize_keras_object(described), Unregistered)
    assert isinstance(
        deserialize_keras_object(described, {"Unregistered": Unregistered}), Unregistered
    )
    with pytest.raises(ValueError, match=r"no get_config"):
        register_keras_serializable()(type("Bare", (), {}))
    with pytest.raises(TypeError, match=r"no get_config"):
        serialize_keras_object(object())


def test_nothing_in_a_config_is_imported_or_run():
    name = "antigravity"
    sys.modules.pop(name, None)
    for module, cls in ((name, "Thing"), ("os", "system"), ("builtins", "eval")):
        described = {"module": module, "class_name": cls, "config": {}, "registered_name": None}
        with pytest.raises(ValueError, match="not known here"):
            deserialize_keras_object(described)
        described = {"module": module, "class_name": "function", "config": cls}
        with pytest.raises(ValueError, match="names the function"):
            deserialize_keras_object(described)
    assert name not in sys.modules
    for safe_mode in (True, False):
        with pytest.raises(ValueError, match="lambda"):
            deserialize_keras_object(
                {"class_name": "__lambda__", "config": {"value": ["", None, None]}},
                safe_mode=safe_mode,
            )
    with pytest.raises(ValueError, match="unknown kind '__typespec__'"):
        deserialize_keras_object({"class_name": "__typespec__", "config": {}})
    with pytest.raises(ValueError, match="cannot be loaded"):
        deserialize_keras_object(
            {"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}}
        )


def test_unknown_names_get_a_hint():
    described = {"module": "keras.losses", "class_name": "Hubber", "config": {}}
    with pytest.raises(ValueError, match=r"Did you mean 'Huber'"):
        deserialize_keras_object(described)


def test_moved_modules_are_found_by_name():
    described = {
        "module": "keras.src.losses.losses",
        "class_name": "MeanSquaredError",
        "config": {"name": "x"},
    }
    assert isinstance(deserialize_keras_object(described), losses.MeanSquaredError)
    described["module"] = "keras.src.metrics.regression_metrics"
    assert isinstance(deserialize_keras_object(described), deepcore.metrics.MeanSquaredError)


def test_built_in_names_need_no_import_by_the_user():
    code = (
        "from deepcore.serialization import deserialize_keras_object as load\n"
        "names = ['losses.Huber', 'optimizers.Adam', 'layers.Flatten', 'initializers.Zeros']\n"
        "for name in names:\n"
        "    module, cls = name.split('.')\n"
        "    made = load({'module': 'keras.' + module, 'class_name': cls, 'config': {}})\n"
        "    assert type(made).__name__ == cls\n"
        "relu = load({'module': 'builtins', 'class_name': 'function', 'config': 'relu'})\n"
        "assert relu.__name__ == 'relu'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_malformed_configs():
    with pytest.raises(TypeError, match="Cannot read the config"):
        deserialize_keras_object(object())
    with pytest.raises(TypeError, match="must be a dict"):
        deserialize_keras_object({"module": "keras.losses", "class_name": "Huber", "config": [1]})
    with pytest.raises(TypeError, match="must be its name"):
        deserialize_keras_object({"class_name": "function", "config": {}})


# ---- helpers


def test_set_random_seed_seeds_three_streams():
    def draws():
        utils.set_random_seed(5)
        legacy = np.random.rand()  # noqa: NPY002 - it is one of the three
        return python_random.random(), legacy, deepcore.random.uniform(()).item()

    assert draws() == draws()
    with pytest.raises(ValueError, match="must be an integer"):
        utils.set_random_seed(-1)


def test_to_categorical_and_normalize():
    np.testing.assert_array_equal(utils.to_categorical([0, 2]), [[1, 0, 0], [0, 0, 1]])
    assert utils.to_categorical([[1], [0]], 3).shape == (2, 3)
    assert utils.to_categorical([[1, 0], [0, 1]]).shape == (2, 2, 2)
    assert ops.is_tensor(utils.to_categorical(ops.convert_to_tensor([1, 0])))
    with pytest.raises(ValueError, match=r"must be in \[0, 2\)"):
        utils.to_categorical([0, 2], 2)
    np.testing.assert_allclose(
        utils.normalize(np.array([[3.0, 4.0], [0, 0]])), [[0.6, 0.8], [0, 0]]
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MaxPooling2D", "max_pooling2d"),
        ("Conv2D", "conv2d"),
        ("ReLU", "re_lu"),
        ("LSTM", "lstm"),
        ("RMSprop", "rm_sprop"),
        ("AdamW", "adam_w"),
        ("MeanIoU", "mean_io_u"),
        ("F1Score", "f1_score"),
        ("GlobalAveragePooling2D", "global_average_pooling2d"),
        ("already_snake", "already_snake"),
    ],
)
def test_snake_case(name, expected):
    assert naming.to_snake_case(name) == expected


def test_names_count_up():
    naming.reset_names()
    assert [naming.auto_name("AbcDe") for _ in range(3)] == ["abc_de", "abc_de_1", "abc_de_2"]
    utils.clear_session()
    assert naming.auto_name("AbcDe") == "abc_de"
    with pytest.raises(ValueError, match="without the character"):
        naming.name_scope("a/b")


def test_trees():
    Point = collections.namedtuple("Point", "x y")
    nest = {"b": [1, (2, 3)], "a": Point(4, [])}
    assert tree.flatten(nest) == [4, 1, 2, 3]
    doubled = tree.map_structure(lambda v: 2 * v, nest)
    assert doubled == {"b": [2, (4, 6)], "a": Point(8, [])}
    assert list(doubled) == ["b", "a"]
    assert isinstance(doubled["a"], Point)
    assert tree.pack_sequence_as([0, {"k": 0}], [5, 6]) == [5, {"k": 6}]
    for leaves in ([5], [5, 6, 7]):
        with pytest.raises(ValueError, match="pack_sequence_as"):
            tree.pack_sequence_as([0, 0], leaves)
    with pytest.raises(ValueError, match="structures differ"):
        tree.map_structure(lambda a, b: a, [1], (1,))
    tree.assert_same_structure({"a": 1, "b": [2]}, {"b": [0], "a": None})


def test_checks():
    assert checks.positive_int("Dense", "units", np.int64(3)) == 3
    for bad in (0, -1, 1.5, "3", True, None):
        with pytest.raises(ValueError, match=r"Dense: units must be a positive integer\. Received"):
            checks.positive_int("Dense", "units", bad)
    assert checks.int_tuple("Conv2D", "kernel_size", 3, 2) == (3, 3)
    assert checks.int_tuple("Conv2D", "kernel_size", [1, 2], 2) == (1, 2)
    for bad in ((1,), (1, 0), 1.5, "ab", None):
        with pytest.raises(ValueError, match="Conv2D: kernel_size must be a positive integer"):
            checks.int_tuple("Conv2D", "kernel_size", bad, 2)
    assert checks.fraction("Dropout", "rate", 0.5) == 0.5
    for bad in (-0.1, 1.1, float("nan"), "x", None):
        with pytest.raises(ValueError, match=r"Dropout: rate must be in \[0, 1\]"):
            checks.fraction("Dropout", "rate", bad)
    with pytest.raises(ValueError, match="must be one of 'a', 'b'"):
        checks.one_of("X", "mode", "c", ("a", "b"))


def test_config():
    assert config.floatx() == "float32"
    assert config.epsilon() == 1e-7
    try:
        config.set_floatx("float64")
        assert ops.zeros(1).dtype == "float64"
        config.set_image_data_format("channels_first")
        assert ops.max_pool(np.zeros((1, 3, 4, 4), "f4"), 2).shape == (1, 3, 2, 2)
    finally:
        config.set_floatx("float32")
        config.set_image_data_format("channels_last")
    assert config.standardize_dtype(np.dtype("int64")) == "int64"
    assert config.standardize_dtype(np.float32) == "float32"
    assert config.standardize_dtype(bool) == "bool"
    with pytest.raises(ValueError, match="Unknown floatx"):
        config.set_floatx("int32")
    with pytest.raises(ValueError, match="data_format must be"):
        config.set_image_data_format("last")
