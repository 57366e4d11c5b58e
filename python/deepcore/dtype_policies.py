"""DTypePolicy: which dtypes a layer computes in and keeps its weights in (keras.dtype_policies)."""

from __future__ import annotations

from typing import Any

from deepcore import config
from deepcore.registry import builtin


@builtin("keras")
class DTypePolicy:
    """The dtype of a layer, by name, for weights and computations alike (keras.DTypePolicy).

    Raises:
        ValueError: not a dtype.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = config.standardize_dtype(name or config.floatx())

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype that inputs are cast to."""
        return self._name

    @property
    def variable_dtype(self) -> str:
        """The dtype of weights."""
        return self._name

    def get_config(self) -> dict[str, Any]:
        """The arguments that make the same policy again."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """A policy from `get_config()`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


_default: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy that layers get when none is given (keras.config.dtype_policy)."""
    return _default or DTypePolicy(config.floatx())


def set_dtype_policy(policy: str | DTypePolicy | None) -> None:
    """Sets the default policy; None follows `config.floatx()` again."""
    global _default
    _default = None if policy is None else get(policy)


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, its name, its config, a dtype, or None for the default one."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return DTypePolicy(**identifier.get("config", identifier))
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    return DTypePolicy(config.standardize_dtype(identifier))


def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """The policy as Keras writes it into files."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": policy.get_config(),
        "registered_name": None,
    }
