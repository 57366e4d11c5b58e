"""The table that `Model.summary` prints."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from deepcore.layers.shapes import map_shapes
from deepcore.layers.state import count_scalars
from deepcore.training.flops import by_layer

if TYPE_CHECKING:
    from deepcore.variable import Variable

_BYTES = {"bool": 1, "uint8": 1, "float16": 2, "bfloat16": 2, "int32": 4, "float32": 4}


class Column(NamedTuple):
    """A column of the table.

    Attributes:
        title: its header.
        cell: the text for a layer.
        align: "<" left, ">" right, "^" in the middle.
    """

    title: str
    cell: Callable[[Any], str]
    align: str = "<"


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    flops: bool = False,
) -> None:
    """Prints the layers of a model and the totals; see `Model.summary`.

    Raises:
        ValueError: the line is too short for the columns.
    """
    branches = not _is_sequence(model)
    columns = [
        Column("Layer (type)", lambda layer: f"{layer.name} ({type(layer).__name__})"),
        Column("Output Shape", _output_shape),
        Column("Param #", _count, ">"),
    ]
    if branches:
        width, ends = 108, [0.3, 0.56, 0.74, 1.0]
        columns.append(Column("Connected to", lambda layer: _connections(model, layer)))
    else:
        width, ends = 88, [0.45, 0.80, 1.0]
    ends = list(positions or ends)
    if show_trainable:
        columns.append(Column("Trainable", _trainable, "^"))
        ends = [p * 0.9 for p in ends] + [1.0]
        width += 12
    if flops:
        counts = by_layer(model)
        columns.append(Column("FLOPs", lambda layer: f"{counts.get(id(layer), 0):,}", ">"))
        ends = [p * 0.86 for p in ends] + [1.0]
        width += 16
    length = line_length or min(width, shutil.get_terminal_size((width + 4, 24)).columns - 4)
    widths = _widths(columns, ends, length)
    if min(widths) < 4:
        raise ValueError(f"summary: too narrow for the table. Received: line_length={length}.")
    rows = list(_rows(getattr(model, "operations", model.layers), columns, expand_nested))
    text = [f'Model: "{model.name}"', *_table(columns, rows, widths), *_totals(model)]
    if flops:
        forward, step = (model.count_flops(training=training) for training in (False, True))
        text.append(f" FLOPs a sample: {forward:,} forward, {step:,} in a training step")
    (print_fn or print)("\n".join(text))


def _widths(columns: list[Column], ends: list[float], length: int) -> list[int]:
    """The columns' widths; one that is narrower than its title takes from the widest."""
    stops = [int(p * length) for p in ends]
    widths = [end - start - 3 for start, end in zip([1, *stops], stops, strict=False)]
    for index, column in enumerate(columns):
        lacking = len(column.title) - widths[index]
        widest = max(range(len(columns)), key=lambda i: widths[i])
        if lacking > 0 and widths[widest] - lacking > len(columns[widest].title):
            widths[index] += lacking
            widths[widest] -= lacking
    return widths


def _rows(layers: Iterable[Any], columns: list[Column], nested: bool, depth: int = 0) -> Any:
    prefix = "   " * depth + "└ " if depth else ""
    for layer in layers:
        cells = [column.cell(layer) for column in columns]
        yield [prefix + cells[0], *cells[1:]]
        if nested and hasattr(layer, "layers"):
            yield from _rows(layer.layers, columns, nested, depth + 1)


def _count(layer: Any) -> str:
    if not hasattr(layer, "weights"):  # an operation
        return "0"
    return f"{count_scalars(layer.weights):,}" if layer.built else "0 (unbuilt)"


def _trainable(layer: Any) -> str:
    return "-" if not getattr(layer, "weights", None) else "Y" if layer.trainable else "N"


def _output_shape(layer: Any) -> str:
    found = getattr(layer, "_called_shapes", None)
    if found is None:
        nodes = layer._inbound_nodes
        if not nodes:
            return "?"
        found = nodes[-1].output_shapes
    shapes: list[str] = []
    map_shapes(lambda shape: shapes.append(str(shape)), found)
    return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"


def _is_sequence(model: Any) -> bool:
    """Whether each layer takes what the one before gives, once."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        return True
    alone = all(len(calls) == 1 for calls in graph.by_depth)
    return alone and all(len(n.input_tensors) < 2 for _, n in graph.nodes()) and not _shared(graph)


def _shared(graph: Any) -> bool:
    return len(graph.calls) > len({id(operation) for operation, _ in graph.calls})


def _connections(model: Any, layer: Any) -> str:
    """The tensors that a layer of a functional model is called on: `name[call][result]`."""
    graph = model._graph
    told = [
        f"{history.operation.name}[{history.node_index}][{history.tensor_index}]"
        for operation, node in graph.nodes()
        if operation is layer
        for history in map(graph.resolve, node.input_tensors)
    ]
    return ", ".join(told) or "-"


def _table(columns: list[Column], rows: list[list[str]], widths: list[int]) -> list[str]:
    def rule(left: str, line: str, cross: str, right: str) -> str:
        return left + cross.join(line * (w + 2) for w in widths) + right

    def cells(row: list[str], bar: str) -> Iterable[str]:
        split = [_wrapped(cell, w) for cell, w in zip(row, widths, strict=True)]
        for k in range(max(map(len, split))):
            parts = [s[k] if k < len(s) else "" for s in split]
            padded = [
                f" {p:{column.align}{w}} "
                for p, w, column in zip(parts, widths, columns, strict=True)
            ]
            yield bar + bar.join(padded) + bar

    header = [column.title for column in columns]
    lines = [rule("┏", "━", "┳", "┓"), *cells(header, "┃"), rule("┡", "━", "╇", "┩")]
    for index, row in enumerate(rows):
        if index:
            lines.append(rule("├", "─", "┼", "┤"))
        lines += cells(row, "│")
    return [*lines, rule("└", "─", "┴", "┘")]


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width`, broken at spaces; within a word that is longer than a line."""
    indent = text[: len(text) - len(text.lstrip())]
    lines = [indent]
    for word in text.split():
        if lines[-1].strip() and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
            continue
        if lines[-1].strip():
            lines.append("")
        lines[-1] += word
        while len(lines[-1]) > width:
            lines[-1:] = [lines[-1][:width], lines[-1][width:]]
    return lines


def _totals(model: Any) -> list[str]:
    kinds = {
        "Trainable": model.trainable_weights,
        "Non-trainable": model.non_trainable_weights,
    }
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        kinds["Optimizer"] = optimizer.variables
    everything = [v for variables in kinds.values() for v in variables]
    return [_total("Total", everything), *(_total(k, v) for k, v in kinds.items())]


def _total(kind: str, variables: list[Variable]) -> str:
    size: float = sum(math.prod(v.shape) * _BYTES.get(v.dtype, 8) for v in variables)
    unit = 0
    while size >= 1024 and unit < 4:
        size /= 1024
        unit += 1
    name = ("B", "KB", "MB", "GB", "TB")[unit]
    return f" {kind} params: {count_scalars(variables):,} ({size:.2f} {name})"
