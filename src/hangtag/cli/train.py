"""``hangtag train``: from data to a verified model and a report."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import (
    Json,
    Offline,
    Quiet,
    folder_option,
    print_json,
    print_result,
    print_table,
    progress_bar,
    say,
)
from hangtag.cli.datasets import Taxonomy, print_overview
from hangtag.environment import gpus, memory, processor, require_extra
from hangtag.progress import describe_duration

if TYPE_CHECKING:
    from hangtag.training.plan import TrainingPlan
    from hangtag.training.train import TrainingResult

FEW_STEPS = 500


def train(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A name, a folder, a CSV or another table.")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE", help="Fields of the recipe to change.", show_default=False
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A shipped recipe or a .yaml file. (default: express, for photos photo-fast; "
            "with --from the model's own, suited to fine-tuning; with --resume the run's)"
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Fine-tune a shipped model, a model folder or a run folder.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, folder_option(help="The run folder. (default: runs/train-NUMBER)")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides everything random. (default: 0)")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the recipe."),
    ] = None,
    taxonomy: Taxonomy = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Show where a step's time goes.", show_default=False),
    ] = False,
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Log the epochs for TensorBoard too.", show_default=False
        ),
    ] = False,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Trains a model on DATA: checkpoints, exported model, metrics and report in a run folder.

    Settings of the recipe follow DATA or --set: epochs=40 optimiser.learning_rate=0.01.
    After Ctrl-C, --resume continues from the last epoch.

    \b
    For example:
      hangtag train fashion-mnist --recipe express --out runs/mine
      hangtag train my-folders/ epochs=40 batch_size=64
      hangtag train feed.csv --recipe photo-fast
      hangtag train feed.csv --taxonomy our-tree.csv
      hangtag train corrected.csv --from runs/mine --out runs/better
      hangtag train my-folders/ network=my_package.networks:MyNet
      hangtag train fashion-mnist --out runs/mine --resume
      torchrun --nproc-per-node 2 -m hangtag train fashion-mnist --out runs/two
    """
    started = time.monotonic()
    require_extra("train", "training")
    if tensorboard:
        require_extra("tensorboard", "--tensorboard")
    from hangtag.training.plan import TrainingRequest, plan_training
    from hangtag.training.process_group import is_main_process
    from hangtag.training.recipes import parse_settings

    settings = parse_settings([*(words or []), *(changes or [])])
    quiet = quiet or not is_main_process()
    request = TrainingRequest(
        data,
        recipe=recipe,
        settings=settings | ({"epochs": epochs} if epochs else {}),
        init_from=init_from,
        out=out,
        seed=seed,
        device=device,
        resume=resume,
        taxonomy=taxonomy,
        offline=offline,
        profile=profile,
        tensorboard=tensorboard,
    )
    say(_describe_devices(), quiet=quiet)
    with progress_bar("reading data", quiet=quiet) as on_progress:
        plan = plan_training(
            request, say=lambda line: say(line, quiet=quiet), on_progress=on_progress
        )
    if not quiet:
        _print_plan(plan)
    result = _run(plan, quiet=quiet)
    if result is None:
        return
    took = describe_duration(time.monotonic() - started)
    say(f"done in {took}, from reading the data to the report", quiet=quiet)
    _print_result(plan, result, as_json=as_json, quiet=quiet)


def _run(plan: "TrainingPlan", *, quiet: bool) -> "TrainingResult | None":
    """Runs the plan; an interrupt says how to resume, if there is something to resume."""
    from hangtag.training.callbacks import Callbacks
    from hangtag.training.train import run_training

    run_folders: list[Path] = []
    try:
        with progress_bar("steps of the epoch", quiet=quiet) as on_step:
            callbacks = Callbacks(
                say=lambda line: say(line, quiet=quiet),
                on_start=run_folders.append,
                on_step=on_step,
            )
            return run_training(plan, callbacks)
    except KeyboardInterrupt:
        say(_describe_resuming(plan, run_folders))
        raise


def _describe_resuming(plan: "TrainingPlan", run_folders: list[Path]) -> str:
    if not run_folders:
        return "interrupted; nothing was written"
    taxonomy = plan.request.taxonomy
    command = ["hangtag", "train", str(plan.request.data)]
    command += ["--taxonomy", str(taxonomy)] if taxonomy else []
    command += ["--out", str(run_folders[0]), "--resume"]
    return f"interrupted; resume with: {shlex.join(command)}"


def _print_plan(plan: "TrainingPlan") -> None:
    """Prints what is trained on, and warnings about the data."""
    from hangtag.datasets import describe_classes, describe_suppliers

    dataset = plan.dataset
    print_overview(dataset)
    warnings = (*describe_suppliers(dataset), *describe_classes(dataset))
    for notice in (*dataset.notices, *warnings, *plan.notes):
        say(notice)


def _print_result(
    plan: "TrainingPlan", result: "TrainingResult", *, as_json: bool, quiet: bool
) -> None:
    """Prints warnings, the metrics and, last, the path of the report."""
    for warning in _describe_weaknesses(plan, result):
        say(f"note: {warning}", quiet=quiet)
    if as_json:
        metrics = {name: figures.to_json() for name, figures in result.evaluations.items()}
        content = {"run": str(result.folder), "report": str(result.report), "metrics": metrics}
        print_json({**content, **({"profile": result.profile} if result.profile else {})})
        return
    if result.profile:
        _print_profile(result.profile)
    for name, figures in result.evaluations.items():
        say(f"{name}: {figures.headline()}", quiet=quiet)
    print_result(str(result.report))


def _describe_weaknesses(plan: "TrainingPlan", result: "TrainingResult") -> list[str]:
    """Describes what makes the model weaker than its user may think."""
    from hangtag.decisions.policy import describe_support
    from hangtag.decisions.risk_control import DEFAULT_TARGET_PRECISION
    from hangtag.models.folder import read_card

    weaknesses = []
    policy = read_card(result.folder / "model").policy
    if lack := describe_support(policy, DEFAULT_TARGET_PRECISION):
        weaknesses.append(lack)
    from_scratch = not (plan.recipe.linear_probing or plan.recipe.init_from)
    if from_scratch and result.steps < FEW_STEPS:
        weaknesses.append(
            f"{result.steps} steps in all are few for a network from scratch; for small data try "
            "more epochs and a smaller batch_size"
        )
    return weaknesses


def _print_profile(seconds: dict[str, float]) -> None:
    total = sum(seconds.values())
    rows = [[name, f"{part:.1f}", f"{part / total:.1%}"] for name, part in seconds.items()]
    print_table("Where the time of the steps went", ["part", "seconds", "fraction"], rows)


def _describe_devices() -> str:
    """Describes in one line what there is to train on."""
    cards = [f"{gpu.name} with {gpu.memory / 2**30:.0f} GiB" for gpu in gpus()]
    return f"{processor()}, {memory() / 2**30:.0f} GiB memory, GPU: {', '.join(cards) or 'none'}"
