"""Frozen: a model as a plain function of arrays, its weights built in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepcore import _core, tree
from deepcore.training import arrays, steps

if TYPE_CHECKING:
    from deepcore.training.trainer import Trainer

# Plans kept by a frozen model, each with folded weights and memory of its own; the oldest goes
# first. Enough for the batch sizes of a server.
MAX_PLANS = 16


class Frozen:
    """A model at inference, compiled with the weights it had when it was frozen.

    Weights are constants: whatever depends on them alone is computed once, and neither training
    nor `load_weights` changes what this gives. A call takes NumPy arrays and gives new NumPy
    arrays. The first call with new shapes or dtypes traces and plans; later ones run the plan at
    once. A state that a call would change (a seed of a random layer) stays what it is.

    May be called from several threads, and in a forked child.

    Example:
        >>> frozen = model.freeze()
        >>> frozen(x).shape
        (1, 10)
    """

    def __init__(self, model: Trainer) -> None:
        if not model.built:
            raise ValueError(
                f"freeze: the model '{model.name}' has no weights yet. Call `build` or call it on "
                "data first."
            )
        self._model = model
        self._values = [(variable, variable.value) for variable in model.variables]
        self._plans: dict[Any, tuple[_core.Plan, Any]] = {}
        # The plan of the last call, when it takes one array and gives one.
        self._last: _core.Plan | None = None

    def __call__(self, x: Any) -> Any:
        """The outputs for a batch.

        Args:
            x: an array (N, ...), or arrays in a list, tuple or dict, as the model takes them.

        Returns:
            NumPy arrays in the structure of the model's outputs.

        Raises:
            ValueError: the data does not fit the model.
        """
        last = self._last
        try:
            if last is not None:
                result = last.call(x)
                if result is not None:
                    return result
            return self._of_any(x)
        except IndexError:
            self._model(x, training=False)  # tells which layer it was
            raise

    @property
    def plans(self) -> list[_core.Plan]:
        """The plans made so far."""
        return [plan for plan, _ in list(self._plans.values())]

    def _of_any(self, x: Any) -> Any:
        columns = self._model._prepare("freeze", arrays.columns("freeze", x))
        types = columns.types(self._model._data_dtypes(columns.structure[0]))
        key = (columns.rows, types, steps.frozen(columns.structure[0]))
        plan, template = self._plans.get(key) or self._compile(key, columns, types)
        inputs = [
            np.ascontiguousarray(array, dtype)
            for array, (_, dtype) in zip(columns.arrays, types, strict=True)
        ]
        alone = template == 0 and columns.structure[0] == 0
        self._last = plan if alone else None
        results = plan.call(*inputs)
        if results is None:  # an array as unusual as one that is not aligned
            results = tuple(np.array(t) for t in plan.run(inputs))
            results = results[0] if len(results) == 1 else results
        if template == 0:
            return results
        flat = results if isinstance(results, tuple) else (results,)
        return tree.map_structure(lambda index: flat[index], template)

    def _compile(self, key: Any, columns: arrays.Columns, types: Any) -> tuple[_core.Plan, Any]:
        with _core.Trace() as tracing:
            for variable, value in self._values:
                tracing.fix(variable, value)
            leaves = [tracing.input((columns.rows, *shape), dtype) for shape, dtype in types]
            try:
                result = self._model._forward(columns.pack(leaves)[0], training=False)
            finally:
                self._model._clear_losses()
            flat = [_to_numpy_dtype(leaf) for leaf in tree.flatten(result)]
            plan = _core.Plan(tracing.finish(flat))
        made = (plan, tree.pack_sequence_as(result, range(len(flat))))
        while len(self._plans) >= MAX_PLANS:
            self._plans.pop(next(iter(list(self._plans))), None)
        self._plans[key] = made
        return made

    def __repr__(self) -> str:
        return f"<Frozen {self._model.name}: {len(self._plans)} plans>"


def _to_numpy_dtype(leaf: Any) -> _core.Tensor:
    tensor = _core.as_tensor(leaf)
    return _core.cast(tensor, "float32") if tensor.dtype == "bfloat16" else tensor
