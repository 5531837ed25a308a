"""``hangtag train``: from data to a verified model and a report."""

import json
import shlex
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import (
    RUNS,
    Json,
    Offline,
    Quiet,
    folder_option,
    print_json,
    print_table,
    progress_bar,
    say,
)
from hangtag.cli.datasets import Taxonomy, print_overview, read_dataset
from hangtag.datasets import (
    BROKEN,
    Dataset,
    describe_classes,
    describe_suppliers,
)
from hangtag.decisions.policy import describe_support
from hangtag.decisions.risk_control import DEFAULT_TARGET_PRECISION
from hangtag.environment import gpus, memory, processor, require_extra
from hangtag.images.spec import PHOTO_SPEC
from hangtag.models.folder import read_card
from hangtag.progress import describe_duration

if TYPE_CHECKING:
    from hangtag.training.recipes import Recipe
    from hangtag.training.runfolder import RunFolder
    from hangtag.training.train import Result

DEFAULT_RECIPE = "express"
PHOTO_RECIPE = "photo-fast"
"""The recipe of photos where none is asked for; its images are of PHOTO_SPEC."""

FEW_STEPS = 500


def train(
    data: Annotated[str, typer.Argument(help="A name, a folder, a CSV or a manifest.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"A shipped recipe or a .yaml file. (default: {DEFAULT_RECIPE}, of photos "
            f"{PHOTO_RECIPE}; with --from the model's own, made gentler; with --resume the run's)"
        ),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Continue from the weights of a shipped model, a model or a run folder.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        folder_option(help="The run folder. (default: runs/RECIPE-NUMBER)"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides everything random. (default: 0)")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the recipe."),
    ] = None,
    taxonomy: Taxonomy = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    profile: Annotated[
        bool,
        typer.Option("--profile", help="Tell where a step's time goes.", show_default=False),
    ] = False,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Trains a recipe on DATA: checkpoints, exported model, figures and report in a run folder.

    Ctrl-C leaves a run that --resume takes up where its last epoch ended.

    \b
    For example:
      hangtag train fashion-mnist --recipe express --out runs/mine
      hangtag train my-folders/ --epochs 40 --set batch_size=64
      hangtag train feed.csv --recipe photo-fast
      hangtag train feed.csv --taxonomy our-tree.csv
      hangtag train corrected.csv --from runs/mine --out runs/better
      hangtag train fashion-mnist --out runs/mine --resume
      torchrun --nproc-per-node 2 -m hangtag train fashion-mnist --out runs/two
    """
    started = time.monotonic()
    require_extra("train", "training")
    from hangtag.training.init_from import load_beginning
    from hangtag.training.process_group import is_first_process
    from hangtag.training.runfolder import RunFolder, next_run_folder
    from hangtag.training.train import Watch, prepare_dataset
    from hangtag.training.train import train as run_training

    fields = [*(changes or []), *([f"epochs={epochs}"] if epochs else [])]
    run = _find_run(out, resume=resume)
    chosen = _choose_recipe(recipe, run, fields, init_from=init_from)
    if seed is None:
        seed = run.read_facts().lineage.seed if run else 0
    load_beginning(chosen)  # only to refuse now what would fail after the data are read
    quiet = quiet or not is_first_process()
    say(_describe_devices(), quiet=quiet)
    read = partial(read_dataset, data, offline=offline, quiet=quiet, taxonomy=taxonomy)
    if recipe or init_from or run:
        dataset = read(spec=chosen.images.spec)
    else:
        chosen, dataset = _read_undecided(read, chosen, fields, quiet=quiet)
    dataset = prepare_dataset(dataset, chosen, seed=seed)
    if not quiet:
        _describe(dataset, chosen)
    # Under torchrun the first process alone writes, so the others need no folder of their own.
    folder = out or (next_run_folder(RUNS, chosen.name) if is_first_process() else RUNS)
    if dataset.broken:
        say(f"the broken images are listed in {folder / BROKEN}", quiet=quiet)
    target = RunFolder(folder)
    try:
        with progress_bar("steps of the epoch", quiet=quiet) as on_progress:
            watch = Watch(
                say=lambda line: say(line, quiet=quiet), step=on_progress, profile=profile
            )
            result = run_training(
                dataset, chosen, out=folder, seed=seed, device=device, resume=resume, watch=watch
            )
    except KeyboardInterrupt:
        own_tree = ["--taxonomy", str(taxonomy)] if taxonomy else []
        again = shlex.join(["hangtag", "train", data, *own_tree, "--out", str(folder), "--resume"])
        begun = target.facts_file.exists()
        say(f"interrupted; go on with: {again}" if begun else "interrupted; nothing was written")
        raise
    finally:
        if out is None:
            target.remove_unbegun()
    if result is None:
        return
    took = describe_duration(time.monotonic() - started)
    say(f"done in {took}, from reading the data to the report", quiet=quiet)
    _warn(result, from_scratch=not (chosen.linear_probing or chosen.init_from), quiet=quiet)
    _tell(result, as_json=as_json, quiet=quiet)


def _find_run(out: Path | None, *, resume: bool) -> "RunFolder | None":
    """Returns the run to go on with; refuses now a folder that is taken, before data are read."""
    from hangtag.training.process_group import is_first_process
    from hangtag.training.runfolder import RunFolder

    if out is None:
        if resume:
            raise typer.BadParameter("--resume needs --out, the run folder to go on with")
        return None
    run = RunFolder(out)
    if resume:
        return run
    if is_first_process():
        run.require_free()
    return None


def _choose_recipe(
    name: str | None, run: "RunFolder | None", changes: list[str], *, init_from: str | None
) -> "Recipe":
    """Reads the recipe that is asked for, by default that of the run or model to go on with."""
    from hangtag.training.recipes import continue_recipe, load_recipe

    if init_from and (run or name):
        changes = [*changes, f"init_from={json.dumps(init_from)}"]
    if run and name is None:
        chosen = run.read_recipe(changes=changes)
    elif init_from and name is None:
        chosen = continue_recipe(init_from, changes=changes)
    else:
        chosen = load_recipe(name or DEFAULT_RECIPE, changes=changes)
    if chosen.needs_published_weights:
        require_extra("photo", f"the recipe {chosen.name}")
    return chosen


def _read_undecided(
    read: Callable[..., Dataset], grey: "Recipe", changes: list[str], *, quiet: bool
) -> tuple["Recipe", Dataset]:
    """Reads DATA for which no recipe is named, and takes the one for photos where it has some."""
    dataset = read()
    if dataset.first.images.ndim != 4:
        return grey, dataset
    chosen = _choose_recipe(PHOTO_RECIPE, None, changes, init_from=None)
    say(f"these are photos, so the recipe is {chosen.name}; see hangtag recipes", quiet=quiet)
    if chosen.images.spec != PHOTO_SPEC:
        dataset = read(spec=chosen.images.spec)
    return chosen, dataset


def _describe(dataset: Dataset, recipe: "Recipe") -> None:
    """Tells what is trained on, and what is known to spoil it or its figures."""
    from hangtag.training.init_from import describe_initial_model

    print_overview(dataset)
    began = describe_initial_model(recipe.init_from, dataset).notes if recipe.init_from else ()
    known = (*describe_suppliers(dataset), *describe_classes(dataset))
    for notice in (*dataset.notices, *known, *began):
        say(notice)


def _warn(result: "Result", *, from_scratch: bool, quiet: bool) -> None:
    """Warns of what makes a model weaker than its user may think."""
    if lack := describe_support(
        read_card(result.folder / "model").policy, DEFAULT_TARGET_PRECISION
    ):
        say(f"note: {lack}", quiet=quiet)
    if from_scratch and result.steps < FEW_STEPS:
        say(
            f"note: steps in all: {result.steps}, few for a network from scratch; for small data "
            "try more --epochs and a smaller --set batch_size=...",
            quiet=quiet,
        )


def _tell(result: "Result", *, as_json: bool, quiet: bool) -> None:
    """Tells the figures and, last, the report."""
    if as_json:
        metrics = {name: one.to_json() for name, one in result.evaluations.items()}
        content = {"run": str(result.folder), "report": str(result.report), "metrics": metrics}
        print_json({**content, **({"profile": result.profile} if result.profile else {})})
        return
    if result.profile:
        _tell_profile(result.profile)
    for name, one in result.evaluations.items():
        say(f"{name}: {one.headline()}", quiet=quiet)
    typer.echo(str(result.report))


def _tell_profile(seconds: dict[str, float]) -> None:
    total = sum(seconds.values())
    rows = [[name, f"{part:.1f}", f"{part / total:.1%}"] for name, part in seconds.items()]
    print_table("Where the time of the steps went", ["part", "seconds", "share"], rows)


def _describe_devices() -> str:
    """Says in one line what there is to train on (the seed's module 0)."""
    cards = [f"{gpu['name']} with {int(gpu['memory']) / 2**30:.0f} GiB" for gpu in gpus()]
    return f"{processor()}, {memory() / 2**30:.0f} GiB memory, GPU: {', '.join(cards) or 'none'}"
