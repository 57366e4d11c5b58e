"""Program: the calls of a graph as a list of steps over numbered places for values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from deepcore import tree
from deepcore.symbolic import KerasHistory, KerasTensor

if TYPE_CHECKING:
    from deepcore.models.graph import Graph


class Program:
    """What a functional model does at each call; made once.

    Values go as soon as nothing needs them: run eagerly, a deep network holds no more of them
    than its branches ask for.
    """

    def __init__(self, graph: Graph) -> None:
        # Nothing here refers to the graph, which refers to this.
        places = _Places(graph)
        self._inputs = [places.of(t) for t in graph.flat_inputs]
        steps = [_step(places, *call) for call in graph.calls if not _begins(*call)]
        self._outputs = [places.of(t) for t in graph.flat_outputs]
        self._structure = tree.map_structure(lambda _: None, graph.outputs)
        self._steps = self._with_last_uses(steps)
        self._count = len(places.known)

    def run(self, values: list[Any], call: Callable[..., Any]) -> Any:
        """Computes the outputs of the graph; see `Graph.run`."""
        held: list[Any] = [None] * self._count
        for place, value in zip(self._inputs, values, strict=True):
            held[place] = value
        for step in self._steps:
            if step.single is not None:
                result = call(step.operation, held[step.single])
            else:
                args, kwargs = _fill((step.args, step.kwargs), held)
                result = call(step.operation, *args, **kwargs)
            for place, value in zip(step.results, tree.flatten(result), strict=True):
                held[place] = value
            for place in step.done_with:
                held[place] = None
        return tree.pack_sequence_as(self._structure, [held[place] for place in self._outputs])

    def _with_last_uses(self, steps: list[_Step]) -> list[_Step]:
        needed = set(self._outputs)
        found = []
        for step in reversed(steps):
            touched = {p.index for p in tree.flatten((step.args, step.kwargs)) if _is_place(p)}
            touched.update(step.results)
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

    def of(self, tensor: KerasTensor) -> int:
        return self.known.setdefault(self._graph.resolve(tensor), len(self.known))


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


def _fill(arguments: Any, held: list[Any]) -> Any:
    return tree.map_structure(lambda leaf: held[leaf.index] if _is_place(leaf) else leaf, arguments)


def _is_place(leaf: Any) -> bool:
    return isinstance(leaf, _Place)


def _begins(operation: Any, index: int) -> bool:
    return bool(operation._inbound_nodes[index].is_input)
