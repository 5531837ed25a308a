"""``hangtag evaluate``: the figures of a model on labelled data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

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
from hangtag.cli.datasets import Taxonomy, read_dataset
from hangtag.datasets import (
    BROKEN,
    SPLIT_NAMES,
    Dataset,
    Split,
    write_broken,
)
from hangtag.datasets.dataset import hash_split
from hangtag.datasets.held_out import restore_validation, unpack_fingerprints
from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.evaluation.groups import GroupMetrics, break_down
from hangtag.evaluation.metrics import Accepted, Evaluation, align_split
from hangtag.evaluation.metrics import evaluate as measure
from hangtag.models.card import Card
from hangtag.reports import describe_model, write_report


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
    if out is not None:
        require_extra("report", "evaluate --out")
    from hangtag.models.classifier import Classifier

    _check_grouping(by)
    classifier = Classifier.load(model)
    dataset = read_dataset(
        data, spec=classifier.card.input, offline=offline, quiet=quiet, taxonomy=taxonomy
    )
    held_out = unpack_fingerprints(classifier.card.data.held_out)
    given, dataset = dataset, restore_validation(dataset, held_out)
    name, chosen = _choose_split(dataset, split)
    if by and chosen.suppliers is None:
        raise DataError(f"--by {by}: {dataset.source} has no column 'supplier'; add one")
    restored = dataset is not given
    role = _find_role(chosen, classifier.card) or (name if restored else None)
    chosen = _align(chosen, dataset, classifier.card, taxonomy)
    with progress_bar("predicting", quiet=quiet) as on_progress:
        answers = classifier.run(chosen.images, on_progress=on_progress)
    figures = measure(
        answers.logits,
        answers.ood_scores,
        chosen.labels,
        temperature=classifier.card.calibration.temperature,
        policy=classifier.card.policy,
        suppliers=chosen.suppliers,
    )
    _tell_notes(dataset, name, classifier.card, restored=restored, role=role, quiet=quiet)
    content = {"model": classifier.card.name, "split": name, **figures.to_json()}
    content["notices"] = list(dataset.notices)
    groups: list[GroupMetrics] = []
    probabilities = classifier.calibrate(answers.logits)
    if chosen.suppliers is not None and by:
        groups = break_down(probabilities.argmax(axis=1) == chosen.labels, chosen.suppliers)
        content["by"] = {by: [one.to_json() for one in groups]}
    if out is not None:
        page = write_report(
            out,
            figures,
            chosen,
            probabilities,
            title=f"{classifier.card.name}: {name} split of {dataset.name}",
            details={**describe_model(classifier.card), "Notices": " ".join(dataset.notices)},
            explain=classifier.explain,
            own_rules=role == "validation",
        )
        content["report"] = str(page)
        if dataset.broken:
            write_broken(out / BROKEN, dataset.broken)
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
    own = hash_split(split)
    return next((name for name, known in card.data.splits.items() if known.sha256 == own), None)


def _align(split: Split, dataset: Dataset, card: Card, taxonomy: Path | None) -> Split:
    try:
        return align_split(split, classes=dataset.classes, model_classes=card.class_names)
    except DataError as error:
        own = card.data.taxonomy
        if not own or taxonomy is not None:
            raise
        hint = f"the labels may be of the tree {own.source}: give it by --taxonomy"
        raise DataError(f"{error}; {hint}") from error


def _tell_notes(
    dataset: Dataset, split: str, card: Card, *, restored: bool, role: str | None, quiet: bool
) -> None:
    """Says what flatters the figures, or does the opposite."""
    if restored and split == "validation":
        items = {name: len(one) for name, one in dataset.splits.items()}
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
    if dataset.resized and not card.trained_on_resized:
        say(
            f"note: these images had to be resized, and {card.name} learned from none that had; "
            "what is accepted below, predict leaves for review",
            quiet=quiet,
        )
    for notice in dataset.notices:
        say(notice, quiet=quiet)


def _choose_split(dataset: Dataset, name: str | None) -> tuple[str, Split]:
    """Returns the split asked for; by default test, else validation, else train."""
    splits = dataset.splits
    name = name or next(one for one in reversed(SPLIT_NAMES) if one in splits)
    if name not in splits:
        raise DataError(
            f"--split: {dataset.name} has no split '{name}'; it has {', '.join(splits)}"
        )
    return name, splits[name]


def _check_grouping(by: str | None) -> None:
    if by not in (None, "supplier"):
        raise typer.BadParameter(f"--by: expected supplier, received '{by}'")


def _print_groups(groups: list[GroupMetrics], by: str) -> None:
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
            _describe_need(a.items_needed) if a.threshold is None else f"{a.threshold:.4f}",
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
