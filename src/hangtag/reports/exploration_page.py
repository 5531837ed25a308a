"""The exploration of a dataset as a page: ``explore.html`` with its figures."""

from itertools import pairwise
from pathlib import Path

from hangtag.datasets.dataset import Dataset
from hangtag.datasets.screening_api import Screening
from hangtag.files.atomic import write_bytes, write_text
from hangtag.reports.distributions import draw_class_balance, draw_pixel_histogram
from hangtag.reports.exploration import Exploration
from hangtag.reports.mosaics import (
    MOST_CLASSES,
    AugmentedCopies,
    draw_augmented,
    draw_class_examples,
    draw_class_means,
    largest_classes,
)
from hangtag.reports.pages import Picture, render_page
from hangtag.reports.screening_galleries import show_copies, show_faults

MOST_SUPPLIERS = 20
"""The page lists at most this many suppliers, the largest."""


_FIRST_PHOTOS = 5
"""Rows of the table of photos that the page shows."""


def write_exploration(
    folder: Path,
    dataset: Dataset,
    exploration: Exploration,
    *,
    augmented: AugmentedCopies | None = None,
    screening: Screening | None = None,
) -> Path:
    """Writes ``explore.html`` and ``figures/*.png`` into `folder`.

    Args:
        folder: Where to write; made where missing.
        dataset: The images.
        exploration: The numbers, as `explore` gives them for `dataset`.
        augmented: Images with augmented copies, to be shown side by side.
        screening: What was found in the photos of a dataset of photos.

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
        screening=screening,
        first_photos=screening.photos.items[:_FIRST_PHOTOS] if screening else [],
        faults=show_faults(screening) if screening else [],
        copies=show_copies(screening) if screening else [],
        most_classes=MOST_CLASSES,
        most_suppliers=MOST_SUPPLIERS,
    )
    write_text(page, content)
    return page


def _gaps_in(columns: tuple[str, ...]) -> set[int]:
    """Returns the positions after which columns of the table are left out."""
    pixels = [int(column.removeprefix("pixel")) for column in columns[1:]]
    steps = enumerate(pairwise(pixels), 1)
    return {position for position, (one, following) in steps if following > one + 1}


def _draw_pictures(
    dataset: Dataset, exploration: Exploration, augmented: AugmentedCopies | None
) -> dict[str, Picture]:
    pictures = {
        "class_examples": Picture(
            draw_class_examples(dataset),
            "A row of ten images for each class",
            "Ten images of each class, drawn at random. Look for classes that the eye "
            "cannot tell apart: a model will confuse them too.",
        ),
        "class_means": Picture(
            draw_class_means(dataset),
            "The mean image of each class",
            "The mean of all images of a class. A sharp mean is a class whose images "
            "look alike; two means that look alike belong to classes that are easily confused.",
        ),
        "pixel_histogram": Picture(
            draw_pixel_histogram(exploration),
            "Histogram of the pixel values of each split",
            "How often each pixel value occurs, on a logarithmic scale. The splits should lie on "
            "each other; a gap between them means that they were made differently.",
        ),
        "class_balance": Picture(
            draw_class_balance(exploration, largest_classes(dataset).tolist()),
            "Share of each class in each split",
            "The share of each class. Bars of one length mean that accuracy can be read as it "
            "stands; a rare class can be wrong every time without hurting it.",
        ),
    }
    if augmented is not None:
        pictures["augmentation"] = Picture(
            draw_augmented(augmented),
            "Training images beside augmented copies of them",
            "Left the image as it is, right what a training sees instead of it, drawn anew each "
            "epoch. A copy that a person could not name is too much.",
        )
    return pictures
