"""An import hook that answers for `keras` and `tensorflow` with deepcore's modules."""

import dis
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

import deepcore

# Scripts compare versions: the major one is that of the API deepcore has.
KERAS_VERSION = f"3.0.0+deepcore.{deepcore.__version__}"


class MissingModule(ModuleNotFoundError):
    """A module of Keras or TensorFlow that deepcore does not have."""


def _is_from_import(frame: FrameType) -> bool:
    """Is this frame executing `from module import name`? Its AttributeErrors lose their text."""
    code = frame.f_code.co_code
    return dis.opname[code[frame.f_lasti]] == "IMPORT_FROM" if frame.f_lasti >= 0 else False


class StandIn(ModuleType):
    """The module a script sees: each name is looked up in deepcore's module of the same place."""

    def __init__(self, name: str, target: ModuleType) -> None:
        super().__init__(name, target.__doc__)
        self._target = target

    def __getattr__(self, name: str) -> Any:
        if name == "__version__" and self.__name__.endswith("keras"):
            return KERAS_VERSION
        if name == "__all__":
            return self._public()
        if name.startswith("__") and name != "__version__":  # the import system probes for these
            raise AttributeError(name)
        try:
            value = getattr(self._target, name)
            if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "deepcore":
                # `keras.layers` must be the very module that `import keras.layers` gives.
                return importlib.import_module(f"{self.__name__}.{name}")
        except (AttributeError, MissingModule):
            text = f"deepcore {deepcore.__version__} has no {self.__name__}.{name}"
            if _is_from_import(sys._getframe(1)):
                raise ImportError(text, name=self.__name__) from None
            raise AttributeError(text, name=name, obj=self) from None
        return value

    def _public(self) -> list[str]:
        """What `from keras.layers import *` gives."""
        names = getattr(self._target, "__all__", None)
        return [n for n in dir(self._target) if n[0] != "_"] if names is None else list(names)

    def __dir__(self) -> list[str]:
        return sorted(set(dir(self._target)))


class StandInFinder(MetaPathFinder, Loader):
    """Finds `keras...` and `tensorflow...`, before anything that is installed."""

    roots = ("keras", "tensorflow")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a stand-in, or None for a name that is not ours."""
        if fullname.partition(".")[0] not in self.roots:
            return None
        if self._place(fullname) is None:
            raise MissingModule(
                f"deepcore {deepcore.__version__} has no module {fullname}", name=fullname
            )
        return ModuleSpec(fullname, self, origin="deepcore", is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A stand-in for the module of deepcore at the same place."""
        place = self._place(spec.name)
        assert place is not None
        return StandIn(spec.name, importlib.import_module(place))

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: deepcore's module is imported already."""

    @staticmethod
    def _place(name: str) -> str | None:
        """The module of deepcore that answers for `name`: keras.layers -> deepcore.layers."""
        parts = name.split(".")
        if parts[0] == "tensorflow":
            if len(parts) > 1 and parts[1] == "keras":
                parts = parts[1:]
            else:
                return _existing(".".join(["deepcore", "compat", "tensorflow", *parts[1:]]))
        return _existing(".".join(["deepcore", *parts[1:]]))


def _existing(name: str) -> str | None:
    if any(part.startswith("_") for part in name.split(".")):
        return None
    try:
        return name if importlib.util.find_spec(name) else None
    except ModuleNotFoundError:
        return None


_finder = StandInFinder()


def install() -> None:
    """Makes `import keras` and `import tensorflow` give deepcore, from now on."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Undoes `install`, and forgets the modules it gave."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [n for n, m in sys.modules.items() if isinstance(m, StandIn)]:
        del sys.modules[name]
