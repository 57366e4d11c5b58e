"""GradientTape, as TensorFlow's users know it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from deepcore import _core, tree

_open = threading.local()


class UnconnectedGradients:
    """What `gradient` gives for a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


def tapes_open() -> bool:
    """Whether a tape of this thread records: then compiled functions run step by step."""
    return getattr(_open, "count", 0) > 0


class GradientTape:
    """Records operations, so that they can be differentiated (tf.GradientTape).

    Args:
        persistent: `gradient` may be called more than once.
        watch_accessed_variables: trainable variables are watched when they are read.

    Example:
        >>> x = convert_to_tensor(3.0)
        >>> with GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.gradient(y, x).item()
        6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watch_accessed = watch_accessed_variables
        self._recording = False
        self._used = False
        self._fresh()

    def __enter__(self) -> GradientTape:
        if self._recording:
            raise ValueError("GradientTape: this tape is recording already.")
        self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._recording:
            self._stop()

    def watch(self, tensor: Any) -> None:
        """Records what is done with a tensor or variable, or a nest of them.

        Raises:
            TypeError: something else, or an integer tensor, which has no derivative.
        """
        for leaf in tree.flatten(tensor):
            if isinstance(leaf, _core.Variable):
                if self._watch_accessed and leaf.trainable:
                    leaf.value  # noqa: B018 - reading it is what the tape notices
                    continue
                value = leaf.value
                self._watched[id(leaf)] = (leaf, value)
            elif isinstance(leaf, _core.Tensor):
                value = leaf
            else:
                raise TypeError(
                    "GradientTape.watch: expected tensors or variables. "
                    f"Received: {type(leaf).__name__}. Use ops.convert_to_tensor first."
                )
            self._tape.watch(value)

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of the sum of `target` with respect to each source.

        Args:
            target: a tensor or a nest of them.
            sources: a tensor or variable or a nest of them.
            output_gradients: weights of the targets, of their structure; ones when None.
            unconnected_gradients: "none" or "zero", for sources that do not matter.

        Returns:
            Tensors (or None) in the structure of `sources`.

        Raises:
            RuntimeError: a tape that is not persistent was used before.
            ValueError: unknown `unconnected_gradients`.
        """
        zero = _wants_zero(unconnected_gradients)
        self._begin_use()
        flat = tree.flatten(sources)
        grads = self._gradient(tree.flatten(target), _flat_or_none(output_gradients), flat)
        self._end_use()
        if zero:
            grads = [_zeros(s) if g is None else g for g, s in zip(grads, flat, strict=True)]
        return tree.pack_sequence_as(sources, grads)

    def jacobian(
        self, target: Any, sources: Any, unconnected_gradients: str = UnconnectedGradients.NONE
    ) -> Any:
        """d target[i...] / d source[j...] for each source: shape target.shape + source.shape.

        One gradient is taken for each element of `target`.
        """
        zero = _wants_zero(unconnected_gradients)
        self._begin_use()
        target = _value(target)
        flat = tree.flatten(sources)
        size, shape = target.size, tuple(target.shape)
        rows: list[list[Any]] = []
        for i in range(size):
            index = _core.full((), i, "int32")
            seed = _core.reshape(_core.one_hot(index, size, dtype=target.dtype), shape)
            rows.append(self._gradient([target], [seed], flat))
        self._end_use()
        result = []
        for k, source in enumerate(flat):
            column = [row[k] for row in rows]
            if not column or column[0] is None:
                full = _core.full((*shape, *source.shape), 0, source.dtype)
                result.append(full if zero or not column else None)
                continue
            result.append(_core.reshape(_core.stack(column), (*shape, *source.shape)))
        return tree.pack_sequence_as(sources, result)

    def batch_jacobian(self, target: Any, source: Any) -> Any:
        """The Jacobian of each sample: (N, ...) and (N, ...) give (N, target..., source...).

        Raises:
            ValueError: the two have different first sizes.
        """
        target = _value(target)
        n = target.shape[0]
        if not source.shape or source.shape[0] != n:
            raise ValueError(
                "GradientTape.batch_jacobian: the first axes must agree. Received: "
                f"target.shape={tuple(target.shape)}, source.shape={tuple(source.shape)}."
            )
        self._begin_use()
        inner = tuple(target.shape[1:])
        size = target.size // n if n else 0
        columns = []
        for i in range(size):
            row = _core.one_hot(_core.full((), i, "int32"), size, dtype=target.dtype)
            seed = _core.broadcast_to(_core.reshape(row, (1, *inner)), tuple(target.shape))
            columns.append(self._gradient([target], [seed], [source])[0])
        self._end_use()
        if not columns or columns[0] is None:
            return None
        stacked = _core.stack(columns, 1)
        return _core.reshape(stacked, (n, *inner, *source.shape[1:]))

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """A context in which this tape records nothing.

        Raises:
            ValueError: the tape is not recording.
        """
        if not self._recording:
            raise ValueError("GradientTape.stop_recording: the tape is not recording.")
        self._stop()
        try:
            yield
        finally:
            self._start()

    def reset(self) -> None:
        """Forgets everything recorded."""
        recording = self._recording
        if recording:
            self._stop()
        self._fresh()
        if recording:
            self._start()

    def watched_variables(self) -> tuple[Any, ...]:
        """The variables being watched, in the order of their first use."""
        seen = list(self._tape.watched_variables())
        seen += [v for v, _ in self._watched.values() if all(v is not s for s in seen)]
        return tuple(seen)

    def _fresh(self) -> None:
        self._tape = _core.Tape(self._watch_accessed)
        self._watched: dict[int, tuple[Any, Any]] = {}
        self._used = False

    def _start(self) -> None:
        self._tape.start()
        self._recording = True
        _open.count = getattr(_open, "count", 0) + 1

    def _stop(self) -> None:
        self._tape.stop()
        self._recording = False
        _open.count -= 1

    def _begin_use(self) -> None:
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                "(or jacobians). Use GradientTape(persistent=True)."
            )
        if self._recording and not self._persistent:
            self._stop()
        self._used = True

    def _end_use(self) -> None:
        if not self._persistent:
            self._tape.clear()

    def _gradient(self, targets: list[Any], seeds: list[Any] | None, sources: list[Any]) -> Any:
        values = [_value(t) for t in targets]
        given: list[Any] = [None] * len(values) if seeds is None else seeds
        grads = [None if g is None else _like(g, v) for g, v in zip(given, values, strict=True)]
        return self._tape.gradient(values, grads, [self._source(s) for s in sources])

    def _source(self, source: Any) -> Any:
        watched = self._watched.get(id(source))
        if watched is not None:
            return watched[1]
        if not isinstance(source, _core.Tensor | _core.Variable):
            raise TypeError(
                "GradientTape.gradient: the sources must be tensors or variables. "
                f"Received: {type(source).__name__}."
            )
        return source


def _wants_zero(name: str) -> bool:
    if name not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
        raise ValueError(
            "GradientTape: unconnected_gradients must be 'none' or 'zero'. "
            f"Received: unconnected_gradients={name!r}."
        )
    return name == UnconnectedGradients.ZERO


def _value(target: Any) -> Any:
    return target.value if isinstance(target, _core.Variable) else _core.as_tensor(target)


def _like(grad: Any, target: Any) -> Any:
    return _core.broadcast_to(_core.cast(_core.as_tensor(grad), target.dtype), target.shape)


def _zeros(source: Any) -> Any:
    return _core.full(tuple(source.shape), 0, source.dtype)


def _flat_or_none(structure: Any) -> list[Any] | None:
    return None if structure is None else tree.flatten(structure)
