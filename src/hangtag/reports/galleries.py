"""Galleries of predictions: selects images and draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.reports.mosaics import show_tiles, tile
from hangtag.reports.style import (
    GREEN,
    INK,
    MUTED,
    ORANGE,
    drawing_style,
    new_figure,
    png_of,
    shorten,
    shrink,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 6


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image with its label and its prediction.

    Attributes:
        image: Pixels, (H, W) uint8, in colour (H, W, 3); at most 224 pixels long.
        id: Name of the image in its source.
        true: Name of its class.
        predicted: Name of the most probable class.
        confidence: Probability of that class, 0-1.
    """

    image: NDArray[np.uint8]
    id: str
    true: str
    predicted: str
    confidence: float

    @property
    def confidence_text(self) -> str:
        """The confidence in percent, rounded down, so that only certainty is 100 %."""
        return f"{floor(1000 * self.confidence) / 10:.1f}\u00a0%"

    @property
    def correct(self) -> bool:
        """Whether the prediction is the label."""
        return self.true == self.predicted


def make_gallery_images(
    split: Split,
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    chosen: NDArray[np.intp],
) -> list[GalleryImage]:
    """Returns the images at the indices `chosen` (M,) with their predictions.

    Args:
        split: The images, N.
        probabilities: Of the model, (N, K).
        classes: Class names, K.
        chosen: Positions in the split, (M,).
    """
    return [
        GalleryImage(
            image=shrink(split.images[index]),
            id=str(split.ids[index]),
            true=classes[split.labels[index]],
            predicted=classes[probabilities[index].argmax()],
            confidence=float(probabilities[index].max()),
        )
        for index in chosen
    ]


def pick_incorrect(
    split: Split, probabilities: NDArray[np.float64], classes: Sequence[str], *, count: int = 24
) -> list[GalleryImage]:
    """Picks the `count` most confident mistakes; `probabilities` are (N, K)."""
    chosen = find_confident_mistakes(split, probabilities, count=count)
    return make_gallery_images(split, probabilities, classes, chosen)


def find_confident_mistakes(
    split: Split, probabilities: NDArray[np.float64], *, count: int
) -> NDArray[np.intp]:
    """Returns the positions of the `count` most confident mistakes, the most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != split.labels)
    confidence = probabilities[wrong].max(axis=1)
    chosen: NDArray[np.intp] = wrong[np.argsort(-confidence, kind="stable")[:count]]
    return chosen


def pick_correct(
    split: Split,
    probabilities: NDArray[np.float64],
    classes: Sequence[str],
    *,
    count: int = 24,
    seed: int = 0,
) -> list[GalleryImage]:
    """Picks `count` correct predictions at random, as evenly over the classes as possible."""
    right = np.flatnonzero(probabilities.argmax(axis=1) == split.labels)
    shuffled = np.random.default_rng(seed).permutation(right)
    labels = split.labels[shuffled]
    turns = np.zeros(len(shuffled), dtype=np.intp)
    for label in np.unique(labels):
        members = labels == label
        turns[members] = np.arange(members.sum())
    chosen = shuffled[np.lexsort((labels, turns))[:count]]
    return make_gallery_images(split, probabilities, classes, chosen)


def draw_gallery(images: Sequence[GalleryImage], *, title: str) -> bytes:
    """Draws images with true class, predicted class and confidence; returns a PNG file."""
    with drawing_style():
        if not images:
            return _draw_nothing(title)
        height, width, *channels = images[0].image.shape
        rows = -(-len(images) // _COLUMNS)
        gap = (round(0.42 * height), round(0.36 * width))
        grid = np.full((rows * _COLUMNS, height, width, *channels), np.nan)
        grid[: len(images)] = [shown.image for shown in images]
        sheet = tile(grid.reshape(rows, _COLUMNS, *grid.shape[1:]), gap=gap)
        figure = new_figure(9, 9 * len(sheet) / sheet.shape[1])
        axes = figure.add_subplot()
        show_tiles(axes, sheet)
        axes.set_title(title)
        for position, shown in enumerate(images):
            row, column = divmod(position, _COLUMNS)
            x, y = column * (width + gap[1]) + width / 2, row * (height + gap[0]) + height
            _write_caption(axes, shown, x, y)
        return png_of(figure)


def _write_caption(axes: "Axes", image: GalleryImage, x: float, y: float) -> None:
    verdict = f"{shorten(image.predicted, 12)} {image.confidence_text}"
    colour = GREEN if image.correct else ORANGE
    lines = ((f"true: {shorten(image.true, 15)}", INK, "normal"), (verdict, colour, "bold"))
    for position, (text, shade, weight) in enumerate(lines):
        axes.annotate(
            text,
            (x, y),
            (0, -3 - 11 * position),
            textcoords="offset points",
            annotation_clip=False,  # the lowest captions stand outside the axes
            ha="center",
            va="top",
            color=shade,
            fontsize=8,
            weight=weight,
        )


def _draw_nothing(title: str) -> bytes:
    figure = new_figure(9.4, 1.4)
    figure.suptitle(title, x=0.02, ha="left", weight="bold", fontsize=12)
    figure.text(0.02, 0.5, "none", color=MUTED)
    return png_of(figure)
