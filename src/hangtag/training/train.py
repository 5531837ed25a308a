"""One training from data to report: begin or resume, run the epochs, package, write the report."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch

from hangtag.datasets import (
    FEWEST_IMAGES,
    Dataset,
    find_small_classes,
    split_dataset,
    write_broken,
)
from hangtag.datasets.held_out import hold_out_again
from hangtag.environment import processor, versions
from hangtag.errors import DataError, TrainingError
from hangtag.evaluation.metrics import Evaluation
from hangtag.files.atomic import write_text
from hangtag.models.card import Lineage, TrainingData
from hangtag.progress import OnProgress
from hangtag.reports import describe_model, write_report
from hangtag.training.checkpoints import load_checkpoint, save_checkpoint
from hangtag.training.devices import choose_device, keep_freed_memory
from hangtag.training.distillation import load_teacher, mix_targets
from hangtag.training.examples import Examples
from hangtag.training.history import Epoch, epoch_line
from hangtag.training.init_from import load_beginning, read_known
from hangtag.training.loop import Trainer
from hangtag.training.packaging import Packaged, package_model
from hangtag.training.preprocessing import Normalisation
from hangtag.training.process_group import Team, join_team
from hangtag.training.provenance import describe_data, describe_lineage
from hangtag.training.recipes.schema import Recipe
from hangtag.training.resuming import read_state, require_same
from hangtag.training.runfolder import RunFacts, RunFolder
from hangtag.training.stopwatch import Stopwatch

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
    step: OnProgress = lambda done, total: None
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
    dataset: Dataset,
    recipe: Recipe,
    *,
    out: str | Path,
    seed: int = 0,
    device: str = "auto",
    resume: bool = False,
    watch: Watch | None = None,
) -> Result | None:
    """Trains `recipe` on `dataset` into the run folder `out`.

    Under torchrun the processes train together, see `hangtag.training.process_group`, and the
    first one alone writes.

    Args:
        dataset: With a train split; where it has no validation split, the recipe's share of
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
        DataError: The dataset cannot be split, or its train split has a single class.
        OutputError: `out` cannot be written.
    """
    run, watch = RunFolder(Path(out)), watch or Watch()
    _check_seed(seed)
    dataset = prepare_dataset(dataset, recipe, seed=seed)
    chosen_device = choose_device(device)
    if resume:
        run.read_recipe()  # Refuses a folder without a run before anything is written.
    with join_team(chosen_device) as team:
        lock = run.lock() if team.is_first else nullcontext()
        with lock, torch.random.fork_rng():
            trainer = fit(
                dataset,
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
                dataset=dataset,
                seed=seed,
            )
            report = _write_results(run, dataset, packaged, trainer.history)
    return Result(
        folder=run.path,
        history=trainer.history,
        evaluations=dict(packaged.evaluations),
        report=report,
        steps=trainer.most_steps * len(trainer.history),
        profile=trainer.stopwatch.seconds if trainer.stopwatch else {},
    )


def prepare_dataset(dataset: Dataset, recipe: Recipe, *, seed: int) -> Dataset:
    """Checks what is to be trained on and holds a validation split out where there is none.

    A training that begins from a model holds out again what that model was judged by.

    Raises:
        DataError: There is nothing to tell apart, a class has too few images or none in train,
            or the dataset cannot be split.
        ModelError: The recipe begins from a model that is not there, or damaged.
    """
    _check_sizes(dataset)
    share = recipe.validation_fraction
    if recipe.init_from is None:
        dataset = split_dataset(dataset, fraction=share, seed=seed)
    else:
        known = read_known(recipe.init_from)
        dataset = hold_out_again(dataset, known, fraction=share, seed=seed)
    _check_classes(dataset, init_from=recipe.init_from)
    return dataset


def fit(
    dataset: Dataset,
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
    data, state = describe_data(dataset, recipe), None
    lineage = describe_lineage(dataset, recipe, seed=seed)
    if resume:
        require_same(run, recipe, data=data, lineage=lineage)
        state = read_state(run, recipe)
        if team.is_first:
            run.write_recipe(recipe)
    elif team.is_first:
        _begin(run, recipe, data, lineage, device=device, processes=team.size)
        if dataset.broken:
            write_broken(run.broken_file, dataset.broken)
    keep_freed_memory()
    torch.backends.cudnn.deterministic = True
    train, validation = _examples(dataset, recipe, device=device, watch=watch)
    trainer = Trainer(
        recipe,
        train,
        validation,
        normalisation=beginning.normalisation
        if beginning
        else Normalisation.of(recipe, dataset.splits["train"].images),
        seed=seed,
        device=device,
        team=team,
        prepare=partial(beginning.put_into, classes=dataset.classes) if beginning else None,
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


def _check_sizes(dataset: Dataset) -> None:
    """Raises DataError where a class has images, but too few to learn from and to judge by."""
    small = [f"{name} ({count})" for name, count in find_small_classes(dataset).items()]
    if small:
        raise DataError(
            f"{dataset.source}: expected at least {FEWEST_IMAGES} images of each class to learn "
            f"and be judged by, received fewer in {', '.join(small[:5])}"
            f"{' and others' if len(small) > 5 else ''}"
            f"{_describe_broken(dataset)}; add images or leave these classes out"
        )


def _describe_broken(dataset: Dataset) -> str:
    if not dataset.broken:
        return ""
    first = dataset.broken[0].reason
    return f" ({len(dataset.broken):,} images cannot be read, the first: {first})"


def _check_classes(dataset: Dataset, *, init_from: str | None) -> None:
    """Raises DataError unless train has something to tell apart, and all that validation has."""
    if "train" not in dataset.splits:
        raise DataError(f"{dataset.source} has no split 'train'; add one to train on")
    labels = dataset.splits["train"].labels
    found = [dataset.classes[label] for label in np.unique(labels)]
    if len(found) < 2:
        raise DataError(
            f"{dataset.source}: expected images of at least two classes to train on, received "
            f"{len(labels)} of {' '.join(found) or 'none'}; add images of another class"
        )
    missing = np.setdiff1d(dataset.splits["validation"].labels, labels)
    if len(missing):
        remedy = (
            "or try another --seed"
            if init_from is None
            else f"as the suppliers that {init_from} was judged by stay held out, or name the "
            "splits in a column 'split'"
        )
        raise DataError(
            f"{dataset.source}: all images of {dataset.classes[missing[0]]} are in validation, "
            f"none is in train to learn from; add images of it from other suppliers, {remedy}"
        )


def _begin(
    run: RunFolder,
    recipe: Recipe,
    data: TrainingData,
    lineage: Lineage,
    *,
    device: torch.device,
    processes: int,
) -> None:
    """Makes a run folder ours that holds nothing yet."""
    run.require_free()
    facts = RunFacts(
        data=data,
        lineage=lineage,
        device=str(device),
        processes=processes,
        processor=processor(),
        versions=versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    run.write_recipe(recipe)
    run.write_facts(facts)


def _examples(
    dataset: Dataset, recipe: Recipe, *, device: torch.device, watch: Watch
) -> tuple[Examples, Examples]:
    """Moves train and validation to the device; a teacher has its say in the train targets."""
    classes = len(dataset.classes)
    train, validation = (
        Examples.of(dataset.splits[name], classes=classes, device=device)
        for name in ("train", "validation")
    )
    if recipe.distillation:
        teacher = load_teacher(recipe.distillation, dataset)
        watch.say(f"asking the teacher {teacher.card.name} about {len(train):,} images")
        logits = teacher.run(dataset.splits["train"].images, on_progress=watch.step).logits
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
    run: RunFolder, dataset: Dataset, packaged: Packaged, history: list[Epoch]
) -> Path:
    """Writes figures and the report, which is on the test split where there is one."""
    figures = {name: one.to_json() for name, one in packaged.evaluations.items()}
    write_text(run.metrics_file, json.dumps(figures, indent=1) + "\n")
    card = packaged.classifier.card
    shown = "test" if "test" in packaged.evaluations else "validation"
    split, probabilities = dataset.splits[shown], packaged.probabilities[shown]
    return write_report(
        run.path,
        packaged.evaluations[shown],
        split,
        probabilities,
        title=f"{card.name}: {shown} split of {dataset.name}",
        history=[asdict(epoch) for epoch in history],
        details={**describe_model(card), "Notices": " ".join(dataset.notices) or "none"},
        explain=packaged.classifier.explain,
        own_rules=shown == "validation",
    )
