"""The loss and the metrics of `compile`, chosen when the shapes of the first batch are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepcore import losses, metrics, ops, tree
from deepcore.losses.base import Loss, LossFunctionWrapper
from deepcore.metrics.base import Metric
from deepcore.naming import to_snake_case
from deepcore.training.outputs import Outputs
from deepcore.transforms import no_trace

if TYPE_CHECKING:
    from deepcore._core import Tensor


class CompileLoss(Loss):
    """The losses given to `compile`, with their weights, for all outputs.

    Args:
        loss: one, or a list or dict of them by output.
        loss_weights: factors; for several outputs a list or dict by output.
        output_names: of a functional model; one name says that the model has one output.

    Raises:
        ValueError: an unknown name (at once), or losses that do not fit the outputs.
    """

    def __init__(
        self, loss: Any, loss_weights: Any = None, output_names: list[str] | None = None
    ) -> None:
        super().__init__(name="compile_loss")
        self._names = output_names
        if output_names is not None and len(output_names) == 1:
            loss, loss_weights = _only("loss", loss), _only("loss_weights", loss_weights)
        self._given = _map_given(_early_loss, loss)
        self._weights = loss_weights
        self._outputs: Outputs | None = None
        self._losses: list[Any] = []
        self._factors: list[Any] = []
        self._means: list[Any] = []

    @property
    def metrics(self) -> list[Any]:
        """The mean of each loss, where there are several; none before the first batch."""
        return [mean for mean in self._means if mean is not None]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Chooses the losses for targets and predictions of these shapes."""
        outputs = Outputs(y_pred, self._names)
        given, factors = self._given, self._weights
        if outputs.count == 1:
            given, factors = [_only("loss", given)], [_only("loss_weights", factors)]
        else:
            given = (
                outputs.match("loss", given) if tree.is_nested(given) else [given] * outputs.count
            )
            factors = _matched_weights(outputs, factors)
        used = [loss is not None for loss in given]
        targets = outputs.flat("y_true", y_true, used)
        losses = [
            None if loss is None else _resolved_loss(loss, target, prediction)
            for loss, target, prediction in zip(given, targets, tree.flatten(y_pred), strict=True)
        ]
        means: list[Any] = [None] * outputs.count
        if sum(used) > 1:
            with no_trace():
                means = [
                    None if loss is None else metrics.Mean(name=f"{label or loss.name}_loss")
                    for loss, label in zip(losses, outputs.labels, strict=True)
                ]
        self._outputs, self._losses, self._means = outputs, losses, means
        self._factors = [None if factor is None else float(factor) for factor in factors]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The scalar loss of a batch."""
        if self._outputs is None:
            self.build(y_true, y_pred)
        assert self._outputs is not None
        used = [loss is not None for loss in self._losses]
        targets = self._outputs.flat("y_true", y_true, used)
        predictions = tree.flatten(y_pred)
        weights = _sample_weights(self._outputs, sample_weight, used)
        total: Any = None
        for loss, factor, mean, target, prediction, weight in zip(
            self._losses, self._factors, self._means, targets, predictions, weights, strict=True
        ):
            if loss is None:
                continue
            value = loss(target, prediction, weight)
            if mean is not None:
                mean.update_state(value, sample_weight=prediction.shape[0])
            if factor is not None:
                value = ops.multiply(value, factor)
            total = value if total is None else ops.add(total, value)
        if total is None:
            raise ValueError("compile: no output has a loss. Received: loss with None alone.")
        return total  # type: ignore[no-any-return]

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        """See `__call__`."""
        return self(y_true, y_pred)


class CompileMetrics(Metric):
    """The metrics given to `compile`, made on the first batch: `accuracy` depends on its shapes.

    Args:
        unweighted: names, functions or metrics that ignore sample weights; for several outputs a
            list or dict of them, or of lists of them, by output.
        weighted: those that heed them.
        output_names: of a functional model.

    Raises:
        ValueError: an unknown name (at once), or metrics that do not fit the outputs.
    """

    def __init__(
        self, unweighted: Any, weighted: Any, output_names: list[str] | None = None
    ) -> None:
        super().__init__(name="compile_metrics")
        self.built = False
        self._names = output_names
        # Names are looked up now, so that a misspelt one is told at once.
        self._given = {
            "metrics": _map_given(_named, _checked_list("metrics", unweighted)),
            "weighted_metrics": _map_given(_named, _checked_list("weighted_metrics", weighted)),
        }
        self._outputs: Outputs | None = None
        # For each output: metrics and the names of their results.
        self._plain: list[dict[str, Any]] = []
        self._weighted: list[dict[str, Any]] = []

    @property
    def metrics(self) -> list[Any]:
        """The metrics; none before the first batch."""
        return [m for named in self._plain + self._weighted for m in named.values()]

    @property
    def variables(self) -> list[Any]:
        """The variables of the metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Chooses the metrics for targets and predictions of these shapes."""
        outputs = Outputs(y_pred, self._names)
        predictions = tree.flatten(y_pred)
        chosen = []
        for argument, given in self._given.items():
            lists = _lists_by_output(outputs, argument, given)
            targets = outputs.flat("y_true", y_true, [bool(some) for some in lists])
            with no_trace():
                chosen.append(
                    [
                        [_as_metric(m, target, prediction) for m in some]
                        for some, target, prediction in zip(
                            lists, targets, predictions, strict=True
                        )
                    ]
                )
        labels = outputs.labels if outputs.count > 1 else [None]
        self._plain, self._weighted = _set_apart(labels, *chosen)
        self._outputs = outputs
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch."""
        if not self.built:
            self.build(y_true, y_pred)
        assert self._outputs is not None
        used = [bool(a or b) for a, b in zip(self._plain, self._weighted, strict=True)]
        targets = self._outputs.flat("y_true", y_true, used)
        weights = _sample_weights(self._outputs, sample_weight, used)
        for plain, weighted, target, prediction, weight in zip(
            self._plain, self._weighted, targets, tree.flatten(y_pred), weights, strict=True
        ):
            for metric in plain.values():
                metric.update_state(target, prediction)
            for metric in weighted.values():
                metric.update_state(target, prediction, sample_weight=weight)

    def reset_state(self) -> None:
        """Forgets all batches."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """The values by name."""
        found = {
            name: metric.result()
            for named in self._plain + self._weighted
            for name, metric in named.items()
        }
        # Of several outputs in the order of their names, as Keras's `evaluate` lists them.
        several = self._outputs is not None and self._outputs.count > 1
        return dict(sorted(found.items())) if several else found


def _early_loss(identifier: Any) -> Any:
    """A loss whose name is looked up, unless it depends on the shapes."""
    if identifier is None or _is_generic(identifier, "crossentropy", "ce"):
        return identifier
    return _as_loss(identifier, losses.get(identifier))


def _resolved_loss(loss: Any, y_true: Any, y_pred: Any) -> Any:
    if isinstance(loss, Loss):
        return loss
    function = _by_shape(
        y_true,
        y_pred,
        losses.binary_crossentropy,
        losses.sparse_categorical_crossentropy,
        losses.categorical_crossentropy,
    )
    return _as_loss(loss, function)


def _matched_weights(outputs: Outputs, factors: Any) -> list[Any]:
    if factors is None:
        return [None] * outputs.count
    if not tree.is_nested(factors) or (
        isinstance(factors, list | tuple) and len(factors) != outputs.count
    ):
        raise ValueError(
            f"`loss_weights` must match the number of losses, got {outputs.count} losses and "
            f"loss_weights={factors!r}."
        )
    return outputs.match("loss_weights", factors)


def _sample_weights(outputs: Outputs, sample_weight: Any, used: list[bool]) -> list[Any]:
    """A weight for each output; one that is given alone is for all."""
    if not tree.is_nested(sample_weight):
        return [sample_weight] * outputs.count
    if isinstance(sample_weight, dict) and outputs.keys and outputs.count > 1:
        return outputs.match("sample_weight", sample_weight)
    return outputs.flat("sample_weight", sample_weight, used)


def _lists_by_output(outputs: Outputs, argument: str, given: Any) -> list[list[Any]]:
    if not given:
        return [[] for _ in range(outputs.count)]
    if outputs.count == 1:
        return [[m for m in tree.flatten(given) if m is not None]]
    return [
        [] if some is None else list(some) if isinstance(some, list | tuple) else [some]
        for some in outputs.match(argument, given)
    ]


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


def _set_apart(
    labels: list[Any], plain: list[list[Any]], weighted: list[list[Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The metrics of each output by the names of their results: all different, as in Keras."""
    counts: dict[str, int] = {}

    def free(name: str) -> str:
        seen = counts[name] = counts.get(name, 0) + 1
        return name if seen == 1 else f"{name}_{seen - 1}"

    found: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for label, some in zip(labels, plain, strict=True):
        front = f"{label}_" if label else ""
        found[0].append({free(f"{front}{m.name}"): m for m in some})
    for label, some in zip(labels, weighted, strict=True):
        front = f"{label}_" if label else ""
        found[1].append(
            {
                free(f"{front}{'weighted_' if f'{front}{m.name}' in counts else ''}{m.name}"): m
                for m in some
            }
        )
    return found


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


def _checked_list(argument: str, value: Any) -> Any:
    if value is not None and not isinstance(value, list | tuple | dict):
        raise ValueError(
            f"compile: expected `{argument}` to be a list. Received: {argument}={value!r}."
        )
    return value


def _map_given(function: Any, value: Any) -> Any:
    """`function` of each loss or metric in a structure; a config dict is one of them."""
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _map_given(function, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_given(function, item) for item in value]
    return None if value is None else function(value)
