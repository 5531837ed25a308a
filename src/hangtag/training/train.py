"""Trains a model: plan, run the epochs, export, evaluate, report.

For example:

    result = hangtag.train("photos/", epochs=10, out="runs/mine")
    print(result.evaluations["validation"].accuracy, result.report)
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hangtag.datasets import BROKEN, Dataset, write_broken
from hangtag.environment import processor, require_extra, versions
from hangtag.evaluation.metrics import Evaluation
from hangtag.files.atomic import write_text
from hangtag.reports import describe_model, write_report
from hangtag.training.callbacks import (
    Callbacks,
    Epoch,
    Profiler,
    TensorBoardLog,
    describe_epoch,
)
from hangtag.training.checkpoints import (
    load_checkpoint,
    read_state,
    require_same_data,
    require_same_recipe,
    save_checkpoint,
)
from hangtag.training.devices import keep_freed_memory
from hangtag.training.export import check_exportable
from hangtag.training.loop import Trainer
from hangtag.training.networks import CustomNet, Network, NetworkSource, build_network
from hangtag.training.packaging import Packaged, package_model
from hangtag.training.plan import TrainingPlan, TrainingRequest, plan_training
from hangtag.training.preprocessing import Examples, Normalisation
from hangtag.training.process_group import ProcessGroup, is_main_process, join_process_group
from hangtag.training.recipes.schema import Recipe
from hangtag.training.run_folder import RUNS, RunFacts, RunFolder, next_run_folder
from hangtag.training.targets import mix_targets


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A finished training.

    Attributes:
        folder: The run folder.
        history: Its epochs.
        evaluations: Metrics by split: ``validation`` and, where the data has it, ``test``.
        report: The report page.
        steps: Steps of the optimiser in all, had no image been left out.
        profile: Seconds by part of a step, summed over the steps just run; empty unless asked for.
    """

    folder: Path
    history: list[Epoch]
    evaluations: dict[str, Evaluation]
    report: Path
    steps: int
    profile: dict[str, float]


def train(
    data: str | Path | Dataset,
    *,
    recipe: str | Path | Recipe | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    device: str = "auto",
    resume: bool = False,
    init_from: str | Path | None = None,
    network: NetworkSource | str | Mapping[str, Any] | None = None,
    **settings: Any,
) -> TrainingResult | None:
    """Trains a model on `data` into a run folder; under torchrun all processes train together.

    Args:
        data: A name, a path or a dataset with a train split. Where it has no validation split, a
            fraction of train is held out (by supplier when there are suppliers, else stratified).
        recipe: A shipped name, a YAML file or a recipe. By default ``express`` for small grey
            images and ``photo-fast`` for photos; with `init_from` the model's own, suited to
            fine-tuning; with `resume` the run's.
        out: The run folder; must be free unless `resume`. By default ``runs/train-1``, then 2, ...
        seed: Decides the split, the weights, the order, the augmentation and the dropout. By
            default 0, or that of the run to resume.
        device: ``auto``, ``cpu`` or ``cuda``.
        resume: Continue the run in `out`, as if it had never stopped. The recipe must be the run's,
            but may ask for another number of epochs where the schedule allows it.
        init_from: A shipped model, a model folder or a run folder to fine-tune.
        network: The recipe's field of this name, such as ``"tiny"`` or ``{"widths": [8, 16]}``; or
            a network of your own: a module, or a class or factory called with ``classes``,
            ``channels`` and ``size``, see `hangtag.training.networks.custom`. Its import path is
            stored. To resume or fine-tune what cannot be imported, pass it again.
        **settings: Fields of the recipe to change: ``epochs=3, batch_size=32``. A dict changes a
            part, ``optimiser={"learning_rate": 0.01}``, as do dotted names,
            ``**{"optimiser.learning_rate": 0.01}``.

    Returns:
        What the training left; None in the processes of torchrun other than the main one.

    Raises:
        DataError: The data cannot be read, split, or tell no classes apart.
        ModelError: There is no such model to start from or to learn from, or it is damaged.
        RecipeError: No such recipe, an unknown field or an impossible value.
        TrainingError: `out` is not free or does not fit what is to be resumed, the seed is out of
            range, there is no such device, the network does not fit, or the loss diverged.
        MissingExtraError: The train extra, or one that the recipe needs, is not installed.
        OutputError: `out` cannot be written.
    """
    if isinstance(network, str | Mapping):
        settings, network = {"network": network, **settings}, None
    request = TrainingRequest(
        data,
        recipe=recipe,
        settings=settings,
        init_from=None if init_from is None else str(init_from),
        network=network,
        out=None if out is None else Path(out),
        seed=seed,
        device=device,
        resume=resume,
    )
    return run_training(plan_training(request))


def run_training(plan: TrainingPlan, callbacks: Callbacks | None = None) -> TrainingResult | None:
    """Runs a planned training from its first epoch, or its next, to the report.

    Returns:
        What the training left; None in the processes of torchrun other than the main one.

    Raises:
        TrainingError: The run folder does not fit the plan, or the loss diverged.
        OutputError: The run folder cannot be written.
    """
    callbacks = callbacks or Callbacks()
    if plan.request.tensorboard:
        require_extra("tensorboard", "--tensorboard")
    run = RunFolder(plan.request.out or (next_run_folder() if is_main_process() else RUNS))
    try:
        with join_process_group(plan.device) as group, _lock(run, group), torch.random.fork_rng():
            trainer = fit(plan, run, callbacks=callbacks, group=group)
            if not group.is_main:
                return None
            callbacks.say("exporting, calibrating and evaluating")
            packaged = package_model(run.model, trainer.result, trainer.normalisation, plan=plan)
            report = _write_results(run, plan.dataset, packaged, trainer.history)
    finally:
        if plan.request.out is None:
            run.remove_unstarted()
    return TrainingResult(
        folder=run.path,
        history=trainer.history,
        evaluations=dict(packaged.evaluations),
        report=report,
        steps=trainer.max_steps * len(trainer.history),
        profile=trainer.profiler.seconds if trainer.profiler else {},
    )


def fit(
    plan: TrainingPlan,
    run: RunFolder,
    *,
    callbacks: Callbacks | None = None,
    group: ProcessGroup | None = None,
) -> Trainer:
    """Starts or resumes the run and runs the epochs that are left.

    Every process of `group` computes; only the main one writes.

    Returns:
        The trainer, with the weights that the recipe keeps.
    """
    callbacks, group = callbacks or Callbacks(), group or ProcessGroup()
    state = None
    if plan.request.resume:
        require_same_recipe(run.read_recipe(), plan.recipe, run=run.path)
        require_same_data(run.read_facts(), plan.data, plan.lineage, run=run.path)
        state = read_state(run.last, run.best, plan.recipe)
        if group.is_main:
            run.write_recipe(plan.recipe)
    elif group.is_main:
        _start_run(run, plan, callbacks, processes=group.world_size)
    if group.is_main:
        callbacks.on_start(run.path)
    keep_freed_memory()
    torch.backends.cudnn.deterministic = True
    trainer = _make_trainer(plan, callbacks, group)
    if state:
        trainer.restore(*state)
        done = f"epoch {len(trainer.history)} of {plan.recipe.epochs}"
        complete = f"the training is complete ({done})"
        callbacks.say(complete if trainer.finished else f"resumed: {done}")
    if plan.request.profile:
        trainer.profiler = Profiler(plan.device)
    _run_epochs(trainer, run, plan, callbacks, writes=group.is_main)
    if plan.recipe.keep == "best" and group.is_main:
        tensors, _ = load_checkpoint(run.best)
        trainer.result.load_state_dict(tensors)
    return trainer


def _lock(run: RunFolder, group: ProcessGroup) -> AbstractContextManager[None]:
    return run.lock() if group.is_main else nullcontext()


def _start_run(run: RunFolder, plan: TrainingPlan, callbacks: Callbacks, *, processes: int) -> None:
    """Writes what the run is to a folder that holds nothing yet."""
    run.require_free()
    facts = RunFacts(
        data=plan.data,
        lineage=plan.lineage,
        device=str(plan.device),
        processes=processes,
        processor=processor(),
        versions=versions(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    run.write_recipe(plan.recipe)
    run.write_facts(facts)
    if plan.dataset.broken:
        write_broken(run.broken_file, plan.dataset.broken)
        callbacks.say(f"the broken images are listed in {run.path / BROKEN}")


def _make_trainer(plan: TrainingPlan, callbacks: Callbacks, group: ProcessGroup) -> Trainer:
    """Moves the examples to the device; builds the network with its first weights."""
    dataset, recipe = plan.dataset, plan.recipe
    train, validation = (
        Examples.of(dataset.splits[name], classes=len(dataset.classes), device=plan.device)
        for name in ("train", "validation")
    )

    normalisation = (
        plan.initial.normalisation
        if plan.initial
        else Normalisation.of(recipe, dataset.splits["train"].images)
    )

    def make_network(images: Tensor) -> Network:
        network = build_network(recipe, classes=len(dataset.classes), source=plan.request.network)
        if isinstance(network, CustomNet) and not plan.request.resume:
            callbacks.say("checking that the network can be exported")
            check_exportable(network, normalisation, recipe.images.spec)
        if plan.initial:
            plan.initial.load_into(network, classes=dataset.classes)
        else:
            network.initialise(images)
        return network

    return Trainer(
        recipe,
        _add_teacher(train, plan, callbacks),
        validation,
        normalisation=normalisation,
        make_network=make_network,
        seed=plan.seed,
        group=group,
    )


def _add_teacher(train: Examples, plan: TrainingPlan, callbacks: Callbacks) -> Examples:
    """Mixes the teacher's answers, where there is one, into the targets."""
    if plan.teacher is None or plan.recipe.distillation is None:
        return train
    name = plan.teacher.card.name
    callbacks.say(f"predicting {len(train):,} images with the teacher {name}")
    images = plan.dataset.splits["train"].images
    logits = plan.teacher.run(images, on_progress=callbacks.on_step).logits
    return replace(train, targets=mix_targets(train.targets, logits, plan.recipe.distillation))


def _run_epochs(
    trainer: Trainer, run: RunFolder, plan: TrainingPlan, callbacks: Callbacks, *, writes: bool
) -> None:
    """Runs the epochs that are left; after each, the state on disk is that of the epoch."""
    log = None
    if writes:  # a run killed between its last checkpoint and results.csv lacks a row there
        run.write_history(trainer.history)
        if plan.request.tensorboard:
            log = TensorBoardLog(run.tensorboard, done=len(trainer.history))
    while not trainer.finished:
        epoch = trainer.run_epoch(on_step=callbacks.on_step)
        callbacks.say(describe_epoch(epoch, epochs=plan.recipe.epochs, steps=trainer.steps))
        is_best = trainer.stopping.observe(epoch.val_loss, epoch=epoch.epoch)
        if not writes:
            continue
        if is_best:
            save_checkpoint(run.best, trainer.result.state_dict(), {"epoch": epoch.epoch})
        save_checkpoint(run.last, *trainer.state())
        run.write_history(trainer.history)
        if log:
            log.add(epoch)
    if log:
        log.close()
    if trainer.stopping.should_stop:
        best = trainer.stopping.best_epoch
        callbacks.say(f"stopped early; the lowest validation loss was in epoch {best}")


def _write_results(
    run: RunFolder, dataset: Dataset, packaged: Packaged, history: list[Epoch]
) -> Path:
    """Writes metrics and the report, which is on the test split where there is one."""
    metrics = {name: figures.to_json() for name, figures in packaged.evaluations.items()}
    write_text(run.metrics_file, json.dumps(metrics, indent=1) + "\n")
    card = packaged.classifier.card
    shown = "test" if "test" in packaged.evaluations else "validation"
    return write_report(
        run.path,
        packaged.evaluations[shown],
        dataset.splits[shown],
        packaged.probabilities[shown],
        title=f"{card.name}: {shown} split of {dataset.name}",
        history=[asdict(epoch) for epoch in history],
        details={**describe_model(card), "Notices": " ".join(dataset.notices) or "none"},
        explain=packaged.classifier.explain,
        own_rules=shown == "validation",
    )
