"""`tensorflow.test`: what scripts ask before they start."""


def is_gpu_available(cuda_only: bool = False) -> bool:
    """False: deepcore runs on the CPU."""
    return False


def is_built_with_cuda() -> bool:
    """False."""
    return False


def gpu_device_name() -> str:
    """Empty: there is none."""
    return ""
