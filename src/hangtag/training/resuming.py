"""What a run must have left, and must share with what is asked for, to go on."""

from typing import Any

from torch import Tensor

from hangtag.errors import TrainingError
from hangtag.models.card import Lineage, TrainingData
from hangtag.training.checkpoints import load_checkpoint
from hangtag.training.recipes.schema import Recipe
from hangtag.training.runfolder import RunFolder

State = tuple[dict[str, Tensor], dict[str, Any]]


def require_same(run: RunFolder, recipe: Recipe, *, data: TrainingData, lineage: Lineage) -> None:
    """Raises TrainingError unless `run` was begun with the same recipe, data and seed.

    The number of epochs may be another where the schedule does not depend on it.
    """
    extendable = {"epochs"} if recipe.schedule.kind == "exponential" else set()
    changed = _differences(run.read_recipe().model_dump(), recipe.model_dump())
    changed = [field for field in changed if field not in extendable]
    if changed:
        raise TrainingError(
            f"{run.path} was trained by another recipe: {', '.join(changed)} "
            f"{'differs' if len(changed) == 1 else 'differ'} from {run.recipe_file}; leave out "
            "--recipe, --from, --epochs and --set to go on with its own"
        )
    facts = run.read_facts()
    known, made = facts.data, facts.lineage
    if made.seed != lineage.seed:
        raise TrainingError(f"{run.path} was trained with --seed {made.seed}, not {lineage.seed}")
    if made.teacher != lineage.teacher:
        raise TrainingError(
            f"{run.path} learned from another teacher; put the model of that time back, or train "
            "anew with another --out"
        )
    if _weights(made) != _weights(lineage):
        raise TrainingError(
            f"{run.path} began from another model; put the model of that time back, or train anew "
            "with another --out"
        )
    if known.taxonomy != data.taxonomy:
        raise TrainingError(
            f"{run.path} was begun with another --taxonomy, or without one; give the same again, "
            "or another --out"
        )
    if known.splits != data.splits:
        raise TrainingError(
            f"{run.path} was trained on other data ({known.name}); give the same data "
            "to resume, or another --out"
        )


def _weights(lineage: Lineage) -> str | None:
    """Returns the hash of the initial weights; None where training starts from scratch."""
    return None if lineage.init_from is None else lineage.init_from.weights


def read_state(run: RunFolder, recipe: Recipe) -> State | None:
    """Reads the state after the last epoch of `run`; None when it stopped before its first.

    Raises:
        TrainingError: A checkpoint is damaged, the weights to keep are missing, or more epochs
            are done than `recipe` asks for.
    """
    if not run.last.exists():
        return None
    tensors, facts = load_checkpoint(run.last)
    done = len(facts["history"])
    if done > recipe.epochs:
        raise TrainingError(
            f"{run.path}: {done} epochs are done, more than the {recipe.epochs} asked for; ask "
            f"for {done} or more, or train anew with another --out"
        )
    if recipe.keep == "best":
        load_checkpoint(run.best)  # Only to refuse now what would fail after the last epoch.
    return tensors, facts


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Names the fields that differ as --set does; a part of another kind counts as one field."""
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
