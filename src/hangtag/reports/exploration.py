"""Numbers that describe a dataset: its table, shapes, classes and pixels."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset, Split
from hangtag.errors import DataError

_HEAD_ROWS = 5

_CHUNK = 2_000_000
"""Pixels counted at a time, so that the 64-bit copy `numpy.bincount` makes stays small."""


@dataclass(frozen=True, slots=True)
class TableHead:
    """The first rows of the table ``label,pixel1..pixelN``, with some of its columns.

    Attributes:
        columns: Names of the columns shown; pixels count from 1, row by row.
        rows: Values of the first rows, as many as `columns` each.
        width: How many columns the whole table has.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    width: int


@dataclass(frozen=True, slots=True)
class SplitFigures:
    """One split in numbers.

    Attributes:
        n: Number of images.
        x_shape: Shape of the pixels as a table, (N, H * W * C).
        y_shape: Shape of the labels as a table, (N, 1).
        image_shape: Shape of the pixels as images, (N, H, W, C); one channel is grey.
        x_dtype: Type of the pixels.
        y_dtype: Type of the labels.
        labels: The class indices that occur.
        counts: Images by class name; 0 for a class without images.
        pixel_mean: Mean pixel, on the scale where 255 is 1.
        pixel_std: Standard deviation of the pixels, on the scale where 255 is 1.
        pixel_min: Smallest pixel, 0-255.
        pixel_max: Largest pixel, 0-255.
        histogram: How many pixels have each value 0-255.
        suppliers: Images by supplier, the largest first; None where the source does not say.
    """

    n: int
    x_shape: tuple[int, int]
    y_shape: tuple[int, int]
    image_shape: tuple[int, int, int, int]
    x_dtype: str
    y_dtype: str
    labels: tuple[int, ...]
    counts: Mapping[str, int]
    pixel_mean: float
    pixel_std: float
    pixel_min: int
    pixel_max: int
    histogram: tuple[int, ...]
    suppliers: Mapping[str, int] | None

    @property
    def distinct_labels(self) -> int:
        """How many classes have at least one image."""
        return len(self.labels)

    @property
    def balance(self) -> float:
        """Size of the smallest class over that of the largest, 0-1; 1 is perfectly even."""
        return min(self.counts.values()) / max(self.counts.values())


@dataclass(frozen=True, slots=True)
class Exploration:
    """A dataset in numbers.

    Attributes:
        name: The dataset's name.
        source: Where it was read from.
        classes: Class names by index.
        head: The first rows of the training table; None for images in colour.
        splits: Figures by split, of the splits that have images.
        notices: Notes on the data, such as duplicates between splits.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    head: TableHead | None
    splits: Mapping[str, SplitFigures]
    notices: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the numbers as plain JSON types."""
        content = asdict(self)
        for name, split in self.splits.items():
            content["splits"][name]["distinct_labels"] = split.distinct_labels
            content["splits"][name]["balance"] = split.balance
        return content


def measure_dataset(dataset: Dataset) -> Exploration:
    """Measures the images and labels of a dataset.

    Raises:
        DataError: The dataset has no images.
    """
    if not len(dataset):
        raise DataError(
            f"cannot explore {dataset.source}: it holds no images; "
            "check that the data set is complete"
        )
    return Exploration(
        name=dataset.name,
        source=dataset.source,
        classes=dataset.classes,
        head=_head_of(dataset.first) if dataset.first.images.ndim == 3 else None,
        splits={
            name: _measure(split, dataset.classes)
            for name, split in dataset.splits.items()
            if len(split)
        },
        notices=dataset.notices,
    )


def _head_of(split: Split) -> TableHead:
    """Shows pixels at the start, in the middle (where garments are) and at the end."""
    x = split.images[:_HEAD_ROWS].reshape(min(len(split), _HEAD_ROWS), -1)
    _, rows, columns = split.images.shape
    width = rows * columns
    middle = rows // 2 * columns + columns // 2
    shown = {0, 1, 2, middle - 1, middle, middle + 1, width - 2, width - 1}
    pixels = sorted(shown & set(range(width)))
    table = np.column_stack([split.labels[:_HEAD_ROWS], x[:, pixels]])
    return TableHead(
        columns=("label", *(f"pixel{pixel + 1}" for pixel in pixels)),
        rows=tuple(tuple(row) for row in table.tolist()),
        width=width + 1,
    )


def _measure(split: Split, classes: tuple[str, ...]) -> SplitFigures:
    n, height, width, *colour = split.images.shape
    channels = colour[0] if colour else 1
    counts = np.bincount(split.labels, minlength=len(classes))
    histogram = _count_pixels(split.images)
    values = np.arange(256) / 255
    mean = float(np.average(values, weights=histogram))
    return SplitFigures(
        n=n,
        x_shape=(n, height * width * channels),
        y_shape=(n, 1),
        image_shape=(n, height, width, channels),
        x_dtype=str(split.images.dtype),
        y_dtype=str(split.labels.dtype),
        labels=tuple(np.flatnonzero(counts).tolist()),
        counts=dict(zip(classes, counts.tolist(), strict=True)),
        pixel_mean=mean,
        pixel_std=float(np.sqrt(np.average((values - mean) ** 2, weights=histogram))),
        pixel_min=int(np.flatnonzero(histogram)[0]),
        pixel_max=int(np.flatnonzero(histogram)[-1]),
        histogram=tuple(histogram.tolist()),
        suppliers=None if split.suppliers is None else _count_suppliers(split.suppliers),
    )


def _count_pixels(images: NDArray[np.uint8]) -> NDArray[np.intp]:
    histogram = np.zeros(256, dtype=np.intp)
    step = max(1, _CHUNK // max(1, images[0].size))
    for start in range(0, len(images), step):
        histogram += np.bincount(images[start : start + step].ravel(), minlength=256)
    return histogram


def _count_suppliers(suppliers: NDArray[np.str_]) -> dict[str, int]:
    names, counts = np.unique(suppliers, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(names[position]): int(counts[position]) for position in order}
