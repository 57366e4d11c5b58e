"""Multiplies and adds of matmuls and convolutions, counted on a model's graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from deepcore import _core, tree
from deepcore.training import arrays
from deepcore.transforms import GradientTape

if TYPE_CHECKING:
    from deepcore.training.trainer import Trainer


def count(model: Trainer, batch_size: int, training: bool, x: Any = None) -> int:
    """See `Model.count_flops`."""
    with _core.Trace() as tracing:
        inputs = _inputs(tracing, model, batch_size, x)
        try:
            if training:
                outputs = _gradients(tracing, model, inputs)
            else:
                outputs = tree.flatten(model._forward(inputs, training=False))
        finally:
            model._clear_losses()
        graph = tracing.finish([_core.as_tensor(t) for t in outputs])
    return _core.Plan(graph).flops


def by_layer(model: Trainer, x: Any = None) -> dict[int, int]:
    """The FLOPs of a forward pass of one sample by `id` of each layer; all its calls together."""
    found: dict[int, int] = {}
    with _core.Trace() as tracing:
        inputs = _inputs(tracing, model, 1, x)
        with _watched(model, tracing, found):
            try:
                model._forward(inputs, training=False)
            finally:
                model._clear_losses()
    return found


def _inputs(tracing: _core.Trace, model: Trainer, batch_size: int, x: Any) -> Any:
    """Symbols like the model's inputs."""
    if not model.built:
        raise ValueError(
            f"count_flops: the model '{model.name}' has no weights yet. Call `build` or call it "
            "on data first."
        )
    if x is not None:
        columns = model._prepare("count_flops", arrays.columns("count_flops", x))
        types = columns.types(model._data_dtypes(columns.structure[0]))
        leaves = [tracing.input((batch_size, *shape), dtype) for shape, dtype in types]
        return columns.pack(leaves)[0]
    specs = getattr(model, "inputs", None)
    if specs is None or any(None in s.shape[1:] or s.dtype == "string" for s in specs):
        raise ValueError(
            f"count_flops: the shape of an input of the model '{model.name}' is not known. Pass "
            "`x`, data like the model takes."
        )
    leaves = [tracing.input((batch_size, *spec.shape[1:]), spec.dtype) for spec in specs]
    return leaves[0] if len(leaves) == 1 else tree.pack_sequence_as(model.input, leaves)


def _gradients(tracing: _core.Trace, model: Trainer, inputs: Any) -> list[Any]:
    """The gradients of the weights, whatever the loss: those of the outputs are inputs."""
    with GradientTape() as tape:
        outputs = [
            t
            for t in tree.flatten(model._forward(inputs, training=True))
            if t.dtype.startswith(("float", "bfloat"))
        ]
    of_outputs = [tracing.input(t.shape, t.dtype) for t in outputs]
    found = tape.gradient(outputs, model.trainable_variables, output_gradients=of_outputs)
    return outputs + [gradient for gradient in found if gradient is not None]


@contextmanager
def _watched(model: Trainer, tracing: _core.Trace, found: dict[int, int]) -> Iterator[None]:
    """Notes what each layer's `call` adds to the trace."""

    def watched(layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            before = tracing.flops
            outputs = call(*args, **kwargs)
            found[id(layer)] = found.get(id(layer), 0) + tracing.flops - before
            return outputs

        return counted

    # An operation of a functional model computes in a method of another name.
    parts = [(layer, "call") for layer in model._flatten_layers()]
    parts += [(part, "_compute") for part in getattr(model, "operations", ())]
    parts = [(p, name) for p, name in parts if hasattr(p, name) and name not in p.__dict__]
    for part, name in parts:
        part.__dict__[name] = watched(part, getattr(part, name))
    try:
        yield
    finally:
        for part, name in parts:
            del part.__dict__[name]
