"""Program: the calls of a graph as a list of steps over numbered places for values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from deepcore import tree
from deepcore.symbolic import KerasHistory, KerasTensor

if TYPE_CHECKING:
    from deepcore.models.graph import Graph


class Program:
    """What a functional model does at each call; made once.

    Values go as soon as nothing needs them: run eagerly, a deep network holds no more of them
    than its branches ask for.

    Layers on the host that need nothing but the inputs come first. `begin` runs them alone, over
    whole data sets; `finish` is the rest, for a plan.

    Attributes:
        handed: the dtypes of what `begin` hands on to `finish`; empty without such layers.
    """

    def __init__(self, graph: Graph) -> None:
        # Nothing here refers to the graph, which refers to this.
        places = _Places(graph)
        self._inputs = [places.of(t) for t in graph.flat_inputs]
        steps = [_step(places, *call) for call in graph.calls if not _begins(*call)]
        self._outputs = [places.of(t) for t in graph.flat_outputs]
        self._structure = tree.map_structure(lambda _: None, graph.outputs)
        ready = set(self._inputs)
        before, after = [], []
        for step in steps:
            if getattr(step.operation, "runs_on_host", False) and _read(step) <= ready:
                before.append(step)
                ready.update(step.results)
            else:
                after.append(step)
        self._steps = self._with_last_uses(before + after)
        self._begun = len(before)
        self._count = len(places.known)
        needed = set(self._outputs).union(*map(_read, after))
        self._handed = sorted(ready & needed) if before else []
        self.handed = [places.dtypes[place] for place in self._handed]

    @property
    def all_on_host(self) -> bool:
        """Whether nothing is left for a plan."""
        return 0 < self._begun == len(self._steps)

    def run(self, values: list[Any], call: Callable[..., Any]) -> Any:
        """Computes the outputs of the graph; see `Graph.run`."""
        held: list[Any] = [None] * self._count
        for place, value in zip(self._inputs, values, strict=True):
            held[place] = value
        self._advance(self._steps, held, call)
        return self._structured(held)

    def begin(self, values: list[Any], call: Callable[..., Any]) -> list[Any]:
        """What the layers on the host give for the inputs, and those inputs that others read."""
        held: list[Any] = [None] * self._count
        for place, value in zip(self._inputs, values, strict=True):
            held[place] = value
        self._advance(self._steps[: self._begun], held, call)
        return [held[place] for place in self._handed]

    def finish(self, handed: Sequence[Any], call: Callable[..., Any]) -> Any:
        """The outputs of the graph from what `begin` gave."""
        held: list[Any] = [None] * self._count
        for place, value in zip(self._handed, handed, strict=True):
            held[place] = value
        self._advance(self._steps[self._begun :], held, call)
        return self._structured(held)

    def _advance(self, steps: list[_Step], held: list[Any], call: Callable[..., Any]) -> None:
        for step in steps:
            if step.single is not None:
                result = call(step.operation, held[step.single])
            else:
                args, kwargs = _fill((step.args, step.kwargs), held)
                result = call(step.operation, *args, **kwargs)
            for place, value in zip(step.results, tree.flatten(result), strict=True):
                held[place] = value
            for place in step.done_with:
                held[place] = None

    def _structured(self, held: list[Any]) -> Any:
        return tree.pack_sequence_as(self._structure, [held[place] for place in self._outputs])

    def _with_last_uses(self, steps: list[_Step]) -> list[_Step]:
        needed = set(self._outputs)
        found = []
        for step in reversed(steps):
            touched = _read(step) | set(step.results)
            found.append(step._replace(done_with=tuple(sorted(touched - needed))))
            needed |= touched
        return found[::-1]


class _Step(NamedTuple):
    operation: Any
    args: Any
    kwargs: Any
    single: int | None  # the place of the argument, where there is one alone
    results: tuple[int, ...]
    done_with: tuple[int, ...] = ()  # places that no later step reads


class _Places:
    """Numbers the tensors of a graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.known: dict[KerasHistory, int] = {}
        self.dtypes: dict[int, str] = {}

    def of(self, tensor: KerasTensor) -> int:
        place = self.known.setdefault(self._graph.resolve(tensor), len(self.known))
        self.dtypes.setdefault(place, tensor.dtype)
        return place


class _Place:
    """Stands for a symbolic tensor in the arguments of a call."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


def _step(places: _Places, operation: Any, index: int) -> _Step:
    node = operation._inbound_nodes[index]

    def point(leaf: Any) -> Any:
        return _Place(places.of(leaf)) if isinstance(leaf, KerasTensor) else leaf

    args = tree.map_structure(point, node.args)
    kwargs = tree.map_structure(point, node.kwargs)
    alone = len(args) == 1 and isinstance(args[0], _Place) and not kwargs
    results = tuple(places.of(t) for t in tree.flatten(node.outputs(operation)))
    return _Step(operation, args, kwargs, args[0].index if alone else None, results)


def _read(step: _Step) -> set[int]:
    """The places that a step reads."""
    return {p.index for p in tree.flatten((step.args, step.kwargs)) if _is_place(p)}


def _fill(arguments: Any, held: list[Any]) -> Any:
    return tree.map_structure(lambda leaf: held[leaf.index] if _is_place(leaf) else leaf, arguments)


def _is_place(leaf: Any) -> bool:
    return isinstance(leaf, _Place)


def _begins(operation: Any, index: int) -> bool:
    return bool(operation._inbound_nodes[index].is_input)
