"""The house keeps itself: arrows between rooms, file sizes, and what SIMD objects may define."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CPP = ROOT / "cpp" / "deepcore"
PYTHON = ROOT / "python" / "deepcore"

# What the files of a room may include.
MAY_INCLUDE = {
    "core": {"core"},
    "graph": {"core", "graph"},
    "ops": {"core", "graph", "ops"},
    "plan": {"core", "graph", "ops", "plan"},
    "cpu": {"core", "graph", "ops", "cpu"},
}
# Read by the SIMD loops: plain data alone.
WAIST = ("deepcore/cpu/kernels", "deepcore/ops/program.h", "deepcore/cpu/simd/")
CAP = 400


def sources(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cpp"))


def includes(path: Path) -> list[str]:
    return re.findall(r'^\s*#include\s+[<"]([^>"]+)[>"]', path.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("room", MAY_INCLUDE)
def test_arrows_between_rooms_point_one_way(room):
    wrong = [
        f"{path.relative_to(ROOT)} includes {name}"
        for path in sources(CPP / room)
        for name in includes(path)
        if name.startswith("deepcore/") and name.split("/")[1] not in MAY_INCLUDE[room]
    ]
    assert sources(CPP / room)
    assert not wrong


def test_simd_and_kernels_know_nothing_of_the_library():
    files = [*sources(CPP / "cpu" / "simd"), *sources(CPP / "cpu" / "kernels")]
    plain = {"stddef.h", "stdint.h", "immintrin.h"}
    wrong = [
        f"{path.name} includes {name}"
        for path in files
        for name in includes(path)
        if name not in plain and not name.startswith(WAIST)
    ]
    assert len(files) > 10
    assert not wrong


def test_pybind11_stays_in_bind_and_threads_in_one_file():
    for path in sources(CPP):
        names = includes(path)
        assert not any(name.startswith("pybind11") for name in names), path
        if "thread" in names:
            assert path.name in ("threads.cpp", "fork.cpp"), path


def test_ops_have_no_loops_over_data():
    for path in sources(CPP / "ops"):
        text = path.read_text(encoding="utf-8")
        assert ".data<" not in text or path.name == "indexing.cpp", path


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


@pytest.mark.parametrize(
    "room", ["layers", "losses", "metrics", "optimizers", "activations.py", "initializers.py"]
)
def test_layers_losses_and_optimizers_never_touch_the_core(room):
    place = PYTHON / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    assert files
    for path in files:
        reached = imported(path)
        assert "deepcore._core" not in reached, path
        assert not any(name.startswith("deepcore.training") for name in reached), path


def test_files_stay_small():
    rooms = [ROOT / name for name in ("cpp", "python", "tests", "benchmarks", "examples")]
    files = [path for room in rooms for path in [*sources(room), *sorted(room.rglob("*.py"))]]
    assert len(files) > 300
    long = {p.name: n for p in files if (n := len(p.read_text().splitlines())) > CAP}
    # The table of all ops is one idea; it is read by looking things up.
    long.pop("kinds.h", None)
    assert not long


def simd_objects() -> list[Path]:
    found = ROOT.glob("build/*/CMakeFiles/deepcore_simd_*.dir/**/*.o")
    # A sanitized object also defines what the sanitizer adds.
    return sorted(path for path in found if "sanitize" not in path.parts)


@pytest.mark.skipif(not simd_objects(), reason="no build folder with SIMD objects")
def test_simd_objects_define_one_table_alone():
    for path in simd_objects():
        listing = subprocess.run(
            ["nm", "--defined-only", "--extern-only", str(path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        symbols = [line.split()[-1] for line in listing.splitlines() if line.strip()]
        assert len(symbols) == 1, (path, symbols)
        assert re.search(r"\d(table|\w+_kernels)E$", symbols[0]), (path, symbols)
