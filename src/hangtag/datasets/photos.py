"""Lists all photos of a dataset, from all splits."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset
from hangtag.files.paths import make_printable
from hangtag.images.colour import cut_bars
from hangtag.images.reading import read_size

PHOTO_COLUMNS = ("id", "path", "split", "supplier", "label")
"""Columns that name a photo in a table."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a dataset.

    Attributes:
        id: What it is called in its source.
        path: Its file.
        split: The split it is in.
        supplier: Who supplied it; empty where the source does not say.
        label: Its class.
        width: Of the file, upright, pixels.
        height: Likewise.
    """

    id: str
    path: str
    split: str
    supplier: str
    label: str
    width: int
    height: int

    @property
    def cells(self) -> list[str]:
        """Its cells in the columns `PHOTO_COLUMNS`."""
        return [self.id, self.path, self.split, self.supplier, self.label]


class Photos:
    """The N photos of a dataset, in the order of its splits.

    Attributes:
        items: What is known of each, N.
    """

    def __init__(self, items: list[Photo], splits: list[NDArray[np.uint8]]) -> None:
        self.items = items
        self._splits = splits
        self._starts = np.cumsum([0, *map(len, splits)])

    def __len__(self) -> int:
        return len(self.items)

    def picture(self, position: int) -> NDArray[np.uint8]:
        """Returns the pixels of a photo without the bars beside it, (h, w, 3) uint8."""
        part = int(np.searchsorted(self._starts, position, side="right")) - 1
        pixels = np.asarray(self._splits[part][position - self._starts[part]])
        return cut_bars(pixels, self.items[position].width, self.items[position].height)

    def pictures(self) -> Iterator[NDArray[np.uint8]]:
        """Gives the pixels of each photo, as `picture` does."""
        return map(self.picture, range(len(self)))


def list_photos(dataset: Dataset) -> Photos:
    """Lists the photos of a dataset of image files in colour; reads the header of each file.

    Raises:
        ImageError: A file is gone since the dataset was opened.
    """
    items = []
    for name, split in dataset.splits.items():
        assert split.files is not None
        suppliers = [""] * len(split) if split.suppliers is None else split.suppliers.tolist()
        columns = (split.ids.tolist(), split.files.tolist(), suppliers, split.labels.tolist())
        for id, file, supplier, label in zip(*columns, strict=True):
            width, height = read_size(Path(file))
            items.append(
                Photo(
                    id=id,
                    path=make_printable(file),
                    split=name,
                    supplier=supplier,
                    label=dataset.classes[label],
                    width=width,
                    height=height,
                )
            )
    return Photos(items, [split.images for split in dataset.splits.values()])
