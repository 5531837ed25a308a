"""The tables in a folder: which of them says what its images are, and why the others do not.

A folder may hold a table of labels beside folders that are no classes: by brand, by size, by day.
Whatever table lies there is read, or named.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hangtag.errors import DataError
from hangtag.files.paths import is_file, list_some, list_visible, make_printable
from hangtag.readers.listed_files import ListedFiles
from hangtag.readers.record import SPLIT_ALIASES, Record, Source, find_split
from hangtag.readers.tables import IMAGE_COLUMN, is_parquet, open_table
from hangtag.tables.columns import ColumnKind, find_column
from hangtag.tables.csv_text import inspect_csv, open_csv_rows, read_header

TABLE_SUFFIXES = (
    *(".csv", ".csv.gz", ".tsv", ".tsv.gz", ".tab", ".parquet"),
    *(".xlsx", ".xls", ".ods", ".jsonl"),
)
"""Suffixes of tables, some of which are not read but named."""

UNREAD_TABLES = (".xlsx", ".xls", ".ods", ".jsonl")

_FIRST_ROWS = 20
_STANDING = re.compile(r"(feed|manifest|metadata|labels|items)\b", re.IGNORECASE)
"""What a table is called that stands for its folder, where there are several."""

_SPLIT = re.compile(rf"(?:.*[-_. ])?({'|'.join(SPLIT_ALIASES)})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FolderTables:
    """The tables in a folder that name files in it.

    Attributes:
        used: These; several are the splits of one data set.
        remark: Which tables are read, and which are not; empty where there is none.
    """

    used: Sequence[Path]
    remark: str = ""


class SplitTables(Source):
    """Tables that are the splits of one data set, as their names say.

    Attributes:
        roles: Those of the first, see `Table`.
    """

    def __init__(self, paths: Sequence[Path], *, labelled: bool) -> None:
        self._tables = [
            (name_split(path) or "train", open_table(str(path), labelled=labelled))
            for path in paths
        ]
        self.roles = self._tables[0][1].roles

    def __iter__(self) -> Iterator[Record]:
        for split, table in self._tables:
            for record in table:
                yield record.with_split(split)

    @property
    def total(self) -> int | None:
        """About how many rows there are; None where counting takes long."""
        totals = [table.total for _, table in self._tables]
        return None if None in totals else sum(total or 0 for total in totals)

    @property
    def files(self) -> int:
        """About how many image files they name."""
        return self.total or 0

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns of all tables, in order."""
        return {name: kind for _, table in self._tables for name, kind in table.columns.items()}

    @property
    def notes(self) -> Sequence[str]:
        """What a reader should know of the tables."""
        return (*self.remarks, *(note for _, table in self._tables for note in table.notes))


def list_tables(folder: Path) -> list[Path]:
    """Returns the files in a folder that are tables by their suffix."""
    return [
        path
        for path in list_visible(folder)
        if path.name.lower().endswith(TABLE_SUFFIXES) and is_file(path)
    ]


def find_tables(folder: Path, *, labelled: bool) -> FolderTables:
    """Finds the table that says what the images in a folder are.

    Args:
        folder: The folder.
        labelled: Whether the table must have a column ``label``.

    Raises:
        DataError: Several tables might be meant, or one names the images in a column of another
            name or says no labels.
    """
    tables = list_tables(folder)
    usable = [path for path in tables if _is_usable(path, labelled=labelled)]
    used = _choose(folder, usable)
    rest = [path.name for path in tables if path not in used]
    if used:
        names = " and ".join(path.name for path in used)
        remark = f"{make_printable(folder)} is read as {names} says"
        remark += f"; {list_some(rest)} is not read." if rest else "."
        return FolderTables(used, remark)
    if not rest:
        return FolderTables(())
    return FolderTables(
        (), f"{list_some(rest)} in {make_printable(folder)} names no image and is not read."
    )


def name_split(path: Path) -> str | None:
    """Returns the split that a file belongs to by its name, such as ``feed_train.csv``."""
    match = _SPLIT.fullmatch(path.name.split(".")[0])
    return find_split(match[1]) if match else None


def _choose(folder: Path, usable: Sequence[Path]) -> Sequence[Path]:
    """Returns the tables to read among those that could be."""
    if len(usable) < 2:
        return usable
    splits = [name_split(path) for path in usable]
    if None not in splits and len(set(splits)) == len(splits):
        return usable
    standing = [path for path in usable if _STANDING.match(path.name)]
    if len({path.name.split(".")[0] for path in standing}) == 1:
        return standing[:1]
    raise DataError(
        f"{folder} holds {len(usable)} tables of its images: "
        f"{list_some([path.name for path in usable])}; give the one to read"
    )


def _is_usable(path: Path, *, labelled: bool) -> bool:
    """Tells whether a table names images that exist; raises DataError where only nearly so."""
    if path.name.lower().endswith(UNREAD_TABLES):
        return False
    try:
        rows = list(itertools.islice(_read_cells(path), _FIRST_ROWS))
    except DataError:
        return False  # It is named as one that is not read.
    columns = list(rows[0]) if rows else []
    image = find_column(str(path), columns, IMAGE_COLUMN)
    files = ListedFiles(str(path))
    naming = [
        name
        for name in columns
        if any(is_file(Path(files.find(row[name]))) for row in rows if row[name])
    ]
    if image is None and naming:
        raise DataError(
            f"{path} names images of its folder in the column '{naming[0]}'; call it "
            f"'{IMAGE_COLUMN}' and the column of their classes 'label', or move the table away"
        )
    if image is None or not (image in naming or _STANDING.match(path.name)):
        return False
    if labelled and find_column(str(path), columns, "label") is None:
        raise DataError(
            f"{path} names images of its folder but has no column 'label'; add it, or move the "
            "table away"
        )
    return True


def _read_cells(path: Path) -> Iterator[Mapping[str, str]]:
    """Gives the rows of a table as texts by column."""
    if is_parquet(str(path)):
        for record in open_table(str(path)):
            yield {name: "" if cell is None else str(cell) for name, cell in record.extras.items()}
        return
    read_header(path, IMAGE_COLUMN)
    form = inspect_csv(path, IMAGE_COLUMN)
    with open_csv_rows(path, form) as rows:
        for row in rows:
            if len(row.cells) >= len(form.header):
                yield dict(zip(form.header, row.cells, strict=False))
