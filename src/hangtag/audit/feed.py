"""The feed that an audit reads: a table with one row an item, its image, label and supplier.

Columns: ``image`` (a path, relative to the table) and ``label``, optionally ``id`` (by default the
image) and ``supplier``, in any case. A folder stands for the table in it that names its images.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.collecting import SAMPLE, are_photos
from hangtag.errors import DataError, ImageError
from hangtag.files.paths import is_file, is_folder
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.spec import ImageSpec
from hangtag.models.classifier import Classifier
from hangtag.models.folder import shipped_models
from hangtag.models.router import GREY_MODEL, PHOTO_MODEL
from hangtag.readers import Record, decode_records, open_source
from hangtag.readers.folder_tables import find_tables
from hangtag.readers.opening import refuse_other
from hangtag.readers.tables import Table
from hangtag.tables.columns import Cell, ColumnKind

NO_SUPPLIER = "(no supplier)"


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An item of a feed with its image.

    Attributes:
        id: Its id within the supplier.
        supplier: Who sent it.
        label: What the supplier calls it; empty without a label.
        image: Its image, as the feed names it.
        path: Path of the image file.
        pixels: (H, W) uint8, in colour (H, W, 3), None where the image cannot be read.
        error: Why not, one line.
    """

    id: str
    supplier: str
    label: str
    image: str
    path: str
    pixels: NDArray[np.uint8] | None
    error: str


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A row of a feed, without its image.

    Attributes:
        id: Id of the item within the supplier.
        supplier: Who sent it.
        label: What the supplier calls it.
        image: Its image, as the feed names it.
        cells: All cells of the row, by column.
    """

    id: str
    supplier: str
    label: str
    image: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Feed:
    """An open feed.

    Attributes:
        table: Its rows.
    """

    table: Table

    @property
    def path(self) -> str:
        """Path of the table."""
        return self.table.path

    @property
    def note(self) -> str:
        """What a reader should know about the file; empty where it is plain."""
        return "; ".join(self.table.notes)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """All columns of the table, as they are spelled there."""
        return self.table.columns

    @property
    def total(self) -> int | None:
        """About how many items there are, None where counting takes long."""
        return self.table.total

    def read(self, pool: DecoderPool, spec: ImageSpec) -> Iterator[FeedItem]:
        """Yields every item in order, its image decoded to `spec`."""
        for record, outcome in decode_records(self.table, pool, spec):
            row, failed = self._read_row(record), isinstance(outcome, ImageError)
            yield FeedItem(
                id=row.id,
                supplier=row.supplier,
                label=row.label,
                image=row.image,
                path=record.source,
                pixels=None if isinstance(outcome, ImageError) else outcome.pixels,
                error=str(outcome) if failed else "",
            )

    def read_rows(self) -> Iterator[FeedRow]:
        """Yields every row in order, without its image.

        Raises:
            DataError: A row cannot be read.
        """
        for record in self.table:
            if record.error is not None and not record.extras:
                raise DataError(str(record.error))
            yield self._read_row(record)

    def _read_row(self, record: Record) -> FeedRow:
        cells = record.extras
        text = {
            role: "" if cells.get(column) is None else str(cells[column]).strip()
            for role, column in self.table.roles.items()
        }
        image = text.get("image") or record.name
        return FeedRow(
            id=text.get("id") or image,
            supplier=text.get("supplier") or NO_SUPPLIER,
            label=text.get("label", ""),
            image=image,
            cells=cells,
        )


def open_feed(path: str) -> Feed:
    """Opens a feed.

    Raises:
        DataError: It does not exist, or lacks the columns ``image`` and ``label``.
    """
    place = _find_table(path)
    if is_file(Path(place)):
        refuse_other(place)
    sources = open_source(place).sources
    table = sources[0] if len(sources) == 1 else None
    if not isinstance(table, Table) or "label" not in table.roles:
        columns = list(table.columns) if table else []
        raise DataError(
            f"{place}: expected a CSV or Parquet table with the columns image, label and, for "
            f"brands, supplier; found: {(', '.join(columns) or 'no such table')[:80]}"
        )
    return Feed(table)


def _find_table(path: str) -> str:
    """Returns the table that stands for a folder, and any other path as it is."""
    if not is_folder(Path(path)):
        return path
    found = find_tables(Path(path), labelled=True)
    if len(found.used) != 1:
        raise DataError(
            f"the folder {path} holds no feed; expected a table with the columns image, label and, "
            f"for brands, supplier. {found.remark}".rstrip()
        )
    return str(found.used[0])


def load_model(model: str | Path | Classifier | None, feed: Feed) -> Classifier:
    """Loads a model by name or folder, or the one that `choose_model` returns for a feed.

    Raises:
        ModelError: There is no such model.
    """
    if isinstance(model, Classifier):
        return model
    return Classifier.load(choose_model(feed) if model is None else model)


def choose_model(feed: Feed) -> str:
    """Returns the shipped model for a feed: for photos, unless its images are 28x28 pixels.

    Looks at the image headers of the first `SAMPLE` items.
    """
    records = itertools.islice(feed.table, SAMPLE)
    paths = [Path(record.source) for record in records if record.image is not None]
    use_photos = are_photos(paths) and PHOTO_MODEL in shipped_models()
    return PHOTO_MODEL if use_photos else GREY_MODEL
