"""What this machine is: processor, memory, GPUs, versions."""

import importlib.metadata
import importlib.util
import os
import platform
from pathlib import Path

PACKAGES = ("numpy", "onnxruntime", "pillow", "pyarrow", "scikit-learn", "torch")


def processor() -> str:
    """Returns the processor's name and the cores this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{name}, {cores()} cores"


def cores() -> int:
    """Returns the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Returns the machine's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def versions() -> dict[str, str]:
    """Returns the versions of Python, Hangtag and the packages whose version matters."""
    found = {"python": platform.python_version()}
    for package in ("hangtag", *PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def gpus() -> list[dict[str, str | int]]:
    """Returns name and memory (bytes) of each CUDA GPU that PyTorch sees; none without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    devices = [
        torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())
    ]
    return [{"name": device.name, "memory": device.total_memory} for device in devices]
