"""function: a Python function of tensors and variables, traced once and run as a plan."""

from __future__ import annotations

import functools
import operator
import threading
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from deepcore import _core, tree
from deepcore.transforms.tape import tapes_open

# Plans kept by a function; the least recently used goes first. Enough for a training step, its
# last smaller batch and a few shapes more, and it bounds memory when every call has a new shape.
MAX_PLANS = 16


class Function:
    """A compiled function; see `function`.

    Calls are matched by the shapes and dtypes of tensors and arrays and by the value of everything
    else. Inside another traced function it is inlined; under an open GradientTape it runs step by
    step, so that the tape sees what happens.
    """

    def __init__(self, fn: Callable[..., Any], optimize: bool = True) -> None:
        functools.update_wrapper(self, fn)
        if isinstance(fn, types.MethodType):
            # A model that keeps a compiled method of its own must not keep itself alive.
            del self.__dict__["__wrapped__"]
            fn = _weak_method(fn)
        self._fn = fn
        self._optimize = optimize
        self._lock = threading.Lock()
        self._plans: OrderedDict[Any, _Compiled] = OrderedDict()
        self._methods: dict[int, tuple[weakref.ref[Any], Function]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self._fn, args, kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else _Method(self._of(instance), instance)

    @property
    def plans(self) -> list[_core.Plan]:
        """The plans made so far, the least recently used first."""
        return [compiled.plan for compiled in self._plans.values()]

    def clear(self) -> None:
        """Forgets all plans."""
        with self._lock:
            self._plans.clear()

    def _run(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if _core.is_tracing() or tapes_open():
            return fn(*args, **kwargs)
        key, inputs = _core.signature(args, kwargs, _static_key)
        compiled = self._find(key)
        if compiled is None:
            compiled = self._compile(fn, args, kwargs)
            self._keep(key, compiled)
        return compiled(inputs)

    def _find(self, key: Any) -> _Compiled | None:
        with self._lock:
            compiled = self._plans.get(key)
            if compiled is not None:
                self._plans.move_to_end(key)
            return compiled

    def _keep(self, key: Any, compiled: _Compiled) -> None:
        with self._lock:
            self._plans[key] = compiled
            while len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)

    def _compile(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> _Compiled:
        with _core.Trace() as trace:

            def symbol(leaf: Any) -> Any:
                if not isinstance(leaf, _core.Tensor | np.ndarray | np.generic):
                    return leaf
                tensor = _core.as_tensor(leaf)
                return trace.input(tensor.shape, tensor.dtype)

            args, kwargs = tree.map_structure(symbol, (args, kwargs))
            result = fn(*args, **kwargs)
            flat = [_output(leaf) for leaf in tree.flatten(result)]
            outputs = [leaf for leaf in flat if isinstance(leaf, _core.Tensor)]
            graph = trace.finish(outputs)
        template = tree.pack_sequence_as(
            result, [_TENSOR if isinstance(leaf, _core.Tensor) else leaf for leaf in flat]
        )
        return _Compiled(_core.Plan(graph, self._optimize), template)

    def _of(self, instance: Any) -> Function:
        """The compiled function of one instance, which it does not keep alive."""
        key = id(instance)
        held = self._methods.get(key)
        if held is not None and held[0]() is instance:
            return held[1]
        methods = self._methods
        try:
            reference = weakref.ref(instance, lambda _: methods.pop(key, None))
        except TypeError:
            raise TypeError(
                f"function: a method of {type(instance).__name__} cannot be compiled, "
                "as the class has __slots__ without __weakref__."
            ) from None
        own = Function(self._fn, self._optimize)
        methods[key] = (reference, own)
        return own


class _Method:
    """A Function called on an instance; made anew at each access, as bound methods are."""

    def __init__(self, own: Function, instance: Any) -> None:
        self._own = own
        self.__self__ = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = functools.partial(self._own._fn, self.__self__)
        return self._own._run(bound, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


def _weak_method(method: types.MethodType) -> Callable[..., Any]:
    function, name = method.__func__, method.__qualname__
    reference = weakref.ref(method.__self__)

    def call(*args: Any, **kwargs: Any) -> Any:
        instance = reference()
        if instance is None:
            raise ReferenceError(f"function: the object of the method {name} is gone.")
        return function(instance, *args, **kwargs)

    return call


class _Compiled:
    def __init__(self, plan: _core.Plan, template: Any) -> None:
        self.plan = plan
        self._template = template
        self._leaves = tree.flatten(template)
        # The plan gives a list: enough where that, a tuple or one tensor is what is asked for.
        flat = type(template) in (list, tuple) and all(item is _TENSOR for item in template)
        self._flat: Callable[[list[Any]], Any] | None = (
            operator.itemgetter(0) if template is _TENSOR else type(template) if flat else None
        )

    def __call__(self, inputs: list[Any]) -> Any:
        results = self.plan.run(inputs)
        if self._flat is not None:
            return self._flat(results)
        values = iter(results)
        leaves = [next(values) if leaf is _TENSOR else leaf for leaf in self._leaves]
        return tree.pack_sequence_as(self._template, leaves)


class _Tensor:
    def __repr__(self) -> str:
        return "<a result of the plan>"


_TENSOR = _Tensor()


class _Identity:
    """A dict key equal to itself alone, which keeps nothing alive."""

    __slots__ = ("_id", "_ref")

    def __init__(self, obj: Any) -> None:
        self._id = id(obj)
        self._ref = weakref.ref(obj)

    def __hash__(self) -> int:
        return hash(self._id)

    def __eq__(self, other: object) -> bool:
        mine = self._ref()
        return isinstance(other, _Identity) and mine is not None and mine is other._ref()


def _static_key(leaf: Any) -> Any:
    if leaf is None or isinstance(leaf, bool | int | str | bytes):
        return (type(leaf), leaf)
    if isinstance(leaf, float):
        return (float, repr(leaf))  # tells -0.0 from 0.0, and nan is equal to itself
    if isinstance(leaf, _core.Variable):
        return _Identity(leaf)
    try:
        key: Any = weakref.ref(leaf)
        hash(key)
    except TypeError:  # no weak references: a plain value; or not hashable
        key = leaf
    try:
        hash(key)
    except TypeError:
        try:
            return _Identity(leaf)
        except TypeError:
            raise TypeError(
                f"function: the argument {leaf!r} of type {type(leaf).__name__} is neither a "
                "tensor nor hashable."
            ) from None
    return (type(leaf), key)


def _output(leaf: Any) -> Any:
    if isinstance(leaf, _core.Variable):
        return leaf.value
    if isinstance(leaf, np.ndarray | np.generic):
        return _core.as_tensor(leaf)
    if leaf is None or isinstance(leaf, _core.Tensor | bool | int | float | complex | str | bytes):
        return leaf
    raise TypeError(
        "function: results must be tensors, numbers, strings or None, in lists, tuples or dicts. "
        f"Received: {type(leaf).__name__}."
    )


def function(fn: Callable[..., Any] | None = None, *, optimize: bool = True, **kwargs: Any) -> Any:
    """Compiles a Python function of tensors and variables.

    The first call with new shapes, dtypes or other arguments runs the Python code once to record
    what it does; that and later calls run the recorded plan. Assignments to variables become part
    of it. Python side effects, `print` among them, happen while recording alone.

    Args:
        fn: the function or method. Tensors may come in lists, tuples and dicts.
        optimize: simplify and fuse the plan.
        **kwargs: options of tf.function, which have no meaning here.

    Example:
        >>> @function
        ... def area(x, y):
        ...     return x * y
        >>> area(np.float32(2), np.float32(3)).item()
        6.0
    """
    if fn is None:
        return functools.partial(function, optimize=optimize, **kwargs)
    return fn if isinstance(fn, Function) else Function(fn, optimize)
