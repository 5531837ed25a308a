"""``hangtag evaluate``: the figures of a model on labelled data."""

from pathlib import Path
from typing import Annotated

import typer

from hangtag.catalogue import Catalogue, Split, open_catalogue
from hangtag.cli.console import Json, Offline, Quiet, print_json, print_table, progress_bar, say
from hangtag.errors import DataError
from hangtag.evaluation import Evaluation, align_split
from hangtag.evaluation import evaluate as measure
from hangtag.report import write_report
from hangtag.report.facts import describe_card


def evaluate(
    model: Annotated[str, typer.Argument(help="A shipped model, a model or a run folder.")],
    data: Annotated[str, typer.Argument(help="A name, a folder, a CSV or a manifest.")],
    split: Annotated[
        str | None, typer.Option(help="Which split.  [default: test, or the only one]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write report.html and figures here.")] = None,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measures a model: accuracy, loss, confusions, calibration, share automated.

    \b
    For example:
      hangtag evaluate fashion-mnist fashion-mnist --split test
      hangtag evaluate runs/mine my-folders/ --out report
    """
    from hangtag.categoriser import Categoriser

    categoriser = Categoriser.load(model)
    with progress_bar("reading data", quiet=quiet) as tick:
        catalogue = open_catalogue(data, offline=offline, on_progress=tick)
    name, chosen = _choose_split(catalogue, split)
    if name == "train":
        say(
            "note: these are training images; a model is flattered by those it learned", quiet=quiet
        )
    chosen = align_split(chosen, classes=catalogue.classes, model_classes=categoriser.classes)
    with progress_bar("predicting", quiet=quiet) as tick:
        answers = categoriser.answer(chosen.images, on_progress=tick)
    figures = measure(
        answers.logits,
        answers.strangeness,
        chosen.labels,
        temperature=categoriser.card.calibration.temperature,
        rules=categoriser.card.rules,
    )
    for notice in catalogue.notices:
        say(notice, quiet=quiet)
    content = {"model": categoriser.card.name, "split": name, **figures.to_json()}
    content["notices"] = list(catalogue.notices)
    if out is not None:
        title = f"{categoriser.card.name}: {name} split of {catalogue.name}"
        facts = {**describe_card(categoriser.card), "Notices": " ".join(catalogue.notices)}
        probabilities = categoriser.probabilities(answers)
        page = write_report(out, figures, chosen, probabilities, title=title, facts=facts)
        content["report"] = str(page)
    if as_json:
        print_json(content)
        return
    _print_figures(figures)
    if out is not None:
        typer.echo(content["report"])


def _choose_split(catalogue: Catalogue, name: str | None) -> tuple[str, Split]:
    """Returns the split asked for; by default test, or the only one there is."""
    splits = catalogue.splits
    if name is None:
        name = "test" if "test" in splits else next(iter(splits)) if len(splits) == 1 else "test"
    if name not in splits:
        raise DataError(
            f"--split: {catalogue.name} has no split '{name}'; it has {', '.join(splits)}"
        )
    return name, splits[name]


def _describe_need(needed: int | None) -> str:
    return f"needs {needed:,} held-out items" if needed else "needs a better model"


def _print_figures(figures: Evaluation) -> None:
    rows = [
        [name, f"{c.precision:.4f}", f"{c.recall:.4f}", f"{c.f1:.4f}", f"{c.support:,}"]
        for name, c in figures.per_class.items()
    ]
    print_table("Classification report", ["class", "precision", "recall", "F1", "items"], rows)
    rows = [
        [
            name,
            _describe_need(a.needed) if a.threshold is None else f"{a.threshold:.4f}",
            f"{a.coverage:.1%}",
            "-" if a.precision is None else f"{a.precision:.2%}",
        ]
        for name, a in figures.automation.items()
    ]
    print_table("Automation", ["promised precision", "threshold", "accepted", "precision"], rows)
    typer.echo("Worst confusions: " + "; ".join(str(one) for one in figures.worst_confusions()))
    typer.echo(
        f"n {figures.n:,}  accuracy {figures.accuracy:.4f}  loss {figures.loss:.4f}  macro F1 "
        f"{figures.macro_f1:.4f}  calibration error {figures.ece:.4f}"
    )
