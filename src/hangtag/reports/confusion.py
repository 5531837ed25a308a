"""Confusions: the matrix in counts and percent, and the most confused classes in pictures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.evaluation.metrics import Confusion, Evaluation
from hangtag.reports.galleries import GalleryImage, make_gallery_images
from hangtag.reports.style import (
    INK,
    clear_frame,
    drawing_style,
    new_figure,
    new_sheet,
    png_of,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["counts", "percent"]

_TITLES = {"counts": "Number of images", "percent": "Percent of the true class"}

_MOST_NUMBERED = 25
"""Above this many classes the cells are too small for their numbers."""

_MOST_NAMED = 60
"""Above this many classes the rows are too low for their names."""

_MISTAKES, _TYPICAL = 3, 3
"""Pictures on each side of a confused pair."""


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that the model confuses.

    Attributes:
        confusion: The classes and the number of mistakes.
        mistakes: Images of the true class predicted as the other, the most confident first.
        typical: Images of the other class predicted correctly, the most confident first.
    """

    confusion: Confusion
    mistakes: list[GalleryImage]
    typical: list[GalleryImage]


def draw_confusion_matrix(evaluation: Evaluation) -> bytes:
    """Draws counts and row percent side by side; returns a PNG file."""
    size = _panel_size(len(evaluation.classes))
    with drawing_style():
        figure = new_sheet(2 * size + 2, size + 1)
        left, right = figure.subplots(1, 2)
        _fill_panel(left, evaluation, "counts")
        _fill_panel(right, evaluation, "percent")
        return png_of(figure)


def draw_confusion_panel(evaluation: Evaluation, kind: Kind) -> bytes:
    """Draws the confusion matrix in one way; returns a PNG file."""
    size = _panel_size(len(evaluation.classes))
    with drawing_style():
        figure = new_figure(size, size)
        _fill_panel(figure.add_subplot(), evaluation, kind)
        return png_of(figure)


def pick_confused_pairs(
    evaluation: Evaluation, split: Split, probabilities: NDArray[np.float64], *, count: int = 6
) -> list[ConfusedPair]:
    """Picks images of the `count` most frequent confusions; `probabilities` are (N, K)."""
    predictions = probabilities.argmax(axis=1)
    index = {name: label for label, name in enumerate(evaluation.classes)}

    def pick(true: int, predicted: int, most: int) -> list[GalleryImage]:
        members = np.flatnonzero((split.labels == true) & (predictions == predicted))
        order = np.argsort(-probabilities[members, predicted], kind="stable")[:most]
        return make_gallery_images(split, probabilities, evaluation.classes, members[order])

    return [
        ConfusedPair(
            confusion,
            pick(index[confusion.true], index[confusion.predicted], _MISTAKES),
            pick(index[confusion.predicted], index[confusion.predicted], _TYPICAL),
        )
        for confusion in evaluation.worst_confusions(count)
    ]


def row_percent(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns `matrix` (K, K) as percent of each row's sum; an empty row is all 0."""
    sums = matrix.sum(axis=1, keepdims=True)
    percent: NDArray[np.float64] = 100 * matrix / np.maximum(sums, 1)
    return percent


def _panel_size(classes: int) -> float:
    return float(np.clip(0.35 * classes, 2.4, 12))


def _fill_panel(axes: "Axes", evaluation: Evaluation, kind: Kind) -> None:
    from matplotlib.colors import PowerNorm

    matrix = evaluation.confusion_matrix
    values = row_percent(matrix) if kind == "percent" else matrix.astype(np.float64)
    # The square root keeps single errors visible beside thousands of correct predictions.
    norm = PowerNorm(0.5, vmin=0, vmax=max(float(values.max()), 1.0))
    axes.imshow(values, cmap="Blues", norm=norm)
    clear_frame(axes)
    _name_rows_and_columns(axes, evaluation.classes)
    if len(values) <= _MOST_NUMBERED:
        dark = np.asarray(norm(values)) > 0.55
        _write_cells(axes, values, dark, "{:.1f}" if kind == "percent" else "{:.0f}")
    axes.set_title(_TITLES[kind])
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def _name_rows_and_columns(axes: "Axes", classes: tuple[str, ...]) -> None:
    if len(classes) > _MOST_NAMED:
        return
    names = [shorten(name, 18) for name in classes]
    size = 9 if len(classes) <= _MOST_NUMBERED else 7
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", color=INK, fontsize=size)
    axes.set_yticks(range(len(names)), names, color=INK, fontsize=size)


def _write_cells(
    axes: "Axes", values: NDArray[np.float64], dark: NDArray[np.bool_], form: str
) -> None:
    """Writes the value into each cell that has one; zeros stay blank to let errors stand out."""
    size = 8 if len(values) <= 12 else 6
    for row, column in np.argwhere(values > 0):
        text = form.format(values[row, column])
        colour = "white" if dark[row, column] else INK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
