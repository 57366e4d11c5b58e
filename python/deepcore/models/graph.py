"""Graph: the calls between some symbolic tensors and others, in Keras's order, and running them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from deepcore import tree
from deepcore.models.program import Program
from deepcore.nodes import Node
from deepcore.symbolic import KerasHistory, KerasTensor

# A call: an operation and the place of the call among its nodes.
Call = tuple[Any, int]


class Graph:
    """The calls that lead from `inputs` to `outputs`.

    Args:
        inputs: tensors made by `Input`, in lists, tuples and dicts.
        outputs: tensors that come of them.
        stand_for: of inputs that stand for tensors inside another graph: those tensors'
            histories, and the inputs' own.

    Raises:
        ValueError: an output needs an input that is not given, or two operations have one name.

    Attributes:
        operations: layers and operations, the deepest (those far from the outputs) first.
        calls: the calls, the deepest first.
        by_depth: the calls of each depth, the greatest depth first.
    """

    def __init__(
        self, inputs: Any, outputs: Any, stand_for: dict[KerasHistory, KerasHistory] | None = None
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.flat_inputs: list[KerasTensor] = tree.flatten(inputs)
        self.flat_outputs: list[KerasTensor] = tree.flatten(outputs)
        self._stand_for = stand_for or {}
        ordered, indices = self._walk()
        depths = self._depths(ordered)
        operation_depths: dict[Any, int] = {}
        for (operation, _), depth in depths.items():
            operation_depths[operation] = max(depth, operation_depths.get(operation, 0))
        for tensor in self.flat_inputs:  # one that no output needs
            operation = tensor._keras_history.operation
            if operation not in operation_depths:
                operation_depths[operation], indices[operation] = 0, -1
                depths[operation, tensor._keras_history.node_index] = 0
        self.by_depth: list[list[Call]] = [
            [call for call, d in depths.items() if d == depth]
            for depth in sorted(set(depths.values()), reverse=True)
        ]
        self.calls: list[Call] = [call for calls in self.by_depth for call in calls]
        # By depth, then as they were first met.
        self.operations: list[Any] = sorted(
            operation_depths, key=lambda op: (-operation_depths[op], indices[op])
        )
        self._check_connected()
        self._check_names()
        self.program = Program(self)

    def resolve(self, tensor: KerasTensor) -> KerasHistory:
        """Where a tensor comes from in this graph."""
        history: KerasHistory = tensor._keras_history
        return self._stand_for.get(history, history)

    def nodes(self) -> Iterator[tuple[Any, Node]]:
        """The calls as pairs of an operation and a node, the deepest first."""
        for operation, index in self.calls:
            yield operation, operation._inbound_nodes[index]

    def place_of(self, operation: Any, node_index: int) -> int:
        """The place of a call among those of its operation that belong to this graph."""
        mine = sorted(index for op, index in self.calls if op is operation)
        return mine.index(node_index)

    def run(self, values: list[Any], call: Callable[..., Any]) -> Any:
        """Computes the outputs.

        Args:
            values: of the inputs, flat.
            call: computes an operation: `call(operation, *args, **kwargs)`.
        """
        return self.program.run(values, call)

    # ---- Keras's order

    def _walk(self) -> tuple[list[Call], dict[Any, int]]:
        """The calls, each after those it needs, and when each operation was first met."""
        done: set[Call] = set()
        ordered: list[Call] = []
        indices: dict[Any, int] = {}
        for output in self.flat_outputs:
            # No recursion: networks are deeper than Python's stack.
            stack: list[tuple[Call, Iterator[Call]]] = []
            following: Call | None = self.resolve(output)[:2]
            while stack or following is not None:
                if following is not None and following not in done:
                    indices.setdefault(following[0], len(indices))
                    stack.append((following, self._needed(following)))
                elif following is None:
                    call, _ = stack.pop()
                    done.add(call)
                    ordered.append(call)
                following = next(stack[-1][1], None) if stack else None
        return ordered, indices

    def _needed(self, call: Call) -> Iterator[Call]:
        """The calls whose results a call takes."""
        operation, index = call
        for tensor in operation._inbound_nodes[index].input_tensors:
            history = self.resolve(tensor)
            if history.operation is not None:
                yield history[:2]

    def _depths(self, ordered: list[Call]) -> dict[Call, int]:
        """How far from the outputs each call is, at most; an operation's calls share the most."""
        depths: dict[Call, int] = {}
        operation_depths: dict[Any, int] = {}
        for call in reversed(ordered):
            depth = max(depths.setdefault(call, 0), operation_depths.get(call[0], 0))
            operation_depths[call[0]] = depths[call] = depth
            for needed in self._needed(call):
                depths[needed] = max(depth + 1, depths.get(needed, 0))
        return depths

    def _check_connected(self) -> None:
        known = {tensor._keras_history for tensor in self.flat_inputs}
        passed: list[str] = []
        for operation, index in self.calls:
            node: Node = operation._inbound_nodes[index]
            for tensor in node.input_tensors:
                if self.resolve(tensor) not in known:
                    raise ValueError(_disconnected(tensor, operation.name, passed))
            if node.is_input:
                continue  # known if it is one of the inputs
            passed.append(operation.name)
            count = len(tree.flatten(node.output_shapes))
            known.update(KerasHistory(operation, index, place) for place in range(count))
        for tensor in self.flat_outputs:
            if self.resolve(tensor) not in known:
                raise ValueError(
                    _disconnected(tensor, tensor._keras_history.operation.name, passed)
                )

    def _check_names(self) -> None:
        counts = Counter(operation.name for operation in self.operations)
        for name, count in counts.items():
            if count > 1:
                raise ValueError(
                    f'The name "{name}" is used {count} times in the model. '
                    "All operation names should be unique."
                )


def _disconnected(tensor: KerasTensor, name: str, passed: list[str]) -> str:
    return (
        f"Graph disconnected: cannot find parent for tensor {tensor} at operation '{name}': it "
        "does not come from the `inputs` of the model. The following previous operations were "
        f"accessed without issue: {passed}"
    )
