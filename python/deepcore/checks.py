"""Argument checks, and messages that say what was meant."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any


def near_matches(name: object, known: Iterable[str], count: int = 3) -> list[str]:
    """Up to `count` names of `known` that look like `name`, the closest first."""
    import difflib  # needed only when something is wrong

    wanted = str(name)
    folded: dict[str, list[str]] = {}
    for k in known:
        folded.setdefault(k.lower().replace("_", ""), []).append(k)
    found = difflib.get_close_matches(wanted.lower().replace("_", ""), folded, n=count, cutoff=0.6)

    def likeness(k: str) -> float:
        return difflib.SequenceMatcher(None, wanted, k).ratio()

    return [max(folded[f], key=likeness) for f in found]  # of Huber and huber the one as written


def unknown(what: str, name: object, known: Iterable[str]) -> str:
    """The message for a name nobody knows.

    Example:
        >>> unknown("optimizer", "adm", ["adam", "sgd"])
        "Unknown optimizer: 'adm'. Did you mean 'adam'? Known: adam, sgd."
    """
    names = sorted(set(known))
    near = near_matches(name, names)
    hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return f"Unknown {what}: {name!r}.{hint} Known: {', '.join(names)}."


def one_of(where: str, argument: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Gives `value` back when it is allowed.

    Raises:
        ValueError: it is not.
    """
    options = list(allowed)
    if value not in options:
        raise ValueError(
            f"{where}: {argument} must be one of {', '.join(repr(o) for o in options)}. "
            f"Received: {argument}={value!r}."
        )
    return value


def positive_int(where: str, argument: str, value: Any) -> int:
    """An integer above zero, of any integer type.

    Raises:
        ValueError: it is not one.
    """
    number = _as_int(value)
    if number is None or number <= 0:
        raise ValueError(
            f"{where}: {argument} must be a positive integer. Received: {argument}={value!r}."
        )
    return number


def count(where: str, argument: str, value: Any) -> int:
    """An integer that is not negative, of any integer type.

    Raises:
        ValueError: it is not one.
    """
    number = _as_int(value)
    if number is None or number < 0:
        raise ValueError(
            f"{where}: {argument} must be a non-negative integer. Received: {argument}={value!r}."
        )
    return number


def int_tuple(
    where: str, argument: str, value: Any, count: int, *, allow_zero: bool = False
) -> tuple[int, ...]:
    """`count` integers above zero from one integer or a sequence of them.

    Raises:
        ValueError: the number or the sign of the integers is wrong.
    """
    single = _as_int(value)
    if single is not None:
        numbers: tuple[int | None, ...] = (single,) * count
    else:
        try:
            numbers = tuple(_as_int(v) for v in value)
        except TypeError:
            numbers = ()
    low = 0 if allow_zero else 1
    if len(numbers) != count or any(n is None or n < low for n in numbers):
        kind = "non-negative" if allow_zero else "positive"
        raise ValueError(
            f"{where}: {argument} must be a {kind} integer or a tuple of {count} of them. "
            f"Received: {argument}={value!r}."
        )
    return tuple(n for n in numbers if n is not None)


def fraction(where: str, argument: str, value: Any, *, closed: bool = True) -> float:
    """A number in [0, 1], or in [0, 1) when not `closed`.

    Raises:
        ValueError: it is outside.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (0 <= number <= 1) or (number == 1 and not closed):
        raise ValueError(
            f"{where}: {argument} must be in [0, 1{']' if closed else ')'}. "
            f"Received: {argument}={value!r}."
        )
    return number


def mask_fits(where: str, mask: Any, shape: tuple[int, ...], inputs: tuple[int, ...]) -> None:
    """Whether a mask has a shape, or sizes of 1 in place of some of its.

    Args:
        where: the layer, for the error.
        mask: a tensor.
        shape: what the mask should have.
        inputs: the shape of what it hides, for the error.

    Raises:
        ValueError: it has not.
    """
    given = tuple(mask.shape)
    if len(given) != len(shape) or any(m not in (1, n) for m, n in zip(given, shape, strict=True)):
        raise ValueError(
            f"{where}: the mask must have the shape {shape}, or 1 in place of a size. "
            f"Received: mask.shape={given}, inputs.shape={inputs}."
        )


def _as_int(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None
