"""The exploration of a dataset as a page: ``explore.html`` with its figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from hangtag.datasets.dataset import Dataset
from hangtag.datasets.image_quality import QUALITY_LIMITS, ImageQuality, QualityIssue
from hangtag.datasets.near_duplicates import PhotoDuplicate
from hangtag.datasets.photos import Photo
from hangtag.files.atomic import write_bytes, write_text
from hangtag.reports.exploration import Exploration
from hangtag.reports.mosaics import (
    MOST_CLASSES,
    AugmentedCopies,
    draw_augmented,
    draw_class_examples,
    draw_class_means,
    largest_classes,
)
from hangtag.reports.pages import Picture, encode_image, render_page
from hangtag.reports.style import INK, SERIES, drawing_style, new_figure, png_of, shorten, shrink

MOST_SUPPLIERS = 20
"""Number of suppliers on the page, the largest."""

_FIRST_PHOTOS = 5
"""Rows of the table of photos on the page."""

_PHOTOS_PER_FAULT, _PAIRS_OF_COPIES = 12, 24
"""Photos in the gallery of a fault, and pairs in the gallery of copies."""

_BIN_WIDTH = 8
"""Pixel values in a bar of the histogram."""


@dataclass(frozen=True, slots=True)
class FaultGallery:
    """The photos with one fault.

    Attributes:
        fault: Name of the fault.
        meaning: What is measured, and the threshold.
        count: Number of photos that have it.
        shown: The worst of them: value, photo, thumbnail.
    """

    fault: str
    meaning: str
    count: int
    shown: list[tuple[str, Photo, Picture]]


def write_exploration(
    folder: Path,
    dataset: Dataset,
    exploration: Exploration,
    *,
    augmented: AugmentedCopies | None = None,
    quality: ImageQuality | None = None,
) -> Path:
    """Writes ``explore.html`` and ``figures/*.png`` into `folder`.

    Args:
        folder: Where to write; made where missing.
        dataset: The images.
        exploration: The numbers, as `measure_dataset` returns them for `dataset`.
        augmented: Images with augmented copies, to show side by side.
        quality: The faults and copies in a dataset of photos.

    Returns:
        The path of the page, which needs no other file.

    Raises:
        OutputError: A file cannot be written.
    """
    pictures = _draw_pictures(dataset, exploration, augmented)
    for name, picture in pictures.items():
        write_bytes(folder / "figures" / f"{name}.png", picture.file)
    page = folder / "explore.html"
    content = render_page(
        "explore",
        exploration=exploration,
        pictures=pictures,
        augmented=augmented,
        split_sizes=", ".join(f"{split.n:,} {name}" for name, split in exploration.splits.items()),
        head_gaps=_gaps_in(exploration.head.columns) if exploration.head else set(),
        quality=quality,
        first_photos=quality.photos.items[:_FIRST_PHOTOS] if quality else [],
        faults=show_faults(quality) if quality else [],
        copies=show_copies(quality) if quality else [],
        most_classes=MOST_CLASSES,
        most_suppliers=MOST_SUPPLIERS,
    )
    write_text(page, content)
    return page


def _gaps_in(columns: tuple[str, ...]) -> set[int]:
    """Returns the positions after which the table leaves columns out."""
    pixels = [int(column.removeprefix("pixel")) for column in columns[1:]]
    steps = enumerate(pairwise(pixels), 1)
    return {position for position, (pixel, following) in steps if following > pixel + 1}


def _draw_pictures(
    dataset: Dataset, exploration: Exploration, augmented: AugmentedCopies | None
) -> dict[str, Picture]:
    pictures = {
        "class_examples": Picture(
            draw_class_examples(dataset),
            "A row of ten images for each class",
            "Ten random images of each class. A model will confuse classes that look alike here.",
        ),
        "class_means": Picture(
            draw_class_means(dataset),
            "The mean image of each class",
            "The mean of all images of a class. The mean is sharp where the images of a class look "
            "alike. Classes with similar means are easily confused.",
        ),
        "pixel_histogram": Picture(
            draw_pixel_histogram(exploration),
            "Histogram of the pixel values of each split",
            "How often each pixel value occurs, on a logarithmic scale. The lines of the splits "
            "should coincide; a gap means that the splits were made differently.",
        ),
        "class_balance": Picture(
            draw_class_balance(exploration, largest_classes(dataset).tolist()),
            "Fraction of each class in each split",
            "The fraction of each class. With unequal bars accuracy hides errors in rare classes; "
            "look at macro F1 as well.",
        ),
    }
    if augmented is not None:
        pictures["augmentation"] = Picture(
            draw_augmented(augmented),
            "Training images beside augmented copies of them",
            "Left the original, right what the training sees instead, drawn anew each epoch. If a "
            "person cannot name a copy, the augmentation is too strong.",
        )
    return pictures


def draw_pixel_histogram(exploration: Exploration) -> bytes:
    """Draws the distribution of the pixel values of each split; returns a PNG file."""
    from matplotlib.ticker import LogLocator, NullLocator

    edges = np.arange(0, 257, _BIN_WIDTH)
    fractions = {
        name: np.array(split.histogram).reshape(-1, _BIN_WIDTH).sum(axis=1) / sum(split.histogram)
        for name, split in exploration.splits.items()
    }
    smallest = min(fraction[fraction > 0].min() for fraction in fractions.values())
    with drawing_style():
        figure = new_figure(4.2, 2.7)
        axes = figure.add_subplot()
        for (name, fraction), colour in zip(fractions.items(), SERIES, strict=False):
            axes.stairs(fraction, edges, color=colour, lw=1.6, label=name)
        axes.set_yscale("log")
        axes.set_ylim(smallest / 2, 1)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(_format_percent)
        axes.set_xticks([0, 64, 128, 192, 255])
        axes.set_title("Pixel values")
        axes.set_xlabel(f"value, in steps of {_BIN_WIDTH}")
        axes.set_ylabel("fraction of the pixels")
        axes.legend(labelcolor=INK)
        return png_of(figure)


def draw_class_balance(exploration: Exploration, classes: Sequence[int]) -> bytes:
    """Draws the fraction of each of `classes` in each split as bars; returns a PNG file."""
    names = [exploration.classes[label] for label in classes]
    splits = list(exploration.splits.items())
    height = 0.8 / len(splits)
    with drawing_style():
        figure = new_figure(3.6, 0.4 + 0.24 * len(names))
        axes = figure.add_subplot()
        for (position, (name, split)), colour in zip(enumerate(splits), SERIES, strict=False):
            fractions = [split.counts[label] / split.n for label in names]
            places = np.arange(len(names)) + (position - (len(splits) - 1) / 2) * height
            axes.barh(places, fractions, height * 0.9, color=colour, label=name)
        axes.set_yticks(range(len(names)), [shorten(name, 18) for name in names], color=INK)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(_format_percent)
        axes.set_title("Class balance")
        axes.set_xlabel("fraction of the split")
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=len(splits), labelcolor=INK, borderpad=0
        )
        return png_of(figure)


def _format_percent(fraction: float, _position: float) -> str:
    return f"{100 * fraction:.3g} %"


def show_faults(quality: ImageQuality) -> list[FaultGallery]:
    """Returns a gallery for each fault that occurs."""
    galleries = []
    for fault, count in quality.issue_counts.items():
        found = [issue for issue in quality.issues if issue.kind == fault]
        if found:
            shown = [_show(quality, issue) for issue in found[:_PHOTOS_PER_FAULT]]
            galleries.append(FaultGallery(fault, QUALITY_LIMITS[fault].describe(), count, shown))
    return galleries


def show_copies(
    quality: ImageQuality,
) -> list[tuple[PhotoDuplicate, tuple[Photo, Picture], tuple[Photo, Picture]]]:
    """Returns the worst copies, each with the earlier photo and its copy."""
    return [
        (
            copy,
            (quality.photos.items[copy.other], _thumbnail(quality, copy.other)),
            (quality.photos.items[copy.position], _thumbnail(quality, copy.position)),
        )
        for copy in quality.duplicates[:_PAIRS_OF_COPIES]
    ]


def _show(quality: ImageQuality, issue: QualityIssue) -> tuple[str, Photo, Picture]:
    photo = quality.photos.items[issue.position]
    return f"{issue.value:.3g}", photo, _thumbnail(quality, issue.position)


def _thumbnail(quality: ImageQuality, position: int) -> Picture:
    pixels = shrink(quality.photos.picture(position))
    return Picture(encode_image(pixels), f"Photo {quality.photos.items[position].id}")
