"""``hangtag evaluate``: the figures of a model on labelled data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from hangtag.breakdown import GroupFigures, break_down
from hangtag.catalogue import (
    BROKEN,
    SPLIT_NAMES,
    Catalogue,
    ImageFormat,
    Split,
    write_broken,
)
from hangtag.catalogue.held_out import HELD_OUT, restore_validation, unpack_fingerprints
from hangtag.catalogue.items import hash_split
from hangtag.cli.catalogues import Taxonomy, read_catalogue
from hangtag.cli.console import (
    Json,
    Offline,
    Quiet,
    folder_option,
    print_json,
    print_table,
    progress_bar,
    say,
)
from hangtag.errors import DataError
from hangtag.evaluation import Accepted, Evaluation, align_split
from hangtag.evaluation import evaluate as measure
from hangtag.modelfolder import Card
from hangtag.report import write_report
from hangtag.report.facts import describe_card


def evaluate(
    model: Annotated[str, typer.Argument(help="A shipped model, a model or a run folder.")],
    data: Annotated[str, typer.Argument(help="A name, a folder, a CSV or a manifest.")],
    split: Annotated[
        str | None, typer.Option(help="Which split. (default: test, else validation, else train)")
    ] = None,
    out: Annotated[
        Path | None,
        folder_option(help="Write report.html and figures here."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="supplier: also the accuracy of each, the worst first.")
    ] = None,
    taxonomy: Taxonomy = None,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measures a model: accuracy, loss, confusions, calibration, share automated.

    Where DATA has no validation split, it is what the model was judged by when it
    was trained on DATA. Intervals are 95 %, over suppliers where they are known.

    \b
    For example:
      hangtag evaluate fashion-mnist fashion-mnist --split test
      hangtag evaluate runs/mine my-folders/ --out report
      hangtag evaluate runs/mine feed.csv --split validation --by supplier
    """
    from hangtag.categoriser import Categoriser

    _check_grouping(by)
    categoriser = Categoriser.load(model)
    size = categoriser.card.input
    format = ImageFormat(size.height, size.width, size.channels)
    catalogue = read_catalogue(data, format=format, offline=offline, quiet=quiet, taxonomy=taxonomy)
    held_out = unpack_fingerprints(categoriser.card.data.get(HELD_OUT, ""))
    given, catalogue = catalogue, restore_validation(catalogue, held_out)
    name, chosen = _choose_split(catalogue, split)
    if by and chosen.suppliers is None:
        raise DataError(f"--by {by}: {catalogue.source} has no column 'supplier'; add one")
    restored = catalogue is not given
    role = _find_role(chosen, categoriser.card) or (name if restored else None)
    chosen = _align(chosen, catalogue, categoriser.card, taxonomy)
    with progress_bar("predicting", quiet=quiet) as tick:
        answers = categoriser.answer(chosen.images, on_progress=tick)
    figures = measure(
        answers.logits,
        answers.strangeness,
        chosen.labels,
        temperature=categoriser.card.calibration.temperature,
        rules=categoriser.card.rules,
        suppliers=chosen.suppliers,
    )
    _tell_notes(catalogue, name, categoriser.card, restored=restored, role=role, quiet=quiet)
    content = {"model": categoriser.card.name, "split": name, **figures.to_json()}
    content["notices"] = list(catalogue.notices)
    groups: list[GroupFigures] = []
    probabilities = categoriser.probabilities(answers)
    if chosen.suppliers is not None and by:
        groups = break_down(probabilities.argmax(axis=1) == chosen.labels, chosen.suppliers)
        content["by"] = {by: [one.to_json() for one in groups]}
    if out is not None:
        page = write_report(
            out,
            figures,
            chosen,
            probabilities,
            title=f"{categoriser.card.name}: {name} split of {catalogue.name}",
            facts={**describe_card(categoriser.card), "Notices": " ".join(catalogue.notices)},
            explain=categoriser.explain,
            own_rules=role == "validation",
        )
        content["report"] = str(page)
        if catalogue.broken:
            write_broken(out / BROKEN, catalogue.broken)
    if as_json:
        print_json(content)
        return
    _print_figures(figures, name)
    if groups:
        _print_groups(groups, by or "group")
    if out is not None:
        typer.echo(content["report"])


def _find_role(split: Split, card: Card) -> str | None:
    """Returns what a split was when the model was made: train, validation, test or nothing."""
    known, own = card.data["splits"], hash_split(split)
    return next((name for name in known if known[name]["sha256"] == own), None)


def _align(split: Split, catalogue: Catalogue, card: Card, taxonomy: Path | None) -> Split:
    try:
        return align_split(split, classes=catalogue.classes, model_classes=card.class_names)
    except DataError as error:
        own = card.data.get("taxonomy")
        if not own or taxonomy is not None:
            raise
        hint = f"the labels may be of the tree {own['source']}: give it by --taxonomy"
        raise DataError(f"{error}; {hint}") from error


def _tell_notes(
    catalogue: Catalogue, split: str, card: Card, *, restored: bool, role: str | None, quiet: bool
) -> None:
    """Says what flatters the figures, or does the opposite."""
    if restored and split == "validation":
        items = {name: len(one) for name, one in catalogue.splits.items()}
        whole = items["validation"] + items.get("train", 0)
        say(
            f"note: of {whole:,} images these {items['validation']:,} were held out when "
            f"{card.name} was trained; the others it may have learned",
            quiet=quiet,
        )
    if role == "validation":
        say("note: the thresholds were set on these images, which flatters them", quiet=quiet)
    elif role == "train":
        say("note: these are training images, and a model is flattered by them", quiet=quiet)
    elif split == "train":
        say(f"note: where {card.name} has learned from these images, they flatter it", quiet=quiet)
    if catalogue.fitted and not card.knows_fitted:
        say(
            f"note: these images had to be fitted, and {card.name} learned from none that had; "
            "what is accepted below, predict leaves for review",
            quiet=quiet,
        )
    for notice in catalogue.notices:
        say(notice, quiet=quiet)


def _choose_split(catalogue: Catalogue, name: str | None) -> tuple[str, Split]:
    """Returns the split asked for; by default test, else validation, else train."""
    splits = catalogue.splits
    name = name or next(one for one in reversed(SPLIT_NAMES) if one in splits)
    if name not in splits:
        raise DataError(
            f"--split: {catalogue.name} has no split '{name}'; it has {', '.join(splits)}"
        )
    return name, splits[name]


def _check_grouping(by: str | None) -> None:
    if by not in (None, "supplier"):
        raise typer.BadParameter(f"--by: expected supplier, received '{by}'")


def _print_groups(groups: list[GroupFigures], by: str) -> None:
    rows = [
        [one.name, f"{one.n:,}", f"{one.accuracy:.4f}", f"{one.low:.4f} to {one.high:.4f}"]
        for one in groups
    ]
    print_table(f"Accuracy by {by}, worst first", [by, "items", "accuracy", "95 % interval"], rows)


def _describe_need(needed: int | None) -> str:
    return f"needs {needed:,} held-out items" if needed else "needs a better model"


def _describe_lowest(per_class: Mapping[str, Accepted]) -> str:
    """Names the class whose accepted items are right least often: a promise is for all together."""
    found = [(one.precision, name) for name, one in per_class.items() if one.precision is not None]
    return "-" if not found else f"{min(found)[1]} {min(found)[0]:.1%}"


def _print_figures(figures: Evaluation, split: str) -> None:
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
            _describe_lowest(a.per_class),
        ]
        for name, a in figures.automation.items()
    ]
    columns = ["promised precision", "threshold", "accepted", "precision", "least precise class"]
    print_table("Automation", columns, rows)
    typer.echo("Worst confusions: " + "; ".join(str(one) for one in figures.worst_confusions()))
    typer.echo(
        f"balanced accuracy {figures.balanced_accuracy:.4f}, calibration error {figures.ece:.4f}"
    )
    typer.echo(f"{split}: {figures.headline()}")
