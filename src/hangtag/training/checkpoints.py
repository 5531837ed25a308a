"""Checkpoints: the state of a training as safetensors, and the checks before it is resumed.

A file appears whole or not at all, and holds nothing executable. It carries the hash of its
content, so that a training never continues from other numbers than it left.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from hangtag.errors import TrainingError
from hangtag.files.atomic import atomic_path
from hangtag.models.card import Lineage, TrainingData
from hangtag.training.recipes.schema import Recipe

if TYPE_CHECKING:
    from hangtag.training.run_folder import RunFacts

LAST = "last.safetensors"
BEST = "best.safetensors"

State = tuple[dict[str, Tensor], dict[str, Any]]
"""Tensors and facts, see `hangtag.training.loop.Trainer.state`."""


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Writes tensors and plain facts (JSON types) to `path`, atomically.

    Raises:
        OutputError: The file cannot be written.
    """
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    content = json.dumps(facts)
    metadata = {"facts": content, "sha256": _hash_state(copies, content)}
    with atomic_path(path) as temporary:
        save_file(copies, temporary, metadata=metadata)


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads what `save_checkpoint` wrote, on the CPU.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
        if metadata["sha256"] != _hash_state(tensors, metadata["facts"]):
            raise ValueError("its content is not what was written")
        facts = json.loads(metadata["facts"])
    except FileNotFoundError:
        raise TrainingError(
            f"the checkpoint {path} is missing; put it back, or train anew with another --out"
        ) from None
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(
            f"the checkpoint {path} is damaged: {error}; start anew in another folder"
        ) from error
    return tensors, facts


def _hash_state(tensors: Mapping[str, Tensor], facts: str) -> str:
    """Returns the sha256 of facts and of tensors on the CPU: names, types, shapes, numbers."""
    digest = hashlib.sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


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
    """Restores the tensors of `optimiser_tensors`, in the memory layout of the parameters."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        parameter = parameters[int(index)]
        if tensor.shape == parameter.shape:
            tensor = torch.empty_like(parameter).copy_(tensor)
        optimiser.state[parameter][key] = tensor


def require_same_recipe(old: Recipe, recipe: Recipe, *, run: Path) -> None:
    """Raises TrainingError unless `run`, whose recipe is `old`, can continue with `recipe`.

    The number of epochs may differ where the schedule does not depend on it.
    """
    extendable = {"epochs"} if recipe.schedule.kind == "exponential" else set()
    changed = _differences(old.model_dump(), recipe.model_dump())
    changed = [field for field in changed if field not in extendable]
    if changed:
        raise TrainingError(
            f"{run} was trained by another recipe: {', '.join(changed)} "
            f"{'differs' if len(changed) == 1 else 'differ'} from its recipe.yaml; leave out "
            "--recipe, --from, --epochs and --set to resume with its own"
        )


def require_same_data(
    facts: "RunFacts", data: TrainingData, lineage: Lineage, *, run: Path
) -> None:
    """Raises TrainingError unless `run` was trained on `data` and started as `lineage` says."""
    if facts.lineage.teacher != lineage.teacher:
        raise TrainingError(
            f"{run} was trained with another teacher; put the model of that time back, or train "
            "anew with another --out"
        )
    if _initial_weights(facts.lineage) != _initial_weights(lineage):
        raise TrainingError(
            f"{run} started from another model; put the model of that time back, or train anew "
            "with another --out"
        )
    if facts.data.taxonomy != data.taxonomy:
        raise TrainingError(
            f"{run} was started with another --taxonomy, or without one; give the same again, "
            "or another --out"
        )
    if facts.data.splits != data.splits:
        raise TrainingError(
            f"{run} was trained on other data ({facts.data.name}); give the same data "
            "to resume, or another --out"
        )


def read_state(last: Path, best: Path, recipe: Recipe) -> State | None:
    """Reads the state after the last epoch of a run; None when it stopped before its first.

    Raises:
        TrainingError: A checkpoint is damaged, the weights to keep are missing, or more epochs
            are done than `recipe` asks for.
    """
    if not last.exists():
        return None
    tensors, facts = load_checkpoint(last)
    done = len(facts["history"])
    if done > recipe.epochs:
        raise TrainingError(
            f"{last.parent.parent}: {done} epochs are done, more than the {recipe.epochs} asked "
            f"for; ask for {done} or more, or train anew with another --out"
        )
    if recipe.keep == "best":
        load_checkpoint(best)  # only to refuse now what would fail after the last epoch
    return tensors, facts


def _initial_weights(lineage: Lineage) -> str | None:
    """Returns the hash of the weights that a training started from; None for random ones."""
    return None if lineage.init_from is None else lineage.init_from.weights


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Names the fields that differ; a part of another kind counts as one field."""
    if before == now:
        return []
    old, new = _parts(before), _parts(now)
    if not old or old.keys() != new.keys():
        return [name]
    prefix = f"{name}." if name else ""
    return [field for key in old for field in _differences(old[key], new[key], f"{prefix}{key}")]


def _parts(value: Any) -> dict[str, Any]:
    if isinstance(value, tuple):
        return {str(position): part for position, part in enumerate(value)}
    return value if isinstance(value, dict) else {}
