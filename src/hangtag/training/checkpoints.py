"""The state of a training on disk, as safetensors: whole or not at all, nothing executable."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hangtag.errors import TrainingError
from hangtag.files.atomic import atomic_path

LAST = "last.safetensors"
BEST = "best.safetensors"


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Writes tensors and plain facts (JSON types) to `path`, atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(contiguous, temporary, metadata={"facts": json.dumps(facts)})


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads what `save_checkpoint` wrote, on the CPU.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json.loads((file.metadata() or {})["facts"])
    except FileNotFoundError:
        raise TrainingError(
            f"the checkpoint {path} is missing; put it back, or train anew with another --out"
        ) from None
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(
            f"the checkpoint {path} is damaged: {error}; start anew in another folder"
        ) from error
    return tensors, facts


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Names the tensors of an optimiser's state: ``PARAMETER.KEY``."""
    state: dict[int, dict[str, Tensor]] = optimiser.state_dict()["state"]
    return {
        f"{parameter}.{key}": value
        for parameter, entries in state.items()
        for key, value in entries.items()
        if value is not None
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts the tensors of `optimiser_tensors` back, in the memory layout of the parameters."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter).copy_(tensor)
        optimiser.state[parameter][key] = tensor
