"""Trainer: compile, and what one step of training, evaluation or prediction does (keras.Model)."""

from __future__ import annotations

import warnings
from typing import Any

from deepcore import checks, ops, optimizers, tree
from deepcore.layers.context import call_context
from deepcore.layers.layer import Layer
from deepcore.metrics import Mean
from deepcore.serialization import deserialize_keras_object, serialize_keras_object
from deepcore.training.arrays import Columns
from deepcore.training.compile import CompileLoss, CompileMetrics
from deepcore.training.feeds import unpack_x_y_sample_weight
from deepcore.training.prepared import refuse_text
from deepcore.training.steps import StepCache
from deepcore.transforms import GradientTape


class Trainer(Layer):
    """The training half of `Model`."""

    _steps: StepCache
    _untracked = frozenset(
        {
            "_compile_config",
            "_compile_loss",
            "_compile_metrics",
            "_loss_tracker",
            "loss",
            "optimizer",
        }
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.compiled = False
        self.optimizer: Any = None
        self.loss: Any = None
        self.run_eagerly = False
        self.jit_compile = True
        self.steps_per_execution = 1
        self.stop_training = False
        self.stop_evaluating = False
        self.stop_predicting = False
        self._initial_epoch: int | None = None  # set by callbacks that resume
        self._compile_loss: CompileLoss | None = None
        self._compile_metrics: CompileMetrics | None = None
        self._loss_tracker: Any = None
        self._compile_config: dict[str, Any] = {}
        object.__setattr__(self, "_steps", StepCache())

    # ---- compile

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how to train (keras.Model.compile).

        Args:
            optimizer: a name or an optimizer.
            loss: a name, a function `(y_true, y_pred) -> values`, or a `Loss`; for a model with
                several outputs a list or dict of them by output, None for no loss.
            loss_weights: a factor of the loss; a list or dict of them by output.
            metrics: names, functions or metrics; `accuracy` is chosen by the shapes. For several
                outputs a list or dict by output.
            weighted_metrics: metrics that heed sample weights.
            run_eagerly: run each step in Python, for debugging.
            steps_per_execution: batches between two calls of batch hooks.
            jit_compile: kept for compatibility; steps are always planned unless run eagerly.
            auto_scale_loss: kept for compatibility.

        Raises:
            ValueError: an unknown name.
        """
        made = optimizers.get(optimizer)
        names = self._output_names()
        compile_loss = None if loss is None else CompileLoss(loss, loss_weights, names)
        compile_metrics = None
        if metrics is not None or weighted_metrics is not None:
            compile_metrics = CompileMetrics(metrics, weighted_metrics, names)
        every = checks.positive_int("compile", "steps_per_execution", steps_per_execution)
        # Nothing above has changed the model: after an error it trains as before.
        self.optimizer = made
        self.loss = loss
        self.run_eagerly = bool(run_eagerly)
        self.steps_per_execution = every
        self.jit_compile = not run_eagerly
        self._compile_loss = compile_loss
        self._compile_metrics = compile_metrics
        self._loss_tracker = Mean(name="loss")
        self._compile_config = {
            "optimizer": made,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": every,
            "jit_compile": jit_compile,
        }
        self._steps.clear()
        self.stop_training = False
        self.compiled = True

    def _assert_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{method}()`.")

    def get_compile_config(self) -> dict[str, Any]:
        """The arguments of `compile`, as plain data; empty before it."""
        return serialize_keras_object(self._compile_config)  # type: ignore[no-any-return]

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with `get_compile_config()`."""
        if not config:
            return
        self.compile(**deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def make_train_function(self, force: bool = False) -> None:
        """Steps are traced when they are first needed; `force` forgets those made so far."""
        if force:
            self._steps.clear()

    make_test_function = make_predict_function = make_train_function

    # ---- metrics

    @property
    def metrics(self) -> list[Any]:
        """The losses, the metrics of `compile`, and those of this model and its layers."""
        found = [] if self._loss_tracker is None else [self._loss_tracker]
        if self._compile_loss is not None:
            found += self._compile_loss.metrics
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        found += self._metrics
        for layer in self._flatten_layers(include_self=False):
            if not isinstance(layer, Trainer):  # a model inside is only a layer here
                found += layer._metrics
        return found

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Starts the metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """The values of the metrics by name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            value = metric.result()
            results.update(value if isinstance(value, dict) else {metric.name: value})
        return results

    # ---- steps; override them to train in another way

    def train_step(self, data: Any) -> dict[str, Any]:
        """Learns from one batch (traced once, then run as a plan).

        Args:
            data: `(x, y)` or `(x, y, sample_weight)`.

        Returns:
            The logs.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self._forward(x, training=True)
            loss = self._loss_of(x, y, y_pred, sample_weight, training=True)
        self._track_loss(loss, x)
        variables = self.trainable_variables
        if variables:
            self.optimizer.apply(tape.gradient(loss, variables), variables)
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Evaluates one batch; gives the logs."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        self._track_loss(self._loss_of(x, y, y_pred, sample_weight, training=False), x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch."""
        return self._forward(unpack_x_y_sample_weight(data)[0], training=False)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The scalar to minimize: the loss of `compile` and the layers' losses.

        Raises:
            ValueError: there is no loss, or no targets for it.
        """
        found = []
        if self._compile_loss is not None:
            if y is None:
                raise ValueError(
                    "The model was compiled with a loss, which needs targets, but y is missing: "
                    "pass y, or batches (x, y)."
                )
            found.append(self._compile_loss(y, y_pred, sample_weight))
        found += self.losses
        if not found:
            raise ValueError(
                "No loss to compute. Provide a `loss` argument in `compile()`, or call "
                "`add_loss` in a layer."
            )
        total = found[0]
        for loss in found[1:]:
            total = ops.add(total, ops.cast(loss, total.dtype))
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Updates the metrics of `compile` with a batch; gives all metrics."""
        if self._compile_metrics is not None and y is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _forward(self, x: Any, training: bool) -> Any:
        # The context tells layers inside a `call` that does not pass `training` on.
        with call_context(training):
            self._clear_losses()
            return self(x)

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        return self.compute_loss(x, y, y_pred, sample_weight, training=training)

    def _track_loss(self, loss: Any, x: Any) -> None:
        rows = tree.flatten(x)[0].shape[0]
        self._loss_tracker.update_state(loss, sample_weight=rows)

    def _prepare(self, where: str, columns: Columns) -> Columns:
        """The arrays that steps take, from those that people pass.

        Models that begin with layers on the host run them here, over all data at once.

        Raises:
            ValueError: strings, and no such layer.
        """
        if not self.run_eagerly:  # then a model of one's own may do what it likes
            refuse_text(where, columns)
        return columns

    def _data_dtypes(self, x: Any) -> dict[int, str]:
        """The dtypes that inputs take, by array; the others keep their own.

        Args:
            x: the structure of the inputs, with the indices of the arrays.
        """
        return {}

    def _output_names(self) -> list[str] | None:
        """The names of the outputs, where they are known before the first batch."""
        return None

    def _stopped(self, kind: str) -> bool:
        flag = {"train": "training", "test": "evaluating", "predict": "predicting"}[kind]
        return bool(getattr(self, f"stop_{flag}"))
