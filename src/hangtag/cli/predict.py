"""``hangtag predict``: a category, a confidence and a decision for each image."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import Json, Quiet, print_json, print_result, progress_bar, say
from hangtag.decisions.risk_control import DEFAULT_TARGET_PRECISION, TARGET_PRECISIONS
from hangtag.environment import require_extra
from hangtag.files.paths import describe_skipped
from hangtag.models.router import AUTO
from hangtag.pipeline import PredictionJob, PredictorConfig, part_of, run_prediction

if TYPE_CHECKING:
    from hangtag.pipeline.run import Explainer


def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Images, folders, patterns, .npy and IDX files, pixel CSVs, manifests, or - for "
            "a list of paths on stdin.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="A shipped model, a model or a run folder; auto takes clothing-photos for photos "
            "and fashion-mnist for grey images of 28x28 pixels."
        ),
    ] = AUTO,
    out: Annotated[
        Path | None,
        typer.Option(help="A .csv, .jsonl or .parquet file. (default: CSV on stdout)"),
    ] = None,
    precision: Annotated[
        float,
        typer.Option(
            min=0.5, max=TARGET_PRECISIONS[-1], help="What to promise for the accepted items."
        ),
    ] = DEFAULT_TARGET_PRECISION,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted --out.", show_default=False)
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Draw a saliency map for each image into OUT.saliency/: a second or two each.",
            show_default=False,
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes that decode images. (default: one a core, at most 8)",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Categorises images; one that cannot be read becomes a row with its error.

    The decision is accept (all accepted items together keep the precision),
    parent (only the category in column parent does, such as "Upper body"),
    review (a person must see it), unknown (unlike the training data) or error.
    The category is always the most probable class.

    Column model says which model looked at it. For a model of grey images a
    photo becomes bright on black and of the model's size by the steps that
    `hangtag explore --photo FILE` draws; one that did not learn from such images
    is a poor judge of them, and accepts none.

    The columns of a manifest are passed through. Ctrl-C leaves what --resume
    goes on with. Exit code 2 where none of the inputs can be read.

    \b
    For example:
      hangtag predict photos/ 'more/*.png' --out categories.csv
      hangtag predict feed.parquet --precision 0.99 --out categories.parquet
      hangtag predict doubtful/ --out doubtful.csv --explain
      ls photos/*.jpg | hangtag predict - --model runs/mine
    """
    job = PredictionJob(
        inputs,
        PredictorConfig(model, workers),
        precision,
        out=out or (None if as_json else sys.stdout),
        resume=resume,
        explainer=_load_explainer() if explain else None,
    )
    try:
        with progress_bar("predicting", quiet=quiet, unit="images") as on_progress:
            report = run_prediction(
                job,
                on_note=lambda note: say(f"note: {note}", quiet=quiet),
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        if out is None:
            raise
        begun = part_of(out).exists()
        then = "the same command with --resume goes on" if begun else "nothing was written"
        say(f"interrupted; {then}", quiet=quiet)
        raise typer.Exit(130) from None
    skipped = describe_skipped(report.skipped, before="; skipped in folders: ")
    say(report.summary.describe() + skipped, quiet=quiet)
    if as_json:
        result = {"out": str(out)} if out else {"rows": report.rows}
        print_json({**report.to_json(), **result, **_name_saliency_folder(out, explain)})
    elif out is not None:
        print_result(str(out))
    if report.summary.errors == report.summary.rows > 0:
        raise typer.Exit(2)


def _load_explainer() -> "Explainer":
    require_extra("report", "--explain")
    from hangtag.reports.saliency import SALIENCY_MAPS

    return SALIENCY_MAPS


def _name_saliency_folder(out: Path | None, explain: bool) -> dict[str, str]:
    if out is None or not explain:
        return {}
    from hangtag.reports.saliency import saliency_folder

    return {"saliency_maps": str(saliency_folder(out))}
