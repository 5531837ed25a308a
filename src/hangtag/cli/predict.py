"""``hangtag predict``: predicts the category of images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import (
    Json,
    Quiet,
    ResultStream,
    print_json,
    print_result,
    progress_bar,
    say,
)
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
            metavar="INPUT",
            help="Images, folders, patterns, tables with a column image, .npy and IDX files, pixel "
            "CSVs; - reads paths from stdin.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="Name of a shipped model, or a model or run folder. auto uses clothing-photos for "
            "photos and fashion-mnist for grey images of 28x28 pixels."
        ),
    ] = AUTO,
    out: Annotated[
        Path | None,
        typer.Option(help="Output file: .csv, .jsonl or .parquet. (default: CSV on stdout)"),
    ] = None,
    precision: Annotated[
        float,
        typer.Option(
            min=0.5, max=TARGET_PRECISIONS[-1], help="Target precision of accepted predictions."
        ),
    ] = DEFAULT_TARGET_PRECISION,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted --out.", show_default=False)
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Draw a saliency map for each image, into OUT.saliency/ (1-2 s each).",
            show_default=False,
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Decoder processes. (default: one for each core, at most 8)",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predicts the category of images.

    Writes one row for each image, in order. The category is always the most
    probable class. The decision is one of:

    \b
      accept   accepted predictions together keep the target precision
      parent   only the category in column parent keeps it, such as "Upper body"
      review   a person should look
      unknown  unlike the training data
      error    the image cannot be read

    Column model names the model that was used. Models of grey images prepare
    photos by the steps that `hangtag explore --photo FILE` draws. A model that
    was not trained on resized images accepts none of them.

    The columns of a table are passed through. After Ctrl-C, --resume continues.
    The exit code is 2 if no image can be read.

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
        out=out or (None if as_json else ResultStream()),
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
