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

from hangtag.datasets import IMAGE_SIZE
from hangtag.datasets.collecting import SAMPLE, are_photos
from hangtag.errors import DataError
from hangtag.files.paths import is_file, is_folder
from hangtag.images.items import Pixels, Shape, Source
from hangtag.models.classifier import Classifier
from hangtag.models.folder import shipped_models
from hangtag.models.router import GREY_MODEL, PHOTO_MODEL
from hangtag.readers import Decoders, ImageFile, Input, open_inputs
from hangtag.readers.manifests import CsvManifest, open_csv_manifest
from hangtag.tables.columns import Cell, ColumnKind, find_column
from hangtag.tables.csv_cells import restore_text
from hangtag.tables.csv_text import read_header

LABEL, SUPPLIER, ID, IMAGE = "label", "supplier", "id", "image"
NO_SUPPLIER = "(no supplier)"
_CSV_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt")
_NAMES = ("feed.csv", "feed.parquet", "manifest.csv", "manifest.parquet")


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An item of a feed.

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
    pixels: Pixels | None
    error: str


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A row of a feed, without its image.

    Attributes:
        id: Id of the item within the supplier.
        supplier: Who sent it.
        label: What the supplier calls it.
        cells: All cells of the row, by column.
    """

    id: str
    supplier: str
    label: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Feed:
    """An open feed.

    Attributes:
        path: The table.
        source: Its rows.
        roles: ``image``, ``label``, ``id`` and ``supplier`` -> the column that holds it.
        note: What a reader should know about the file; empty where it is plain.
    """

    path: str
    source: Source
    roles: Mapping[str, str]
    note: str = ""

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """All columns of the table, as they are spelled there."""
        return self.source.columns

    def count(self) -> int | None:
        """Returns about how many items there are, None where counting takes long."""
        return self.source.count()

    def read(self, decoders: Decoders, *, shape: Shape) -> Iterator[FeedItem]:
        """Yields every item in order, its image decoded to `shape`."""
        size, channels = shape[:2], shape[2]
        for item in decoders.decode(self.source.read(size), size=size, channels=channels):
            row = self._read_row(item.extras)
            yield FeedItem(
                id=row.id or item.name,
                supplier=row.supplier,
                label=row.label,
                image=self._text(item.extras, IMAGE) or item.name,
                path=item.source,
                pixels=item.pixels,
                error=item.error,
            )

    def read_rows(self) -> Iterator[FeedRow]:
        """Yields every row in order, without its image.

        Raises:
            DataError: A row cannot be read.
        """
        for item in self.source.read((1, 1)):
            if isinstance(item, Input) and not item.extras:
                raise DataError(item.error)
            yield self._read_row(item.extras)

    def _read_row(self, cells: Mapping[str, Cell]) -> FeedRow:
        return FeedRow(
            id=self._text(cells, ID) or self._text(cells, IMAGE),
            supplier=self._text(cells, SUPPLIER) or NO_SUPPLIER,
            label=self._text(cells, LABEL),
            cells={
                name: restore_text(cell) if isinstance(cell, str) else cell
                for name, cell in cells.items()
            },
        )

    def _text(self, cells: Mapping[str, Cell], role: str) -> str:
        value = cells.get(self.roles.get(role, ""))
        return "" if value is None else restore_text(str(value)).strip()


def open_feed(path: str) -> Feed:
    """Opens a feed.

    Raises:
        DataError: It does not exist, or lacks the columns ``image`` and ``label``.
    """
    table = _find_table(path)
    source, columns = _open_table(table)
    note = source.note if isinstance(source, CsvManifest) else ""
    roles = {
        role: column
        for role in (IMAGE, LABEL, ID, SUPPLIER)
        if (column := find_column(table, columns, role)) is not None
    }
    if source is None or not {IMAGE, LABEL} <= roles.keys():
        found = ", ".join(columns) or "no such table"
        raise DataError(
            f"{table}: expected a CSV or Parquet table with the columns image, label and, for "
            f"brands, supplier; found: {found[:80]}"
        )
    return Feed(table, source, roles, note)


def _open_table(path: str) -> tuple[Source | None, list[str]]:
    """Returns the rows of a table, None where it has no images, and its columns."""
    if is_file(Path(path)) and path.lower().endswith(_CSV_SUFFIXES):
        header = read_header(Path(path), IMAGE)
        if find_column(path, header, IMAGE) is None:
            return None, header
        manifest = open_csv_manifest(path)
        return manifest, list(manifest.columns)
    sources = open_inputs([path]).sources
    columns = list(sources[0].columns) if len(sources) == 1 else []
    return (sources[0] if find_column(path, columns, IMAGE) else None), columns


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
    items = itertools.islice(feed.source.read(IMAGE_SIZE), SAMPLE)
    paths = [Path(item.path) for item in items if isinstance(item, ImageFile)]
    found = are_photos(paths)
    return PHOTO_MODEL if found and PHOTO_MODEL in shipped_models() else GREY_MODEL
