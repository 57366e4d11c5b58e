"""Every test here leaves the number of threads as it found it."""

import pytest

from deepcore import _core


@pytest.fixture(autouse=True)
def _threads_as_before():
    yield
    _core.force_team_size(0)
    _core.set_num_threads(0)
