"""`tensorflow.config`: one CPU, and nothing to set."""

from typing import NamedTuple


class PhysicalDevice(NamedTuple):
    """A device as TensorFlow names it."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU, unless another kind is asked for."""
    cpu = PhysicalDevice("/physical_device:CPU:0", "CPU")
    return [cpu] if device_type in (None, "CPU") else []


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Refused when true: `compile(run_eagerly=True)` does it for a model."""
    if run_eagerly:
        raise NotImplementedError(
            "tf.config.run_functions_eagerly: use model.compile(..., run_eagerly=True)"
        )


def set_visible_devices(devices: object, device_type: str | None = None) -> None:
    """Nothing to hide: there is one CPU."""


class experimental:
    """`tf.config.experimental`: older names of the same."""

    list_physical_devices = staticmethod(list_physical_devices)
    set_visible_devices = staticmethod(set_visible_devices)

    @staticmethod
    def set_memory_growth(device: PhysicalDevice, enable: bool) -> None:
        """Nothing to do: memory is taken as it is needed."""
