"""One training from data to report: begin or resume, run the epochs, package, write the report."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hangtag.catalogue import (
    FEWEST_IMAGES,
    Catalogue,
    find_small_classes,
    split_catalogue,
    write_broken,
)
from hangtag.catalogue.held_out import hold_out_again
from hangtag.errors import DataError, TrainingError
from hangtag.evaluation import Evaluation
from hangtag.files import write_text
from hangtag.machine import processor, versions
from hangtag.progress import Tick
from hangtag.report import write_report
from hangtag.report.facts import describe_card
from hangtag.training.beginning import load_beginning, read_known
from hangtag.training.checkpoints import load_checkpoint, save_checkpoint
from hangtag.training.devices import choose_device, keep_freed_memory
from hangtag.training.distillation import load_teacher, mix_targets
from hangtag.training.examples import Examples
from hangtag.training.history import Epoch, epoch_line
from hangtag.training.loop import Trainer
from hangtag.training.packaging import Packaged, package_model
from hangtag.training.preprocessing import Normalisation
from hangtag.training.provenance import describe_data
from hangtag.training.recipes.schema import Recipe
from hangtag.training.resuming import read_state, require_same
from hangtag.training.runfolder import RunFolder
from hangtag.training.stopwatch import Stopwatch
from hangtag.training.team import Team, join_team

HIGHEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Watch:
    """How a training tells what it does.

    Attributes:
        say: Called with each line for people.
        step: Called with steps done and steps of the epoch.
        profile: Whether to measure where the time of a step goes.
    """

    say: Callable[[str], None] = lambda line: None
    step: Tick = lambda done, total: None
    profile: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A finished training.

    Attributes:
        folder: The run folder.
        history: Its epochs.
        evaluations: Figures by split: ``validation`` and, where the data has it, ``test``.
        report: The report page.
        steps: Steps of the optimiser in all, had no image been left out.
        profile: Seconds by part of a step, summed over the steps just run; empty unless asked.
    """

    folder: Path
    history: list[Epoch]
    evaluations: dict[str, Evaluation]
    report: Path
    steps: int
    profile: dict[str, float]


def train(
    catalogue: Catalogue,
    recipe: Recipe,
    *,
    out: str | Path,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    watch: Watch | None = None,
) -> Result | None:
    """Trains `recipe` on `catalogue` into the run folder `out`.

    Under torchrun the processes train together, see `hangtag.training.team`, and the first one
    alone writes.

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

    Returns:
        What the training left; None in every process of a team but the first.

    Raises:
        TrainingError: `out` is taken, does not fit what is to be resumed, the seed is out of
            range, there is no such device, or the loss diverged.
        DataError: The catalogue cannot be split, or its train split has a single class.
        OutputError: `out` cannot be written.
    """
    run, watch = RunFolder(Path(out)), watch or Watch()
    _check_seed(seed)
    catalogue = prepare_catalogue(catalogue, recipe, seed=seed)
    chosen_device = choose_device(device)
    if resume:
        run.read_recipe()  # Refuses a folder without a run before anything is written.
    with join_team(chosen_device) as team:
        lock = run.lock() if team.is_first else nullcontext()
        with lock, torch.random.fork_rng():
            trainer = fit(
                catalogue,
                recipe,
                run=run,
                seed=seed,
                device=chosen_device,
                resume=resume,
                watch=watch,
                team=team,
            )
            if not team.is_first:
                return None
            watch.say("exporting, calibrating and evaluating")
            packaged = package_model(
                run.model,
                trainer.result,
                trainer.normalisation,
                recipe=recipe,
                catalogue=catalogue,
                seed=seed,
            )
            report = _write_results(run, catalogue, packaged, trainer.history)
    return Result(
        folder=run.path,
        history=trainer.history,
        evaluations=dict(packaged.evaluations),
        report=report,
        steps=trainer.most_steps * len(trainer.history),
        profile=trainer.stopwatch.seconds if trainer.stopwatch else {},
    )


def prepare_catalogue(catalogue: Catalogue, recipe: Recipe, *, seed: int) -> Catalogue:
    """Checks what is to be trained on and holds a validation split out where there is none.

    A training that begins from a model holds out again what that model was judged by.

    Raises:
        DataError: There is nothing to tell apart, a class has too few images or none in train,
            or the catalogue cannot be split.
        ModelError: The recipe begins from a model that is not there, or damaged.
    """
    _check_sizes(catalogue)
    share = recipe.validation_share
    if recipe.begin_from is None:
        catalogue = split_catalogue(catalogue, share=share, seed=seed)
    else:
        known = read_known(recipe.begin_from)
        catalogue = hold_out_again(catalogue, known, share=share, seed=seed)
    _check_classes(catalogue, begin_from=recipe.begin_from)
    return catalogue


def fit(
    catalogue: Catalogue,
    recipe: Recipe,
    *,
    run: RunFolder,
    seed: int,
    device: torch.device,
    resume: bool = False,
    watch: Watch | None = None,
    team: Team | None = None,
) -> Trainer:
    """Begins or resumes the run and runs the epochs that are left; see `train`.

    Every process of a `team` computes, the first one alone writes.

    Returns:
        The trainer, with the weights that the recipe keeps.
    """
    watch, team = watch or Watch(), team or Team()
    beginning = load_beginning(recipe)
    data, state = describe_data(catalogue, recipe), None
    if resume:
        require_same(run, recipe, data=data, seed=seed)
        state = read_state(run, recipe)
        if team.is_first:
            run.write_recipe(recipe)
    elif team.is_first:
        _begin(run, recipe, data=data, seed=seed, device=device, processes=team.size)
        if catalogue.broken:
            write_broken(run.broken_file, catalogue.broken)
    keep_freed_memory()
    torch.backends.cudnn.deterministic = True
    train, validation = _examples(catalogue, recipe, device=device, watch=watch)
    trainer = Trainer(
        recipe,
        train,
        validation,
        normalisation=beginning.normalisation
        if beginning
        else Normalisation.of(recipe, catalogue.splits["train"].images),
        seed=seed,
        device=device,
        team=team,
        prepare=partial(beginning.put_into, classes=catalogue.classes) if beginning else None,
    )
    if state:
        trainer.restore(*state)
        done = f"epoch {len(trainer.history)} of {recipe.epochs}"
        watch.say(f"the training is complete ({done})" if trainer.finished else f"resumed: {done}")
    if watch.profile:
        trainer.stopwatch = Stopwatch(device)
    _run_epochs(trainer, run, watch, writes=team.is_first)
    if recipe.keep == "best" and team.is_first:
        tensors, _ = load_checkpoint(run.best)
        trainer.result.load_state_dict(tensors)
    return trainer


def _check_seed(seed: int) -> None:
    if not 0 <= seed <= HIGHEST_SEED:
        raise TrainingError(
            f"--seed: expected a whole number from 0 to {HIGHEST_SEED}, received {seed}"
        )


def _check_sizes(catalogue: Catalogue) -> None:
    """Raises DataError where a class has images, but too few to learn from and to judge by."""
    small = [f"{name} ({count})" for name, count in find_small_classes(catalogue).items()]
    if small:
        raise DataError(
            f"{catalogue.source}: expected at least {FEWEST_IMAGES} images of each class to learn "
            f"and be judged by, received fewer in {', '.join(small[:5])}"
            f"{' and others' if len(small) > 5 else ''}"
            f"{_describe_broken(catalogue)}; add images or leave these classes out"
        )


def _describe_broken(catalogue: Catalogue) -> str:
    if not catalogue.broken:
        return ""
    first = catalogue.broken[0].reason
    return f" ({len(catalogue.broken):,} images cannot be read, the first: {first})"


def _check_classes(catalogue: Catalogue, *, begin_from: str | None) -> None:
    """Raises DataError unless train has something to tell apart, and all that validation has."""
    if "train" not in catalogue.splits:
        raise DataError(f"{catalogue.source} has no split 'train'; add one to train on")
    labels = catalogue.splits["train"].labels
    found = [catalogue.classes[label] for label in np.unique(labels)]
    if len(found) < 2:
        raise DataError(
            f"{catalogue.source}: expected images of at least two classes to train on, received "
            f"{len(labels)} of {' '.join(found) or 'none'}; add images of another class"
        )
    missing = np.setdiff1d(catalogue.splits["validation"].labels, labels)
    if len(missing):
        remedy = (
            "or try another --seed"
            if begin_from is None
            else f"as the suppliers that {begin_from} was judged by stay held out, or name the "
            "splits in a column 'split'"
        )
        raise DataError(
            f"{catalogue.source}: all images of {catalogue.classes[missing[0]]} are in validation, "
            f"none is in train to learn from; add images of it from other suppliers, {remedy}"
        )


def _begin(
    run: RunFolder,
    recipe: Recipe,
    *,
    data: dict[str, Any],
    seed: int,
    device: torch.device,
    processes: int,
) -> None:
    """Makes a run folder ours that holds nothing yet."""
    run.require_free()
    facts = {
        "data": data,
        "seed": seed,
        "device": str(device),
        "processes": processes,
        "processor": processor(),
        "versions": versions(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    run.write_recipe(recipe)
    run.write_facts(facts)


def _examples(
    catalogue: Catalogue, recipe: Recipe, *, device: torch.device, watch: Watch
) -> tuple[Examples, Examples]:
    """Moves train and validation to the device; a teacher has its say in the train targets."""
    classes = len(catalogue.classes)
    train, validation = (
        Examples.of(catalogue.splits[name], classes=classes, device=device)
        for name in ("train", "validation")
    )
    if recipe.distillation:
        teacher = load_teacher(recipe.distillation, catalogue)
        watch.say(f"asking the teacher {teacher.card.name} about {len(train):,} images")
        logits = teacher.answer(catalogue.splits["train"].images, on_progress=watch.step).logits
        targets = mix_targets(train.targets, logits, recipe.distillation)
        train = replace(train, targets=targets)
    return train, validation


def _run_epochs(trainer: Trainer, run: RunFolder, watch: Watch, *, writes: bool) -> None:
    """Runs the epochs that are left; after each, the state on disk is that of the epoch."""
    if writes:  # a run killed between its last checkpoint and results.csv lacks a row there
        run.write_history(trainer.history)
    while not trainer.finished:
        epoch = trainer.run_epoch(on_step=watch.step)
        watch.say(epoch_line(epoch, epochs=trainer.recipe.epochs, steps=trainer.steps))
        is_best = trainer.stopping.observe(epoch.val_loss, epoch=epoch.epoch)
        if not writes:
            continue
        if is_best:
            save_checkpoint(run.best, trainer.result.state_dict(), {"epoch": epoch.epoch})
        save_checkpoint(run.last, *trainer.state())
        run.write_history(trainer.history)
    if trainer.stopping.should_stop:
        watch.say(
            f"stopped early; the lowest validation loss was in epoch {trainer.stopping.best_epoch}"
        )


def _write_results(
    run: RunFolder, catalogue: Catalogue, packaged: Packaged, history: list[Epoch]
) -> Path:
    """Writes figures and the report, which is on the test split where there is one."""
    figures = {name: one.to_json() for name, one in packaged.evaluations.items()}
    write_text(run.metrics_file, json.dumps(figures, indent=1) + "\n")
    card = packaged.categoriser.card
    shown = "test" if "test" in packaged.evaluations else "validation"
    split, probabilities = catalogue.splits[shown], packaged.probabilities[shown]
    return write_report(
        run.path,
        packaged.evaluations[shown],
        split,
        probabilities,
        title=f"{card.name}: {shown} split of {catalogue.name}",
        history=[asdict(epoch) for epoch in history],
        facts={**describe_card(card), "Notices": " ".join(catalogue.notices) or "none"},
        explain=packaged.categoriser.explain,
        own_rules=shown == "validation",
    )
