"""Mosaics of small images: examples, mean images, augmented copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset, Split
from hangtag.reports.style import (
    INK,
    MUTED,
    clear_frame,
    drawing_style,
    new_figure,
    png_of,
    shorten,
    shrink,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES = 40
"""The pictures of a dataset show at most this many classes, the largest."""

_LONGEST = 112
"""Longest side of an example, pixels."""

_EXAMPLES = 10
"""Examples of a class."""

_MEANS_A_ROW = 5

_CHUNK = 1_000
"""Images summed at a time: those that are mapped from a file need not fit into memory."""

_GAP = 2
"""Pixels between neighbouring images."""


@dataclass(frozen=True, slots=True)
class AugmentedCopies:
    """Images as they are and as a training sees them.

    Attributes:
        recipe: The recipe whose augmentation was drawn.
        names: The class of each image, M.
        originals: The images, (M, H, W) uint8, in colour (M, H, W, 3).
        copies: R augmented copies of each, (M, R, H, W) uint8, in colour (M, R, H, W, 3).
    """

    recipe: str
    names: tuple[str, ...]
    originals: NDArray[np.uint8]
    copies: NDArray[np.uint8]


def largest_classes(dataset: Dataset) -> NDArray[np.intp]:
    """Returns the indices of the at most `MOST_CLASSES` largest classes, in index order."""
    classes = len(dataset.classes)
    counts = sum(
        (np.bincount(split.labels, minlength=classes) for split in dataset.splits.values()),
        start=np.zeros(classes, dtype=np.intp),
    )
    return np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])


def tile(images: NDArray[Any], *, gap: tuple[int, int] = (_GAP, _GAP)) -> NDArray[np.float64]:
    """Lays images (R, C, H, W) out in R rows of C, `gap` pixels apart (vertical, horizontal).

    Returns:
        One image, (R * (H + gap) - gap, C * (W + gap) - gap); the gaps are NaN. In colour, both
        have three channels behind.
    """
    rows, columns, height, width, *channels = images.shape
    padded = np.full((rows, columns, height + gap[0], width + gap[1], *channels), np.nan)
    padded[:, :, :height, :width] = images
    whole = (rows * (height + gap[0]), columns * (width + gap[1]), *channels)
    sheet = padded.swapaxes(1, 2).reshape(whole)
    return sheet[: -gap[0] or None, : -gap[1] or None]


def show_tiles(axes: "Axes", sheet: NDArray[np.float64]) -> None:
    """Shows a sheet of `tile`, 0 black and 255 white, gaps as the background."""
    if sheet.ndim == 3:
        gaps = np.isnan(sheet[..., :1])
        sheet = np.concatenate([np.nan_to_num(sheet) / 255, ~gaps], axis=2)  # red to blue, opacity
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    clear_frame(axes)
    axes.set_xticks([])
    axes.set_yticks([])


def draw_class_examples(dataset: Dataset) -> bytes:
    """Draws a row of random images for each class; returns a PNG file."""
    split, classes = dataset.first, largest_classes(dataset)
    rng = np.random.default_rng(0)
    shape = shrink(split.images[0], _LONGEST).shape
    grid = np.full((len(classes), _EXAMPLES, *shape), np.nan)
    for row, label in enumerate(classes):
        members = np.flatnonzero(split.labels == label)
        for column, position in enumerate(rng.permutation(members)[:_EXAMPLES]):
            grid[row, column] = shrink(split.images[position], _LONGEST)
    return _draw_sheet(tile(grid), [dataset.classes[label] for label in classes])


def draw_class_means(dataset: Dataset) -> bytes:
    """Draws the mean image of each class, its name above; returns a PNG file."""
    split, classes = dataset.first, largest_classes(dataset)
    columns = min(_MEANS_A_ROW, len(classes))
    means = class_means(split, classes)
    rows = -(-len(classes) // columns)
    grid = np.full((rows * columns, *means.shape[1:]), np.nan)
    grid[: len(means)] = means
    height, width = grid.shape[1:3]
    caption = round(0.36 * height)
    sheet = tile(grid.reshape(rows, columns, *grid.shape[1:]), gap=(caption, _GAP))
    with drawing_style():
        figure = new_figure(6, 6 * (len(sheet) + caption) / sheet.shape[1])
        axes = figure.add_subplot()
        show_tiles(axes, sheet)
        axes.set_ylim(len(sheet), -caption)
        for position, label in enumerate(classes):
            row, column = divmod(position, columns)
            axes.text(
                column * (width + _GAP) + width / 2,
                row * (height + caption) - 0.1 * height,
                shorten(dataset.classes[label], 14),
                ha="center",
                fontsize=10,
            )
        return png_of(figure)


def class_means(split: Split, classes: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float64]:
    """Returns the mean image of each of `classes`, (K, H, W), in colour (K, H, W, 3).

    A class without images has NaN.
    """
    means = np.full((len(classes), *split.images.shape[1:]), np.nan)
    for position, label in enumerate(classes):
        members = np.flatnonzero(split.labels == label)
        if len(members):
            parts = (
                split.images[part] for part in np.array_split(members, len(members) // _CHUNK + 1)
            )
            means[position] = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / len(
                members
            )
    return means


def draw_augmented(augmented: AugmentedCopies) -> bytes:
    """Draws each original with its augmented copies to the right; returns a PNG file."""
    originals = augmented.originals.astype(np.float64)
    blank = np.full_like(originals[:, :, : originals.shape[2] // 3], np.nan)
    lead = np.concatenate([originals, blank], axis=2)
    sheet = np.concatenate([tile(lead[:, None]), tile(augmented.copies)], axis=1)
    return _draw_sheet(sheet, augmented.names, "original", lead.shape[2] + _GAP)


def _draw_sheet(
    sheet: NDArray[np.float64], names: Sequence[str], lead: str = "", rest_at: float = 0
) -> bytes:
    """Draws a sheet with a name beside each row and, with `lead`, headings over its columns."""
    height, width = sheet.shape[:2]
    with drawing_style():
        figure = new_figure(4.9, 4.9 * height / width)
        axes = figure.add_subplot()
        show_tiles(axes, sheet)
        pitch = (height + _GAP) / len(names)
        middles = [row * pitch + (pitch - _GAP) / 2 for row in range(len(names))]
        axes.set_yticks(middles, [shorten(name, 16) for name in names], color=INK)
        if lead:
            axes.text(0, -_GAP, lead, color=MUTED, fontsize=9)
            axes.text(rest_at, -_GAP, "augmented copies", color=MUTED, fontsize=9)
        return png_of(figure)
