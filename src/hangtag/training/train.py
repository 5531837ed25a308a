"""One training from data to report: begin or resume, run the epochs, package, write the report."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from hangtag.catalogue import Catalogue, split_catalogue
from hangtag.errors import TrainingError
from hangtag.evaluation import Evaluation
from hangtag.files import write_text
from hangtag.machine import processor, versions
from hangtag.progress import Tick
from hangtag.report import write_report
from hangtag.report.facts import describe_card
from hangtag.training.checkpoints import load_checkpoint, save_checkpoint
from hangtag.training.devices import choose_device, keep_freed_memory
from hangtag.training.export import Exportable
from hangtag.training.history import Epoch, epoch_line
from hangtag.training.loop import Examples, Trainer
from hangtag.training.packaging import Packaged, package_model
from hangtag.training.preprocessing import Normalisation
from hangtag.training.provenance import describe_data
from hangtag.training.recipes.schema import Recipe
from hangtag.training.runfolder import RunFolder


@dataclass(frozen=True, slots=True)
class Watch:
    """How a training tells what it does.

    Attributes:
        say: Called with each line for people.
        step: Called with steps done and steps of the epoch.
    """

    say: Callable[[str], None] = lambda line: None
    step: Tick = lambda done, total: None


@dataclass(frozen=True, slots=True)
class Result:
    """A finished training.

    Attributes:
        folder: The run folder.
        history: Its epochs.
        evaluations: Figures by split: ``validation`` and, where the data has it, ``test``.
        report: The report page.
    """

    folder: Path
    history: list[Epoch]
    evaluations: dict[str, Evaluation]
    report: Path


def train(
    catalogue: Catalogue,
    recipe: Recipe,
    *,
    out: str | Path,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    watch: Watch | None = None,
) -> Result:
    """Trains `recipe` on `catalogue` into the run folder `out`.

    Args:
        catalogue: With a train split; where it has no validation split, the recipe's share of
            train is held out (by supplier when there are suppliers, else stratified).
        recipe: What to do.
        out: The run folder; must be new unless `resume`.
        seed: Decides the split, the weights, the order, the augmentation and the dropout.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Go on with the run in `out`, as if it had never stopped. The recipe must be the
            run's, but may ask for another number of epochs where the schedule allows it.
        watch: Told what happens.

    Raises:
        TrainingError: `out` is taken, does not fit what is to be resumed, or the loss diverged.
        DataError: The catalogue cannot be split.
        OutputError: `out` cannot be written.
    """
    run, watch = RunFolder(Path(out)), watch or Watch()
    catalogue = split_catalogue(catalogue, share=recipe.validation_share, seed=seed)
    with run.lock(), torch.random.fork_rng():
        trainer = fit(
            catalogue,
            recipe,
            run=run,
            seed=seed,
            device=choose_device(device),
            resume=resume,
            watch=watch,
        )
        watch.say("exporting, calibrating and evaluating")
        packaged = package_model(
            run.model,
            Exportable(trainer.network, trainer.normalisation),
            recipe=recipe,
            catalogue=catalogue,
            seed=seed,
        )
        report = _write_results(run, catalogue, packaged, trainer.history)
    return Result(run.path, trainer.history, dict(packaged.evaluations), report)


def fit(
    catalogue: Catalogue,
    recipe: Recipe,
    *,
    run: RunFolder,
    seed: int,
    device: torch.device,
    resume: bool,
    watch: Watch,
) -> Trainer:
    """Begins or resumes the run and runs the epochs that are left; see `train`.

    Returns:
        The trainer, with the weights that the recipe keeps.
    """
    _claim(run, recipe, data=describe_data(catalogue), seed=seed, device=device, resume=resume)
    keep_freed_memory()
    torch.backends.cudnn.deterministic = True
    trainer = _new_trainer(catalogue, recipe, seed=seed, device=device)
    if run.last.exists():
        trainer.restore(*load_checkpoint(run.last))
        watch.say(f"resumed after epoch {len(trainer.history)}")
    _run_epochs(trainer, run, watch)
    if recipe.keep == "best":
        tensors, _ = load_checkpoint(run.best)
        trainer.network.load_state_dict(tensors)
    return trainer


def _claim(
    run: RunFolder,
    recipe: Recipe,
    *,
    data: dict[str, Any],
    seed: int,
    device: torch.device,
    resume: bool,
) -> None:
    """Makes the run folder ours: a new one, or one that fits what is to be resumed."""
    if resume:
        _check_same(run, recipe, data=data, seed=seed)
        run.write_recipe(recipe)
        return
    if run.is_taken():
        raise TrainingError(
            f"{run.path} is not empty; give --resume to go on with the run in it, or another --out"
        )
    facts = {
        "data": data,
        "seed": seed,
        "device": str(device),
        "processor": processor(),
        "versions": versions(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    run.write_recipe(recipe)
    run.write_facts(facts)


def _check_same(run: RunFolder, recipe: Recipe, *, data: dict[str, Any], seed: int) -> None:
    before, now = run.read_recipe().model_dump(), recipe.model_dump()
    extendable = {"epochs"} if recipe.schedule.kind == "exponential" else set()
    changed = [field for field in now if now[field] != before[field] and field not in extendable]
    if changed:
        raise TrainingError(
            f"{run.path} was trained by another recipe: {', '.join(changed)} differ from "
            f"{run.recipe_file}; leave out --recipe and --set to go on with its own"
        )
    facts = run.read_facts()
    if facts["seed"] != seed:
        raise TrainingError(f"{run.path} was trained with --seed {facts['seed']}, not {seed}")
    if facts["data"]["splits"] != data["splits"]:
        raise TrainingError(
            f"{run.path} was trained on other data ({facts['data']['name']}); give the same data "
            "to resume, or another --out"
        )


def _new_trainer(
    catalogue: Catalogue, recipe: Recipe, *, seed: int, device: torch.device
) -> Trainer:
    classes = len(catalogue.classes)
    train, validation = (
        Examples.of(catalogue.splits[name], classes=classes, device=device)
        for name in ("train", "validation")
    )
    normalisation = Normalisation.of(recipe, catalogue.splits["train"].images)
    return Trainer(recipe, train, validation, normalisation=normalisation, seed=seed, device=device)


def _run_epochs(trainer: Trainer, run: RunFolder, watch: Watch) -> None:
    """Runs the epochs that are left; after each, the state on disk is that of the epoch."""
    while not trainer.finished:
        epoch = trainer.run_epoch(on_step=watch.step)
        watch.say(epoch_line(epoch, epochs=trainer.recipe.epochs, steps=trainer.steps))
        if trainer.stopping.observe(epoch.val_loss, epoch=epoch.epoch):
            save_checkpoint(run.best, trainer.network.state_dict(), {"epoch": epoch.epoch})
        save_checkpoint(run.last, *trainer.state())
        run.write_history(trainer.history)
    if trainer.stopping.should_stop:
        watch.say(
            f"stopped early; the lowest validation loss was in epoch {trainer.stopping.best_epoch}"
        )


def _write_results(
    run: RunFolder, catalogue: Catalogue, packaged: Packaged, history: list[Epoch]
) -> Path:
    """Writes ``metrics.json`` and the report, on the test split where there is one."""
    figures = {name: one.to_json() for name, one in packaged.evaluations.items()}
    write_text(run.metrics_file, json.dumps(figures, indent=1) + "\n")
    card = packaged.categoriser.card
    shown = "test" if "test" in packaged.evaluations else "validation"
    return write_report(
        run.path,
        packaged.evaluations[shown],
        catalogue.splits[shown],
        packaged.probabilities[shown],
        title=f"{card.name}: {shown} split of {catalogue.name}",
        history=[asdict(epoch) for epoch in history],
        facts={**describe_card(card), "Notices": " ".join(catalogue.notices) or "none"},
    )
