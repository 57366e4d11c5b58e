"""The signature of a call: which arguments share a plan, and what they are to it."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

from deepcore import _core, ops, tree
from deepcore.transforms import function
from deepcore.transforms.compile import _static_key

Pair = namedtuple("Pair", "x y")
Other = namedtuple("Other", "x y")


def key(*args, **kwargs):
    return _core.signature(args, kwargs, _static_key)[0]


def f32(*shape):
    return ops.zeros(shape)


SAME = [
    (([f32(2, 3)],), ([f32(2, 3)],)),
    ((f32(2), np.zeros(2, "f4")), (np.ones(2, "f4"), f32(2))),
    ((np.float32(1),), (f32(),)),
    (({"b": f32(1), "a": f32(2)},), ({"a": f32(2), "b": f32(1)},)),
    (({"a": f32(1)},), (OrderedDict(a=f32(1)),)),
    ((Pair(f32(1), 2),), (Pair(f32(1), 2),)),
    (({1: f32(1), "a": f32(2)},), ({1: f32(1), "a": f32(2)},)),  # keys that do not compare
    ((None, "x", 2.5, float("nan")), (None, "x", 2.5, float("nan"))),
]
DIFFERENT = [
    (([f32(2)],), ((f32(2),),)),
    ((f32(2), f32(3)), ([f32(2), f32(3)],)),
    (([f32(2)], f32(3)), ([f32(2), f32(3)],)),
    ((f32(2),), (f32(1, 2),)),
    ((f32(2),), (ops.zeros(2, "float64"),)),
    (({"a": f32(1)},), ({"b": f32(1)},)),
    ((Pair(f32(1), 2),), (Other(f32(1), 2),)),
    ((Pair(f32(1), 2),), ((f32(1), 2),)),
    ((f32(1), 2), (2, f32(1))),
    ((1,), (True,)),
    ((1,), (1.0,)),
    ((0.0,), (-0.0,)),
    (([],), ((),)),
    (([[]],), ([], [])),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_arguments_that_share_a_plan(a, b):
    assert key(*a) == key(*b)
    assert hash(key(*a)) == hash(key(*b))
    assert key(x=a) == key(x=b)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_arguments_that_do_not(a, b):
    assert key(*a) != key(*b)
    assert key(x=a) != key(x=b)


def test_inputs_come_in_the_order_of_the_tree():
    nest = {"b": [f32(1), (f32(2), 7)], "a": Pair(np.zeros(3, "f4"), None), "c": np.int64(4)}
    _, inputs = _core.signature((nest,), {"z": f32(5)}, _static_key)
    leaves = tree.flatten(((nest,), {"z": f32(5)}))
    tensors = [leaf for leaf in leaves if hasattr(leaf, "shape")]
    assert [x.shape for x in inputs] == [x.shape for x in tensors]
    assert all(isinstance(x, _core.Tensor) for x in inputs)


def test_containers_iterate_as_their_class_does():
    class Backwards(list):
        def __iter__(self):
            return reversed(self)

    class Public(dict):
        def __iter__(self):
            return (key for key in super().__iter__() if not key.startswith("_"))

    nest = (Backwards([f32(1), f32(2)]), Public(a=f32(3), _b=f32(4)))
    _, inputs = _core.signature(nest, {}, _static_key)
    assert [x.shape for x in inputs] == [x.shape for x in tree.flatten(nest)]


def test_a_container_in_itself_is_told():
    endless: list = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        function(lambda x: 1)(endless)


def test_what_a_static_key_raises_comes_out():
    class Slotted:
        __slots__ = ()
        __hash__ = None

    with pytest.raises(TypeError, match="neither a tensor nor hashable"):
        function(lambda x: 1)(Slotted())


@pytest.mark.parametrize(
    "nest",
    [lambda x: x, lambda x: [x, x], lambda x: (x, [x, 3]), lambda x: Pair(x, x), lambda x: []],
)
def test_results_keep_their_containers(nest):
    result = function(nest)(np.float32(2))
    assert tree.structure_of(result) == tree.structure_of(nest(np.float32(2)))
    assert [float(leaf) for leaf in tree.flatten(result)] == [
        float(leaf) for leaf in tree.flatten(nest(np.float32(2)))
    ]
