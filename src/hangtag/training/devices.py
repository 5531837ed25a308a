"""Chooses the device and the number format of a training."""

import ctypes
import sys
from contextlib import AbstractContextManager

import torch

from hangtag.errors import TrainingError
from hangtag.training.recipes.schema import Recipe

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """Returns the device for `auto` (a GPU when there is one), `cpu` or `cuda`.

    Raises:
        TrainingError: No such name, or no GPU where one was asked for.
    """
    if name not in DEVICES:
        raise TrainingError(f"--device: expected one of {', '.join(DEVICES)}, received '{name}'")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "--device cuda: PyTorch sees no CUDA GPU here; use --device cpu, or install a CUDA "
            "build of torch and check the driver"
        )
    return torch.device(name)


def mixed_precision(recipe: Recipe, device: torch.device) -> AbstractContextManager[object]:
    """Returns the context in which the forward pass runs.

    A GPU computes convolutions in bfloat16 where it has it natively; so does a CPU that
    multiplies bfloat16 (AVX-512 BF16 or AMX) when the recipe's precision is ``auto``. Weights and
    the loss stay in float32.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = recipe.precision == "auto" and _cpu_has_bfloat16()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=native)


def keep_freed_memory() -> None:
    """Lets glibc keep freed blocks for reuse.

    A training step frees and takes the same large tensors again and again; by default glibc
    gives each back to the kernel, which then clears every page anew: see docs/experiments.md.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, mmap_threshold = -1, -3
    mallopt(mmap_threshold, 1 << 30)
    mallopt(trim_threshold, (1 << 31) - 1)


def _cpu_has_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
