"""Scripts in a process of their own, which see this folder and print `name value` lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads /proc")

# For scripts that measure memory: megabytes of this process alone, and at its highest.
MEMORY = """
import numpy as np
def status(field):
    for line in open("/proc/self/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
"""


def run(script: str, timeout: float = 300, **environment: str) -> dict[str, str]:
    """What a script prints.

    Raises:
        AssertionError: it failed; with what it said.
    """
    env = {**os.environ, **environment}
    env["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [env.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=timeout, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(line.split(None, 1) for line in done.stdout.splitlines() if " " in line)
