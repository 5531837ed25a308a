"""A feed: a table with one row an item, its image, label and supplier.

Columns: ``image`` (a path, relative to the table) and ``label``; ``id`` (the image's path where it
is missing) and ``supplier`` (one nameless supplier where it is missing) may be there too. A folder
stands for the ``feed.csv``, ``feed.parquet`` or ``manifest.csv`` in it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hangtag.catalogue.paths import is_folder
from hangtag.errors import DataError
from hangtag.inputs import Cell, ColumnKind, Decoders, Input, open_inputs
from hangtag.inputs.items import Pixels, Shape, Source
from hangtag.predictions.csv_rows import restore_text

LABEL, SUPPLIER, ID, IMAGE = "label", "supplier", "id", "image"
NO_SUPPLIER = "(no supplier)"
_NAMES = ("feed.csv", "feed.parquet", "manifest.csv", "manifest.parquet")


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An item of a feed.

    Attributes:
        id: What the supplier calls it.
        supplier: Who sent it.
        label: What the supplier says it is; empty where nothing is said.
        image: Its image, as the feed names it.
        path: Where that image lies.
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
class Feed:
    """An open feed.

    Attributes:
        path: The table.
        source: Its rows.
    """

    path: str
    source: Source

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """All columns of the table."""
        return self.source.columns

    def count(self) -> int | None:
        """Returns about how many items there are, None where counting takes long."""
        return self.source.count()

    def read(self, decoders: Decoders, *, shape: Shape) -> Iterator[FeedItem]:
        """Gives every item in order, its image decoded to `shape`."""
        size, channels = shape[:2], shape[2]
        for one in decoders.decode(self.source.read(size), size=size, channels=channels):
            yield _read_item(one)

    def read_rows(self) -> Iterator[Mapping[str, Cell]]:
        """Gives the cells of every row in order, without its image.

        Raises:
            DataError: A row cannot be read.
        """
        for item in self.source.read((1, 1)):
            if isinstance(item, Input) and not item.extras:
                raise DataError(item.error)
            yield {
                name: restore_text(cell) if isinstance(cell, str) else cell
                for name, cell in item.extras.items()
            }


def open_feed(path: str) -> Feed:
    """Opens a feed.

    Raises:
        DataError: There is none, or the columns ``image`` and ``label`` are not there.
    """
    table = _find_table(path)
    sources = open_inputs([table]).sources
    columns = sources[0].columns
    missing = [name for name in (IMAGE, LABEL) if name not in columns]
    if len(sources) != 1 or missing:
        found = ", ".join(columns) or "no table"
        raise DataError(
            f"{table}: a feed is a CSV or Parquet table with the columns image, label and, for "
            f"brands, supplier; found: {found[:80]}"
        )
    return Feed(table, sources[0])


def read_key(cells: Mapping[str, Cell]) -> tuple[str, str]:
    """Returns the supplier and the label of a row, as `Feed.read` gives them."""
    return _text(cells, SUPPLIER) or NO_SUPPLIER, _text(cells, LABEL)


def read_id(cells: Mapping[str, Cell]) -> str:
    """Returns the id of a row, as `Feed.read` gives it."""
    return _text(cells, ID) or _text(cells, IMAGE)


def fold_label(label: str) -> str:
    """Returns a label as words are compared: case and white space do not count."""
    return " ".join(label.casefold().split())


def _find_table(path: str) -> str:
    if not is_folder(Path(path)):
        return path
    for name in _NAMES:
        if (Path(path) / name).is_file():
            return str(Path(path) / name)
    raise DataError(f"the folder {path} holds no feed; expected {', '.join(_NAMES)} in it")


def _read_item(one: Input) -> FeedItem:
    cells = one.extras
    image = _text(cells, IMAGE) or one.name
    return FeedItem(
        id=_text(cells, ID) or image,
        supplier=_text(cells, SUPPLIER) or NO_SUPPLIER,
        label=_text(cells, LABEL),
        image=image,
        path=one.source,
        pixels=one.pixels,
        error=one.error,
    )


def _text(cells: Mapping[str, Cell], name: str) -> str:
    value = cells.get(name)
    return "" if value is None else restore_text(str(value)).strip()
