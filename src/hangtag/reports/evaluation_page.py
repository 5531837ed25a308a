"""The evaluation of a model as a page: ``report.html`` with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.environment import require_extra
from hangtag.evaluation.groups import GroupMetrics, break_down, write_groups
from hangtag.evaluation.metrics import Evaluation
from hangtag.files.atomic import write_bytes, write_text
from hangtag.models.card import Card
from hangtag.progress import describe_duration
from hangtag.reports.calibration import draw_reliability, draw_risk_coverage
from hangtag.reports.confusion import (
    draw_confusion_matrix,
    draw_confusion_panel,
    pick_confused_pairs,
)
from hangtag.reports.curves import History, best_epoch, draw_curve, draw_curves
from hangtag.reports.galleries import GalleryImage, draw_gallery, pick_correct, pick_incorrect
from hangtag.reports.pages import SMALL, Picture, encode_image, render_page
from hangtag.reports.saliency import Explain, explain_mistakes

SUPPLIERS = "suppliers.csv"
"""File beside a report with the figures by supplier."""

SHOWN_SUPPLIERS = 15


@dataclass(frozen=True, slots=True)
class Average:
    """Mean precision, recall and F1 of the classes that occur, each in 0-1.

    Attributes:
        name: ``macro average`` (classes count alike) or ``weighted average`` (images do).
        precision: Mean precision.
        recall: Mean recall.
        f1: Mean F1.
    """

    name: str
    precision: float
    recall: float
    f1: float


def write_report(
    folder: Path,
    evaluation: Evaluation,
    split: Split,
    probabilities: NDArray[np.float64],
    *,
    title: str,
    history: History = (),
    details: Mapping[str, str] | None = None,
    explain: Explain | None = None,
    own_rules: bool = False,
) -> Path:
    """Writes ``report.html`` and its figures into `folder`.

    The figures are ``confusion_matrix.png``, ``reliability.png``, ``risk_coverage.png``,
    ``correct.png``, ``incorrect.png`` and, with a history, ``curves.png``. Where the items name
    suppliers, ``suppliers.csv`` has the accuracy of each, and the page that of the worst.

    Args:
        folder: Where to write; made where missing.
        evaluation: The figures, as `hangtag.evaluation.metrics.evaluate` gives them for the split.
        split: The images that were evaluated, N of them.
        probabilities: Of the model, (N, K), rows summing to 1.
        title: Heading of the page.
        history: A row an epoch: epoch, seconds, lr, loss, accuracy, val_loss, val_accuracy.
        details: How the model and the figures were made: name -> text, in display order.
        explain: The model, to show saliency maps of its most confident mistakes; takes up to
            half a minute.
        own_rules: Whether the thresholds were set on these images.

    Returns:
        The path of the page, which needs no other file.

    Raises:
        MissingExtraError: The extra report is not installed.
        OutputError: A file cannot be written.
    """
    require_extra("report", "a report")
    galleries = {
        "correct": pick_correct(split, probabilities, evaluation.classes),
        "incorrect": pick_incorrect(split, probabilities, evaluation.classes),
    }
    explained = (
        explain_mistakes(split, probabilities, evaluation.classes, explain) if explain else []
    )
    suppliers = _break_down_suppliers(split, probabilities)
    _write_figures(folder, evaluation, galleries, history)
    if suppliers:
        write_groups(folder / SUPPLIERS, suppliers)
    page = folder / "report.html"
    content = render_page(
        "report",
        title=title,
        evaluation=evaluation,
        suppliers=suppliers[:SHOWN_SUPPLIERS],
        supplier_count=len(suppliers),
        averages=average_figures(evaluation),
        confusions=evaluation.worst_confusions(8),
        curves=_draw_curves(history),
        training=_summarise(history),
        matrices=_draw_matrices(evaluation),
        confidence=_draw_confidence(evaluation),
        galleries={name: _thumbnails(images) for name, images in galleries.items()},
        pairs=[
            (pair.confusion, _thumbnails(pair.mistakes), _thumbnails(pair.typical))
            for pair in pick_confused_pairs(evaluation, split, probabilities)
        ],
        explained=[
            (
                *_thumbnails([mistake.shown])[0],
                Picture(encode_image(mistake.overlay), "Saliency map"),
            )
            for mistake in explained
        ],
        small_images=max(split.images.shape[1:3]) <= SMALL,
        details=details or {},
        own_rules=own_rules,
    )
    write_text(page, content)
    return page


def describe_model(card: Card) -> dict[str, str]:
    """Returns what a reader needs to judge or repeat a model: name -> text, in display order."""
    initial = card.lineage.init_from
    splits = card.data.splits.items()
    return {
        "Model": card.name,
        "Recipe": f"{card.lineage.recipe}: {card.lineage.description}",
        "Seed": str(card.lineage.seed),
        "Data": f"{card.data.name}: " + ", ".join(f"{name} {part.n:,}" for name, part in splits),
        **({"Suppliers": " ".join(card.data.supplier_notes)} if card.data.supplier_notes else {}),
        **({"Fine-tuned": " ".join(initial.notes)} if initial else {}),
        "Parameters": f"{card.summary.total:,}, {card.summary.trainable:,} of them trained",
        "Temperature": f"{card.calibration.temperature:.3f}, fitted on "
        f"{card.calibration.n:,} items",
        "Made": card.created,
        "Machine": card.made_by.get("processor", "unknown"),
        "Versions": ", ".join(
            f"{name} {version}" for name, version in card.made_by.items() if name != "processor"
        ),
    }


def _break_down_suppliers(split: Split, probabilities: NDArray[np.float64]) -> list[GroupMetrics]:
    """Returns the figures by supplier, the worst first; none where the items name none."""
    if split.suppliers is None:
        return []
    return break_down(probabilities.argmax(axis=1) == split.labels, split.suppliers)


def average_figures(evaluation: Evaluation) -> list[Average]:
    """Returns the macro and the weighted average of the figures of the classes that occur."""
    rows = [row for row in evaluation.per_class.values() if row.support]
    table = np.array([(row.precision, row.recall, row.f1) for row in rows], np.float64)
    support = np.array([row.support for row in rows])
    absent = len(evaluation.per_class) - len(rows)
    return [
        Average(
            f"macro average{f' ({absent} absent left out)' if absent else ''}",
            *table.mean(axis=0).tolist(),
        ),
        Average("weighted average", *np.average(table, axis=0, weights=support).tolist()),
    ]


def _write_figures(
    folder: Path,
    evaluation: Evaluation,
    galleries: Mapping[str, list[GalleryImage]],
    history: History,
) -> None:
    titles = {
        "correct": "Correct predictions",
        "incorrect": "Incorrect predictions, most confident first",
    }
    figures = {
        "confusion_matrix": draw_confusion_matrix(evaluation),
        "reliability": draw_reliability(evaluation),
        "risk_coverage": draw_risk_coverage(evaluation),
        **{name: draw_gallery(galleries[name], title=title) for name, title in titles.items()},
    }
    if history:
        figures["curves"] = draw_curves(history)
    for name, png in figures.items():
        write_bytes(folder / f"{name}.png", png)


def _summarise(history: History) -> dict[str, str]:
    """Returns the figures of a training to show beside its curves: name -> text."""
    time = describe_duration(sum(row["seconds"] for row in history))
    summary = {"epochs": str(len(history)), "time": time}
    best = best_epoch(history)
    for row in history:
        if row["epoch"] == best:
            summary["best epoch"] = str(best)
            summary["validation loss there"] = f"{row['val_loss']:.4f}"
            summary["validation accuracy there"] = f"{100 * row['val_accuracy']:.2f}\u00a0%"
    return summary


def _draw_curves(history: History) -> list[Picture]:
    """The page has a picture a curve, so that they can stand below each other on a phone."""
    if not history:
        return []
    return [
        Picture(draw_curve(history, "loss"), "Loss of train and validation by epoch"),
        Picture(draw_curve(history, "accuracy"), "Accuracy of train and validation by epoch"),
        Picture(draw_curve(history, "lr"), "Learning rate by epoch"),
    ]


def _draw_matrices(evaluation: Evaluation) -> list[Picture]:
    return [
        Picture(draw_confusion_panel(evaluation, "counts"), "Confusion matrix, number of images"),
        Picture(
            draw_confusion_panel(evaluation, "percent"),
            "Confusion matrix, percent of the true class",
        ),
    ]


def _draw_confidence(evaluation: Evaluation) -> list[Picture]:
    return [
        Picture(draw_reliability(evaluation), "Accuracy by confidence"),
        Picture(
            draw_risk_coverage(evaluation),
            "Error rate of the accepted images by the fraction accepted",
        ),
    ]


def _thumbnails(images: list[GalleryImage]) -> list[tuple[GalleryImage, Picture]]:
    return [(shown, Picture(encode_image(shown.image), f"Image {shown.id}")) for shown in images]
