"""The table that `Model.summary` prints."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from deepcore.layers.shapes import map_shapes
from deepcore.layers.state import count_scalars

if TYPE_CHECKING:
    from deepcore.variable import Variable

_BYTES = {"bool": 1, "uint8": 1, "float16": 2, "bfloat16": 2, "int32": 4, "float32": 4}
_RIGHT = ("Param #",)


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
) -> None:
    """Prints the layers of a model and the totals; see `Model.summary`.

    Raises:
        ValueError: the line is too short for the columns.
    """
    header = ["Layer (type)", "Output Shape", "Param #"]
    positions = list(positions or [0.45, 0.80, 1.0])
    width = 88
    if show_trainable:
        header.append("Trainable")
        positions = [p * 0.9 for p in positions] + [1.0]
        width += 12
    length = line_length or min(width, shutil.get_terminal_size((width + 4, 24)).columns - 4)
    ends = [int(p * length) for p in positions]
    widths = [end - start - 3 for start, end in zip([1, *ends], ends, strict=False)]
    if min(widths) < 4:
        raise ValueError(f"summary: too narrow for the table. Received: line_length={length}.")
    rows = list(_rows(model.layers, expand_nested, show_trainable))
    text = [f'Model: "{model.name}"', *_table(header, rows, widths), *_totals(model)]
    (print_fn or print)("\n".join(text))


def _rows(layers: Iterable[Any], nested: bool, trainable: bool, depth: int = 0) -> Any:
    prefix = "   " * depth + "└ " if depth else ""
    for layer in layers:
        weights = layer.weights
        count = f"{count_scalars(weights):,}" if layer.built else "0 (unbuilt)"
        row = [f"{prefix}{layer.name} ({type(layer).__name__})", _output_shape(layer), count]
        if trainable:
            row.append("-" if not weights else "Y" if layer.trainable else "N")
        yield row
        if nested and hasattr(layer, "layers"):
            yield from _rows(layer.layers, nested, trainable, depth + 1)


def _output_shape(layer: Any) -> str:
    if layer._called_shapes is None:
        return "?"
    shapes: list[str] = []
    map_shapes(lambda shape: shapes.append(str(shape)), layer._called_shapes)
    return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"


def _table(header: list[str], rows: list[list[str]], widths: list[int]) -> list[str]:
    def rule(left: str, line: str, cross: str, right: str) -> str:
        return left + cross.join(line * (w + 2) for w in widths) + right

    def cells(row: list[str], bar: str) -> Iterable[str]:
        split = [
            [cell[i : i + w] for i in range(0, max(len(cell), 1), w)]
            for cell, w in zip(row, widths, strict=True)
        ]
        for k in range(max(map(len, split))):
            parts = [s[k] if k < len(s) else "" for s in split]
            padded = [
                f" {p:>{w}} " if name in _RIGHT else f" {p:<{w}} "
                for p, w, name in zip(parts, widths, header, strict=True)
            ]
            yield bar + bar.join(padded) + bar

    lines = [rule("┏", "━", "┳", "┓"), *cells(header, "┃"), rule("┡", "━", "╇", "┩")]
    for index, row in enumerate(rows):
        if index:
            lines.append(rule("├", "─", "┼", "┤"))
        lines += cells(row, "│")
    return [*lines, rule("└", "─", "┴", "┘")]


def _totals(model: Any) -> list[str]:
    kinds = {
        "Trainable": model.trainable_weights,
        "Non-trainable": model.non_trainable_weights,
    }
    optimizer = getattr(getattr(model, "optimizer", None), "variables", [])
    if optimizer:
        kinds["Optimizer"] = optimizer
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
