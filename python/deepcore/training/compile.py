"""The loss and the metrics of `compile`, chosen when the shapes of the first batch are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import losses, metrics, ops
from deepcore.losses.base import Loss, LossFunctionWrapper
from deepcore.metrics.base import Metric
from deepcore.naming import to_snake_case
from deepcore.transforms import no_trace

if TYPE_CHECKING:
    from deepcore._core import Tensor


class CompileLoss(Loss):
    """The loss given to `compile`: a name, a function or a `Loss`, with its weight.

    Raises:
        ValueError: an unknown name (at once), or several losses for the one output.
    """

    def __init__(self, loss: Any, loss_weights: Any = None) -> None:
        super().__init__(name="compile_loss")
        self._loss = _only("loss", loss)
        weight = _only("loss_weights", loss_weights)
        self._weight = None if weight is None else float(weight)
        self._resolved: Any = None
        if not _is_generic(self._loss, "crossentropy", "ce"):
            self._resolved = _as_loss(self._loss, losses.get(self._loss))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The scalar loss of a batch."""
        if self._resolved is None:
            function = _by_shape(
                y_true,
                y_pred,
                losses.binary_crossentropy,
                losses.sparse_categorical_crossentropy,
                losses.categorical_crossentropy,
            )
            self._resolved = _as_loss(self._loss, function)
        value: Tensor = self._resolved(y_true, y_pred, sample_weight)
        return value if self._weight is None else ops.multiply(value, self._weight)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """See `__call__`."""
        return self(y_true, y_pred)


class CompileMetrics(Metric):
    """The metrics given to `compile`, made on the first batch: `accuracy` depends on its shapes.

    Args:
        unweighted: names, functions or metrics that ignore sample weights.
        weighted: those that heed them.

    Raises:
        ValueError: an unknown name (at once).
    """

    def __init__(self, unweighted: Any, weighted: Any) -> None:
        super().__init__(name="compile_metrics")
        self.built = False
        # Names are looked up now, so that a misspelt one is told at once.
        self._given = (
            [_named(m) for m in _listed("metrics", unweighted)],
            [_named(m) for m in _listed("weighted_metrics", weighted)],
        )
        self._plain: list[Any] = []
        self._weighted: list[Any] = []

    @property
    def metrics(self) -> list[Any]:
        """The metrics; none before the first batch."""
        return self._plain + self._weighted

    @property
    def variables(self) -> list[Any]:
        """The variables of the metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Chooses the metrics for targets and predictions of these shapes."""
        with no_trace():
            plain, weighted = self._given
            self._plain = [_as_metric(m, y_true, y_pred) for m in plain]
            self._weighted = [_as_metric(m, y_true, y_pred) for m in weighted]
        _set_apart(self._plain, self._weighted)
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        if not self.built:
            self.build(y_true, y_pred)
        for metric in self._plain:
            metric.update_state(y_true, y_pred)
        for metric in self._weighted:
            metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def reset_state(self) -> None:
        """Forgets all batches."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The values by name."""
        return {metric.name: metric.result() for metric in self.metrics}


def _as_loss(identifier: Any, function: Any) -> Any:
    if isinstance(function, Loss):
        return function
    name = identifier if isinstance(identifier, str) else getattr(function, "__name__", "loss")
    return LossFunctionWrapper(function, name=name)


def _as_metric(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    if _is_generic(identifier, "accuracy", "acc"):
        kind = _by_shape(
            y_true,
            y_pred,
            metrics.BinaryAccuracy,
            metrics.SparseCategoricalAccuracy,
            metrics.CategoricalAccuracy,
        )
        return kind(name=identifier)
    if _is_generic(identifier, "crossentropy", "ce"):
        kind = _by_shape(
            y_true,
            y_pred,
            metrics.BinaryCrossentropy,
            metrics.SparseCategoricalCrossentropy,
            metrics.CategoricalCrossentropy,
        )
        return kind(name=identifier)
    return identifier


def _named(identifier: Any) -> Any:
    """The metric of a name or function; names that depend on shapes stay."""
    if _is_generic(identifier, "accuracy", "acc", "crossentropy", "ce"):
        return identifier
    if isinstance(identifier, Metric):
        return identifier
    found = metrics.get(identifier)
    name = identifier if isinstance(identifier, str) else getattr(found, "__name__", None)
    if name is not None and not isinstance(identifier, str):
        name = to_snake_case(name.strip("<>"))  # `lambda` for a lambda
    if not isinstance(found, Metric):
        return metrics.MeanMetricWrapper(found, name=name)
    if name is not None:
        found.name = name
    return found


def _by_shape(y_true: Any, y_pred: Any, binary: Any, sparse: Any, categorical: Any) -> Any:
    """One of three, as Keras chooses: by the last axes of targets and predictions."""
    if y_pred.shape[-1] == 1:
        return binary
    if len(y_true.shape) < len(y_pred.shape) or y_true.shape[-1] == 1:
        return sparse
    return categorical


def _set_apart(plain: list[Any], weighted: list[Any]) -> None:
    """Renames metrics of the same name as Keras does, so that none hides another in the logs."""
    seen: set[str] = set()
    for metric in plain + weighted:
        name = metric.name
        if name in seen and any(metric is m for m in weighted):
            name = f"weighted_{name}"
        base, count = name, 0
        while name in seen:
            count += 1
            name = f"{base}_{count}"
        seen.add(name)
        if name != metric.name:
            metric.name = name


def _is_generic(identifier: Any, *names: str) -> bool:
    return isinstance(identifier, str) and identifier.lower() in names


def _only(argument: str, value: Any) -> Any:
    """The one item of a list or dict for one output, or the value itself."""
    items = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(items, list | tuple):
        return value
    if len(items) != 1:
        raise ValueError(
            f"compile: the model has one output, so `{argument}` must be one value. "
            f"Received: {argument}={value!r}."
        )
    return items[0]


def _listed(argument: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        raise ValueError(
            f"compile: expected `{argument}` to be a list. Received: {argument}={value!r}."
        )
    # One list for the one output may stand inside the list.
    return [m for item in value for m in (item if isinstance(item, list | tuple) else [item])]
