"""Damaged and hostile `.keras` files: refused with a clear error; nothing in them runs."""

from __future__ import annotations

import copy
import io
import json
import random
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import deepcore
from deepcore import saving
from deepcore.layers import Dense
from deepcore.saving import load_model
from deepcore.saving.model_file import CONFIG, METADATA, WEIGHTS
from saved_models import data, network, trained

KERAS_FILES = Path(__file__).parent / "data" / "keras"


# ---- damaged files


def archive_with(path, **members):
    """A copy of the archive at `path` with other members: config=..., weights=..."""
    names = {"config": CONFIG, "metadata": METADATA, "weights": WEIGHTS}
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for key, value in members.items():
        if value is None:
            del held[names[key]]
        else:
            held[names[key]] = value if isinstance(value, bytes) else json.dumps(value).encode()
    changed = path.with_name("changed.keras")
    with zipfile.ZipFile(changed, "w") as archive:
        for name, value in held.items():
            archive.writestr(name, value)
    return changed


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.keras"
    trained().save(path)
    return path


def test_truncated_files(file):
    whole = file.read_bytes()
    model = network()
    for size in [*range(0, len(whole), 499), len(whole) - 1]:
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"is not a \.keras file, or is damaged"):
            load_model(file)
        with pytest.raises(ValueError, match=r"is not a \.keras file, or is damaged"):
            model.load_weights(file)


def test_flipped_bits(file):
    whole, rng = file.read_bytes(), random.Random(2)
    x = data()[0]
    expected = load_model(file).predict(x, verbose=0)
    refused = 0
    for _ in range(150):
        changed = bytearray(whole)
        changed[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        file.write_bytes(changed)
        try:
            again = load_model(file)
        except ValueError:
            refused += 1
        else:  # in a date, say
            np.testing.assert_array_equal(again.predict(x, verbose=0), expected)
    assert refused > 130


def test_other_archives(file, tmp_path):
    for members in ({"config": None}, {"weights": None}):
        with pytest.raises(ValueError, match=r"or is damaged \(no .*There is no item"):
            load_model(archive_with(file, **members))
    load_model(archive_with(file, metadata=None))  # nothing in there is needed
    for config in (b"", b"{", b"\xff\xfe", b'{"a": 1}}'):
        with pytest.raises(ValueError, match="or is damaged"):
            load_model(archive_with(file, config=config))
    for config in ([], 1, "x", None):
        with pytest.raises(ValueError, match="does not describe a model"):
            load_model(archive_with(file, config=json.dumps(config).encode()))
    with pytest.raises(ValueError, match="not a weights file, or is damaged"):
        load_model(archive_with(file, weights=b"x" * 1000))
    with pytest.raises(ValueError, match="does not hold a model, but a Dense"):
        load_model(archive_with(file, config=saving.serialize_keras_object(Dense(1))))
    with pytest.raises(ValueError, match="does not hold a model, but a dict"):
        load_model(archive_with(file, config={"a": 1}))


def test_bombs(file, tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(file) as archive:
        config = archive.read(CONFIG)
    for name, size in ((CONFIG, 65 << 20), (WEIGHTS, 150 << 20)):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            with archive.open(name, "w") as member:
                for _ in range(size >> 20):
                    member.write(b" " * (1 << 20))
            if name != CONFIG:
                archive.writestr(CONFIG, config)
        with pytest.raises(ValueError, match=r"larger than 64 MiB|unpacks to .* bytes; refused"):
            load_model(path)


@pytest.mark.parametrize("depth", [500, 20_000, 1_000_000])
def test_deep_nesting(file, depth):
    for left, right in ((b"[", b"]"), (b'{"a":', b"}")):
        with pytest.raises(
            ValueError, match=r"nested too deeply|does not describe|not hold a model"
        ):
            load_model(archive_with(file, config=left * depth + b"1" + right * depth))
        nested = b'{"config": ' + left * depth + b"1" + right * depth + b', "class_name": "Dense"}'
        with pytest.raises((ValueError, TypeError)):
            load_model(archive_with(file, config=nested))


# ---- hostile configs


def config_of(file):
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read(CONFIG))


def test_nothing_in_a_file_runs_or_imports(file, tmp_path):
    name = "this"  # prints a poem when it is imported
    sys.modules.pop(name, None)
    mark = tmp_path / "mark"
    for hostile in (
        {"module": "os", "class_name": "system", "config": {"command": f"touch {mark}"}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "builtins", "class_name": "exec", "config": {"source": "1"}},
        {"module": name, "class_name": "Thing", "config": {}, "registered_name": "Thing"},
        {"module": "keras.layers", "class_name": "Lambda", "config": {"function": "x"}},
        {"class_name": "__lambda__", "config": {"value": ["4wEAAAA=", None, None]}},
        {"class_name": "__typespec__", "config": [1]},
        {"module": "deepcore.saving.atomic", "class_name": "replacing", "config": {"path": "x"}},
        {"module": "keras.utils", "class_name": "get_file", "config": {"origin": "file:///x"}},
    ):
        for safe_mode in (True, False):
            for place in ("layer", "activation", "initializer", "loss"):
                config = config_of(file)
                if place == "layer":
                    config["config"]["layers"][1] = hostile
                elif place == "activation":
                    config["config"]["layers"][1]["config"]["activation"] = hostile
                elif place == "initializer":
                    config["config"]["layers"][1]["config"]["kernel_initializer"] = hostile
                else:
                    config["compile_config"]["loss"] = hostile
                with pytest.raises(ValueError):
                    load_model(archive_with(file, config=config), safe_mode=safe_mode)
    assert name not in sys.modules
    assert not mark.exists()


def test_a_small_file_cannot_ask_for_much_memory(file):
    for units in (1 << 31, 1 << 40, 1 << 70, 40_000_000):
        config = config_of(file)
        config["config"]["layers"][1]["config"]["units"] = units
        with pytest.raises(ValueError, match="larger than the file that it is loaded from"):
            load_model(archive_with(file, config=config))
    deepcore.Variable("zeros", shape=(10,))  # no limit is left behind


def places(value, path=()):
    yield path
    if not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from places(item, (*path, key))


STRANGE = [
    None,
    True,
    0,
    -1,
    1e30,
    float("nan"),
    float("inf"),
    10**30,
    2**31,
    2**63 - 1,
    "",
    "relu",
    "\x00",
    "a/b",
    [],
    [None],
    [1] * 9,
    [[]],
    {},
    {"a": 1},
    {"class_name": "Dense", "config": {"units": 3}},
    {"module": "os", "class_name": "system", "config": {"command": "true"}},
]


@pytest.mark.filterwarnings("ignore")  # of an optimizer whose state does not fit any more
@pytest.mark.parametrize("name", ["nested-ema-huber", "first_call-momentum-sparse"])
def test_strange_values_anywhere_in_a_config(tmp_path, name):
    with zipfile.ZipFile(KERAS_FILES / f"{name}.keras") as archive:
        held = {member: archive.read(member) for member in archive.namelist()}
    base, rng = json.loads(held[CONFIG]), random.Random(4)
    everywhere = [path for path in places(base) if path]
    load_model(KERAS_FILES / f"{name}.keras")  # imports what it needs
    modules, refused = set(sys.modules), 0
    for _ in range(150):
        config, path = copy.deepcopy(base), rng.choice(everywhere)
        place = config
        for key in path[:-1]:
            place = place[key]
        kind = rng.random()
        if kind < 0.8:
            place[path[-1]] = copy.deepcopy(rng.choice(STRANGE))
        elif kind < 0.9:
            del place[path[-1]]
        else:
            other = base
            for key in rng.choice(everywhere):
                other = other[key]
            place[path[-1]] = copy.deepcopy(other)
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            for member, value in held.items():
                archive.writestr(member, json.dumps(config) if member == CONFIG else value)
        (tmp_path / "m.keras").write_bytes(memory.getvalue())
        started = time.perf_counter()
        try:
            load_model(tmp_path / "m.keras")
        except (ValueError, TypeError):
            refused += 1
        assert time.perf_counter() - started < 5, path
    assert 40 < refused < 150
    # Only what its own code imports: error messages look for near matches.
    foreign = {m for m in set(sys.modules) - modules if not m.startswith(("deepcore", "numpy"))}
    assert foreign <= {"difflib", "heapq", "_heapq"}
