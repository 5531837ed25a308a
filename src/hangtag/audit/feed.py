"""The feed that an audit reads: a table with one row an item, its image, label and supplier.

Columns: ``image`` (a path, relative to the table) and ``label``, optionally ``id`` (by default the
image) and ``supplier``, in any case. A folder stands for the ``feed.csv``, ``feed.parquet`` or
``manifest.csv`` in it.
"""

import itertools
import unicodedata
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
from hangtag.readers.tables import IMAGE_COLUMN, Table, open_table
from hangtag.tables.columns import Cell, ColumnKind, find_column
from hangtag.tables.csv_text import read_header

NO_SUPPLIER = "(no supplier)"
_ROLES = ("image", "label", "id", "supplier")
_CSV_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt")
_NAMES = ("feed.csv", "feed.parquet", "manifest.csv", "manifest.parquet")


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
    table, columns = _open_table(place)
    found = {role for role in _ROLES if find_column(place, columns, role) is not None}
    if table is None or not {"image", "label"} <= found:
        described = ", ".join(columns) or "no such table"
        raise DataError(
            f"{place}: expected a CSV or Parquet table with the columns image, label and, for "
            f"brands, supplier; found: {described[:80]}"
        )
    return Feed(table)


def _open_table(path: str) -> tuple[Table | None, list[str]]:
    """Returns a table, None where it names no images, and its columns."""
    if is_file(Path(path)) and path.lower().endswith(_CSV_SUFFIXES):
        header = read_header(Path(path), IMAGE_COLUMN)
        has_images = find_column(path, header, IMAGE_COLUMN) is not None
        return (open_table(path) if has_images else None), header
    sources = open_source(path).sources
    if len(sources) != 1 or not isinstance(sources[0], Table):
        return None, []
    return sources[0], list(sources[0].columns)


def _find_table(path: str) -> str:
    if not is_folder(Path(path)):
        return path
    for name in _NAMES:
        if (Path(path) / name).is_file():
            return str(Path(path) / name)
    raise DataError(f"the folder {path} holds no feed; expected {', '.join(_NAMES)} in it")


def fold_label(label: str) -> str:
    """Returns a label in the form in which labels are compared.

    Case, white space, widths of letters and characters without a width do not count.
    """
    plain = unicodedata.normalize("NFKC", label).casefold()
    visible = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", visible).split())


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
