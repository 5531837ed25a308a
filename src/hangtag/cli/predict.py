"""``hangtag predict``: a category, a confidence and a decision for each image."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from hangtag import __version__
from hangtag.cli.console import Json, Quiet, print_json, progress_bar, say
from hangtag.decisions.policy import describe_support, stored_precision
from hangtag.decisions.risk_control import DEFAULT_PRECISION, PRECISIONS
from hangtag.errors import OutputError
from hangtag.files.paths import describe_skipped
from hangtag.models.folder import Card
from hangtag.pipeline import (
    AUTO,
    CsvStream,
    Layout,
    Request,
    Router,
    RowByRow,
    RowList,
    Sink,
    Summary,
    find_models,
    open_output,
    part_of,
    predict_rows,
    require_format,
)
from hangtag.readers import Decoders, Input, Inputs, Item, open_inputs
from hangtag.reports.saliency import (
    discard_saliency_maps,
    publish_saliency_maps,
    saliency_folder,
    write_saliency_map,
)


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
        typer.Option(min=0.5, max=PRECISIONS[-1], help="What to promise for the accepted items."),
    ] = DEFAULT_PRECISION,
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
    _check_options(inputs, out, resume=resume, explain=explain)
    opened = open_inputs(inputs)
    for note in opened.notes:
        say(note, quiet=quiet)
    with Decoders(workers) as decoders:
        if opened.files:
            decoders.start(opened.files)  # They get ready while the model is loaded.
        router = _open_router(model, precision, quiet=quiet)
        layout = Layout(opened.columns, explained=explain)
        explained = out if explain else None
        work = _Work(router, precision, opened, decoders, layout, quiet, explained)
        rows: list[dict[str, Any]] = []
        if out is not None:
            summary = _write_file(work, out, resume=resume)
        elif as_json:
            summary, rows = _collect(work)
        else:
            summary = work.run(CsvStream(sys.stdout, work.layout))
    skipped = describe_skipped(opened.skipped, before="; passed over in folders: ")
    say(summary.describe() + skipped, quiet=quiet)
    if as_json:
        print_json(_summarise(work, summary, {"out": str(out)} if out else {"rows": rows}))
    elif out is not None:
        typer.echo(str(out))
    if summary.errors and summary.errors == summary.rows:
        raise typer.Exit(2)


@dataclass(frozen=True, slots=True)
class _Work:
    """All that is needed to make rows; `explained` is the output that gets saliency maps."""

    router: Router
    precision: float
    inputs: Inputs
    decoders: Decoders
    layout: Layout
    quiet: bool
    explained: Path | None

    def run(self, sink: Sink, items: Iterator[Item] | None = None) -> Summary:
        """Sends the rows of all inputs, or of `items`, to `sink`, and shows how far it is."""
        items = self.inputs.read(*self.router.sizes) if items is None else items
        decoded = self.decoders.decode(items, **self.router.decoding)
        decoded = _tell_fitted(decoded, self.router.cards[-1], quiet=self.quiet)
        with progress_bar("predicting", quiet=self.quiet, unit="images") as on_progress:
            on_progress(sink.summary.rows, self.inputs.total)
            if self.explained:
                draw = partial(write_saliency_map, self.explained, self.router.explain)
                sink = RowByRow(sink, draw, lambda rows: on_progress(rows, self.inputs.total))
            for rows in predict_rows(self.router.predict, decoded):
                sink.write(rows)
                on_progress(sink.summary.rows, self.inputs.total)
        return sink.summary


def _open_router(model: str, precision: float, *, quiet: bool) -> Router:
    """Opens the models; refuses a precision that none promises before any work."""

    def tell_lack(card: Card) -> None:
        if lack := describe_support(card.rules, precision):
            say(f"note: {card.name}: {lack}", quiet=quiet)

    router = Router(find_models(model), precision=precision, on_open=tell_lack)
    for card in router.cards:
        stored_precision(card.rules, precision)
    router.get_ready()
    return router


def _tell_fitted(decoded: Iterator[Input], card: Card, *, quiet: bool) -> Iterator[Input]:
    """Passes inputs on; says once if some are resized to a model that learned from none like it."""
    told = card.trained_on_resized
    for one in decoded:
        if one.resized and not told:
            told = True
            size = f"{card.input.height}x{card.input.width}"
            say(
                f"note: there are images that are not {size} pixels; {card.name} learned from none "
                "that had to be resized, is a poor judge of photos, and accepts none of them",
                quiet=quiet,
            )
        yield one


def _check_options(inputs: list[str], out: Path | None, *, resume: bool, explain: bool) -> None:
    if out is None:
        if resume or explain:
            option = "--resume" if resume else "--explain"
            raise OutputError(f"{option} needs --out; name the output")
        return
    require_format(out)
    if any(os.path.exists(name) and out.exists() and out.samefile(name) for name in inputs):
        raise OutputError(f"--out {out} is one of the inputs; choose another name")
    if explain and any(_lies_below(out, name) for name in inputs):
        raise OutputError(
            f"--out {out} lies in a folder of the inputs, which the saliency maps of --explain "
            "would join; choose another place"
        )


def _lies_below(out: Path, folder: str) -> bool:
    return os.path.isdir(folder) and Path(folder).resolve() in out.resolve().parents


def _write_file(work: _Work, out: Path, *, resume: bool) -> Summary:
    request = Request(
        inputs=work.inputs.arguments,
        total=work.inputs.total,
        model=[card.sha256 for card in work.router.cards],
        precision=work.precision,
        explained=work.explained is not None,
        version=__version__,
    )
    if work.explained and not resume:
        discard_saliency_maps(out)
    try:
        with open_output(out, work.layout, request, resume=resume) as output:
            work.run(output, output.skip_done(work.inputs.read(*work.router.sizes)))
        if work.explained:
            publish_saliency_maps(out)
    except KeyboardInterrupt:
        begun = part_of(out).exists()
        then = "the same command with --resume goes on" if begun else "nothing was written"
        say(f"interrupted; {then}", quiet=work.quiet)
        raise typer.Exit(130) from None
    return output.summary


def _summarise(work: _Work, summary: Summary, result: dict[str, Any]) -> dict[str, Any]:
    counts = {
        "n": summary.rows,
        "decisions": dict(summary.decisions),
        "models": dict(summary.models),
        "errors": summary.errors,
        "faults": dict(summary.faults),
        "skipped": dict(work.inputs.skipped),
    }
    basis = {
        "model": work.router.name,
        "cards": [card.sha256 for card in work.router.cards],
        "version": __version__,
        "precision": work.precision,
        "promised": float(stored_precision(work.router.cards[0].rules, work.precision)),
    }
    maps = {"saliency_maps": str(saliency_folder(work.explained))} if work.explained else {}
    return {**basis, **counts, **result, **maps}


def _collect(work: _Work) -> tuple[Summary, list[dict[str, Any]]]:
    kept = RowList(work.layout)
    return work.run(kept), kept.rows
