"""``hangtag evaluate``: the metrics of a model on labelled data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

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
from hangtag.cli.datasets import Taxonomy, read_dataset
from hangtag.datasets import BROKEN, write_broken
from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.evaluation.groups import GroupMetrics
from hangtag.evaluation.metrics import Accepted, Evaluation
from hangtag.evaluation.model_evaluation import ModelEvaluation, evaluate_model
from hangtag.models.classifier import Classifier


def evaluate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A shipped model, a model or a run folder.")
    ],
    data: Annotated[str, typer.Argument(metavar="DATA", help="A name, a folder or a table.")],
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
    """Evaluates a model: accuracy, loss, confusions, calibration, automation.

    Where DATA has no validation split, the images that were held out when the
    model was trained become one. Intervals are 95 %, over suppliers where known.

    \b
    For example:
      hangtag evaluate fashion-mnist fashion-mnist --split test
      hangtag evaluate runs/mine my-folders/ --out report
      hangtag evaluate runs/mine feed.csv --split validation --by supplier
    """
    if out is not None:
        require_extra("report", "evaluate --out")
    _check_grouping(by)
    classifier = Classifier.load(model)
    dataset = read_dataset(
        data, spec=classifier.card.input, offline=offline, quiet=quiet, taxonomy=taxonomy
    )
    with progress_bar("predicting", quiet=quiet) as on_progress:
        found = evaluate_model(classifier, dataset, split=split, on_progress=on_progress)
    if by and found.images.suppliers is None:
        raise DataError(f"--by {by}: {dataset.source} has no column 'supplier'; add one")
    for note in found.notes:
        say(f"note: {note}", quiet=quiet)
    for notice in found.dataset.notices:
        say(notice, quiet=quiet)
    content = found.to_json()
    if by:
        content["by"] = {by: [group.to_json() for group in found.suppliers]}
    if out is not None:
        content["report"] = str(_write_report(out, found, classifier))
    if as_json:
        print_json(content)
        return
    _print_metrics(found.metrics, found.split)
    if by and found.suppliers:
        _print_groups(found.suppliers, by)
    if out is not None:
        print_result(content["report"])


def _write_report(out: Path, found: ModelEvaluation, classifier: Classifier) -> Path:
    from hangtag.reports import describe_model, write_report

    notices = " ".join(found.dataset.notices)
    page = write_report(
        out,
        found.metrics,
        found.images,
        found.probabilities,
        title=f"{found.model}: {found.split} split of {found.dataset.name}",
        details={**describe_model(classifier.card), "Notices": notices},
        explain=classifier.explain,
        own_rules=found.sets_thresholds,
    )
    if found.dataset.broken:
        write_broken(out / BROKEN, found.dataset.broken)
    return page


def _check_grouping(by: str | None) -> None:
    if by not in (None, "supplier"):
        raise typer.BadParameter(f"--by: expected supplier, received '{by}'")


def _print_groups(groups: Sequence[GroupMetrics], by: str) -> None:
    rows = [
        [
            group.name,
            f"{group.n:,}",
            f"{group.accuracy:.4f}",
            f"{group.low:.4f} to {group.high:.4f}",
        ]
        for group in groups
    ]
    print_table(f"Accuracy by {by}, worst first", [by, "items", "accuracy", "95 % interval"], rows)


def _describe_need(needed: int | None) -> str:
    return f"needs {needed:,} held-out items" if needed else "needs a better model"


def _describe_lowest(per_class: Mapping[str, Accepted]) -> str:
    """Names the class with the lowest precision: the target is for all classes together."""
    found = [
        (figures.precision, name)
        for name, figures in per_class.items()
        if figures.precision is not None
    ]
    return "-" if not found else f"{min(found)[1]} {min(found)[0]:.1%}"


def _format_figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _print_metrics(figures: Evaluation, split: str) -> None:
    rows = [
        [name, *map(_format_figure, (c.precision, c.recall, c.f1)), f"{c.support:,}"]
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
    columns = ["target precision", "threshold", "accepted", "precision", "least precise class"]
    print_table("Automation", columns, rows)
    print_result("Worst confusions: " + "; ".join(map(str, figures.worst_confusions())))
    print_result(
        f"balanced accuracy {figures.balanced_accuracy:.4f}, calibration error {figures.ece:.4f}"
    )
    print_result(f"{split}: {figures.headline()}")
