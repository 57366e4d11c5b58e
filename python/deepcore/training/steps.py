"""A training step as a plan: traced once for each signature, then run by the core."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from deepcore import _core, config, tree
from deepcore.layers import tracking
from deepcore.layers.context import targets_of_step
from deepcore.training.arrays import TEXT
from deepcore.training.feeds import pack_x_y_sample_weight

if TYPE_CHECKING:
    from deepcore.training.arrays import Array, Columns
    from deepcore.training.trainer import Trainer

# Enough for full and partial batches of training, validation and prediction at a few sizes each;
# it bounds memory when every call has another batch size.
MAX_PLANS = 16


class Step(NamedTuple):
    """A plan and how to read its results.

    Attributes:
        plan: runs the step.
        logs: the names of the results, when the step gives logs that are not metrics.
        outputs: (shape, dtype) of each result of a prediction.
        template: the predictions' structure, with indices of results as leaves.
    """

    plan: _core.Plan
    logs: list[str] | None = None
    outputs: list[tuple[tuple[int, ...], str]] | None = None
    template: Any = 0


class StepCache:
    """The steps of a model, the least recently used dropped first."""

    def __init__(self) -> None:
        self._steps: OrderedDict[Any, Step] = OrderedDict()
        # Predictions by shape and dtype of one array, with what they depend on.
        self._recent: dict[Any, tuple[Any, Step]] = {}
        # What the model was made of at a count of changes: its key, and its variables.
        self._parts: tuple[int, Any, list[Any]] | None = None

    def __len__(self) -> int:
        return len(self._steps)

    def clear(self) -> None:
        """Forgets all steps."""
        self._steps.clear()
        self._recent.clear()

    def recall(self, x: Array) -> Step | None:
        """The step that predicted an array like this one, unless a layer has changed since."""
        found = self._recent.get((x.shape, x.dtype))
        return found[1] if found is not None and found[0] == _outside() else None

    def remember(self, x: Array, step: Step) -> None:
        """Keeps a step of prediction for `recall`."""
        if len(self._recent) >= MAX_PLANS:
            self._recent.clear()
        if step.outputs is not None and all(dtype != "bfloat16" for _, dtype in step.outputs):
            self._recent[x.shape, x.dtype] = (_outside(), step)

    def find(self, model: Trainer, kind: str, columns: Columns, rows: int) -> Step:
        """The step of a kind for batches of `rows` rows; traced when it is new.

        Args:
            model: the model.
            kind: `train`, `test` or `predict`.
            columns: the data.
            rows: the batch size.
        """
        types = columns.types(model._data_dtypes(columns.structure[0]))
        signature = (kind, rows, types, frozen(columns.structure))
        key = (signature, self._state(model))
        step = self._steps.get(key)
        if step is None:
            step = trace(model, kind, columns, types, rows)
            # The first trace builds the model, which changes its state.
            self._steps[signature, self._state(model)] = step
            while len(self._steps) > MAX_PLANS:
                self._steps.popitem(last=False)
        else:
            self._steps.move_to_end(key)
        return step

    def _state(self, model: Trainer) -> Any:
        """Changes whenever a layer comes, goes, or is frozen, or a variable is."""
        changes = tracking.changes()
        if self._parts is None or self._parts[0] != changes:
            # Walking through the layers of ResNet-50 takes half a millisecond.
            self._parts = changes, state_key(model), list(model.variables)
        _, key, variables = self._parts
        return key, tuple([variable.trainable for variable in variables])


def _outside() -> Any:
    return tracking.changes(), config.floatx()


def state_key(model: Any) -> Any:
    """Changes whenever a layer comes, goes, or is frozen."""
    layers = tuple(id(layer) for layer in model._flatten_layers())
    return layers, tuple(id(v) for v in model.trainable_variables)


def run(model: Trainer, kind: str, data: tuple[Any, Any, Any]) -> Any:
    """One step in Python, eager or being traced: logs, or the predictions."""
    packed = pack_x_y_sample_weight(*data)
    try:
        if kind == "predict":
            return model.predict_step(packed)
        with targets_of_step(*data[1:], loss=model.loss):
            return model.train_step(packed) if kind == "train" else model.test_step(packed)
    finally:
        model._clear_losses()  # they may be symbolic, and belong to this step anyway


def trace(model: Trainer, kind: str, columns: Columns, types: Any, rows: int) -> Step:
    """Traces a step and plans it."""
    with _core.Trace() as tracing:
        leaves = [tracing.input((rows, *shape), dtype) for shape, dtype in types]
        result = run(model, kind, columns.pack(leaves))
        if kind == "predict":
            flat = [_core.as_tensor(leaf) for leaf in tree.flatten(result)]
            return Step(
                _core.Plan(tracing.finish(flat)),
                outputs=[(tuple(t.shape), t.dtype) for t in flat],
                template=tree.pack_sequence_as(result, range(len(flat))),
            )
        names = list(result)
        if set(names) == set(model.get_metrics_result()):
            return Step(_core.Plan(tracing.finish([])))  # read from the metrics when needed
        graph = tracing.finish([_core.as_tensor(value) for value in result.values()])
    return Step(_core.Plan(graph), logs=names)


def eager(model: Trainer, kind: str, columns: Columns, batch: list[Array]) -> Any:
    """A step in Python on the rows of one batch."""
    return run(model, kind, columns.pack(_tensors(model, columns, batch)))


def run_once(model: Trainer, step: Step, columns: Columns, batch: list[Array]) -> Any:
    """A planned step on the rows of one batch: its logs, or the predictions."""
    results = step.plan.run(_tensors(model, columns, batch))
    if step.logs is not None:
        return dict(zip(step.logs, results, strict=True))
    return tree.map_structure(lambda index: results[index], step.template)


def _tensors(model: Trainer, columns: Columns, batch: list[Array]) -> list[Any]:
    """Tensors of the rows; strings, which only an eager step takes, stay arrays."""
    types = columns.types(model._data_dtypes(columns.structure[0]))
    return [
        rows if rows.dtype.kind in TEXT else _core.as_tensor(rows, dtype)
        for rows, (_, dtype) in zip(batch, types, strict=True)
    ]


def frozen(structure: Any) -> Any:
    """A nested structure of indices as a hashable value."""
    if isinstance(structure, dict):
        return (dict, tuple((key, frozen(value)) for key, value in structure.items()))
    if isinstance(structure, list | tuple):
        return (type(structure), tuple(frozen(item) for item in structure))
    return structure
