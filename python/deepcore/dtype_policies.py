"""DTypePolicy: which dtypes a layer computes in and keeps its weights in (keras.dtype_policies)."""

from __future__ import annotations

from typing import Any

from deepcore import config


class DTypePolicy:
    """The dtypes of a layer, by name: `"float32"`, `"float64"`, `"mixed_bfloat16"`, ...

    A plain dtype is used for weights and computations alike; `mixed_float16` and `mixed_bfloat16`
    keep float32 weights (keras.DTypePolicy).
    """

    def __init__(self, name: str | None = None) -> None:
        name = name or config.floatx()
        if name.startswith("mixed_"):
            self._compute = config.standardize_dtype(name.removeprefix("mixed_"))
            self._variable = "float32"
        else:
            name = self._compute = self._variable = config.standardize_dtype(name)
        self._name = name

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype that inputs are cast to."""
        return self._compute

    @property
    def variable_dtype(self) -> str:
        """The dtype of weights."""
        return self._variable

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
