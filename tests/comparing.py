"""How results of deepcore.ops are compared with NumPy's."""

from __future__ import annotations

import numpy as np

from deepcore import ops


def near(actual, expected, rtol=2e-5, atol=1e-5):
    actual = ops.convert_to_numpy(actual)
    expected = np.asarray(expected)
    assert actual.shape == expected.shape
    if expected.dtype == bool:
        assert actual.dtype == bool
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)
