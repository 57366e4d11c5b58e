"""The package is small, and quick to import."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import alone
import pytest

from deepcore import _core

ROOT = Path(__file__).parents[2]
LIMIT = 6 * 2**20


def test_import_brings_no_large_friends():
    """h5py, tqdm and the like are loaded when they are used."""
    script = """
import sys
import deepcore
import deepcore.layers, deepcore.models, deepcore.optimizers, deepcore.callbacks
import deepcore.metrics, deepcore.losses, deepcore.random, deepcore.ops
model = deepcore.Sequential([deepcore.Input((3,)), deepcore.layers.Dense(2)])
model.compile("adam", "mse", metrics=["mae"])
model.fit([[1.0, 2, 3]], [[1.0, 2]], verbose=0)
names = {m.split(".")[0] for m in sys.modules}
big = names & {"h5py", "tqdm", "pandas", "matplotlib", "scipy", "sklearn", "IPython", "requests"}
print("loaded", sorted(big))
"""
    assert alone.run(script)["loaded"] == "[]"


def test_import_of_the_package_brings_little():
    script = """
import sys
import numpy
before = set(sys.modules)
import deepcore
new = {m for m in set(sys.modules) - before}
print("ours", len([m for m in new if m.startswith("deepcore")]))
print("slow", sorted(new & {"asyncio", "inspect", "unittest", "urllib.request", "difflib", "ssl"}))
"""
    found = alone.run(script)
    assert int(found["ours"]) < 30
    assert found["slow"] == "[]"


@pytest.mark.slow
def test_import_adds_at_most_60_ms_to_numpy():
    script = """
import time
{first}
start = time.perf_counter()
{second}
print("seconds", time.perf_counter() - start)
"""
    cases = {
        "package": script.format(first="import numpy", second="import deepcore"),
        "layers": script.format(
            first="import numpy", second="import deepcore as dc; dc.layers.Dense, dc.Sequential"
        ),
    }
    found = {
        name: min(float(alone.run(case)["seconds"]) for _ in range(15))
        for name, case in cases.items()
    }
    assert found["package"] < 0.06, found
    assert found["layers"] < 0.12, found  # what most programs go on to load


@pytest.mark.skipif(not shutil.which("strip"), reason="strips the extension")
def test_the_stripped_extension_is_small(tmp_path):
    """The extension is the wheel, nearly: Python files are a quarter of a megabyte."""
    stripped = tmp_path / "core.so"
    subprocess.run(["strip", "-o", stripped, Path(_core.__file__).resolve()], check=True)
    assert stripped.stat().st_size < LIMIT
    packed = tmp_path / "core.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(stripped)
    assert packed.stat().st_size < LIMIT - 2**20


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="builds from the sources")
def test_the_wheel_is_small(tmp_path):
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path)]
    built = subprocess.run(
        [*pip, f"-Cbuild-dir={tmp_path / 'build'}", str(ROOT)], capture_output=True, text=True
    )
    if built.returncode and "No matching distribution" in built.stderr:
        pytest.skip("the build requirements cannot be had here")
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: info.file_size for info in archive.infolist()}
    assert wheel.stat().st_size < LIMIT
    assert sum(files.values()) < 20 * 2**20  # installed
    assert "deepcore/py.typed" in files
    assert "deepcore/_core.pyi" in files
    parts = {name.split("/")[0] for name in files}
    assert all(part == "deepcore" or part.endswith(".dist-info") for part in parts), parts
