"""Variable: dtypes, shapes, names, assignment, errors."""

from __future__ import annotations

import numpy as np
import pytest

import deepcore
from deepcore import ops
from deepcore.variable import Variable


def near(actual, expected):
    np.testing.assert_allclose(ops.convert_to_numpy(actual), expected, rtol=1e-5, atol=1e-6)


def test_variable():
    v = Variable("zeros", shape=(2,), name="v")
    assert (v.name, v.path, v.dtype, tuple(v.shape), v.trainable) == (
        "v",
        "v",
        "float32",
        (2,),
        True,
    )
    near(v.assign([1.0, 2.0]), [1, 2])
    near(v.assign_add([1.0, 1.0]), [2, 3])
    near(v.assign_sub(1.0 * np.ones(2)), [1, 2])
    near(v + 1, [2, 3])
    near(2 * v, [2, 4])
    near(np.asarray(v), [1, 2])
    near(v[0], 1)
    snapshot = v.value
    v.assign([9.0, 9.0])
    near(snapshot, [1, 2])
    with deepcore.naming.name_scope("outer"), deepcore.naming.name_scope("inner"):
        assert Variable(1.0, name="w").path == "outer/inner/w"
    assert Variable(np.zeros(3)).dtype == "float64"
    assert Variable([1, 2]).dtype == "int32"
    assert Variable([1, 2], dtype="float32").dtype == "float32"


def test_variable_errors():
    v = Variable([1.0])
    with pytest.raises(ValueError, match=r"has shape \(2,\), the variable"):
        v.assign([1.0, 2.0])
    with pytest.raises(ValueError, match="a shape is needed"):
        Variable("zeros")
    with pytest.raises(ValueError, match="must be fully known"):
        Variable("zeros", shape=(None, 2))
    with pytest.raises(ValueError, match="without the character"):
        Variable(1.0, name="a/b")
    with pytest.raises(ValueError, match=r"Unknown initializer: 'zeroes'. Did you mean 'zeros'"):
        Variable("zeroes", shape=(1,))
