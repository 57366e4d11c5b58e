"""Runs the peer scripts of this folder on deepcore, and on Keras where there is one.

The environment variable DEEPCORE_KERAS_PYTHON names an interpreter that has Keras and JAX.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
Run = Callable[..., str]


def on_deepcore(peer: str, *arguments: Any) -> str:
    """What a script prints with `keras` resolved to deepcore."""
    return _run([sys.executable, "-m", "deepcore"], peer, arguments, dict(os.environ))


def on_keras(peer: str, *arguments: Any) -> str:
    """What a script prints with Keras itself; skips the test where there is none."""
    python = os.environ.get("DEEPCORE_KERAS_PYTHON")
    if not python:
        pytest.skip("DEEPCORE_KERAS_PYTHON names no interpreter with Keras")
    # 64 bits let layers of that dtype be what they say; the others do not change.
    wanted = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    environment = {**wanted, **os.environ}
    environment.pop("PYTHONPATH", None)
    return _run([python], peer, arguments, environment)


def each_checks_the_other(peer: str, folder: Path, suffix: str = "") -> None:
    """What one makes, a file or a folder, the other checks."""
    pairs: list[tuple[Run, Run]] = [(on_deepcore, on_keras), (on_keras, on_deepcore)]
    for number, (make, check) in enumerate(pairs):
        place = folder / f"{number}{suffix}"
        make(peer, "make", place)
        check(peer, "check", place)


def _run(python: list[str], peer: str, arguments: Any, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [*python, str(HERE / peer), *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-10_000:]
    return done.stdout
