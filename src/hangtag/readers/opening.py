"""From what a user names to its records: files, folders, tables, lists, data sets.

    for record in open_source(["photos/", "feed.csv"]):
        print(record.name, record.label)

`open_source` gives images to be predicted, and whatever cannot be read as a record of its error.
`open_labelled` gives the labelled images of a data set, and raises an error instead.
"""

import glob
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from hangtag.errors import DataError
from hangtag.files.paths import is_address, is_file, is_folder, list_visible
from hangtag.readers.class_folders import ClassFolders
from hangtag.readers.idx import IdxFolder, holds_idx
from hangtag.readers.image_files import TABLE_SUFFIXES, ImageFolder, PathList, open_file
from hangtag.readers.pixel_csv import PixelCsv, PixelCsvSplits, is_pixel_header, is_split_file
from hangtag.readers.record import Record, Source
from hangtag.readers.tables import IMAGE_COLUMN, PARQUET_SUFFIX, open_table
from hangtag.tables.columns import ColumnKind, find_column
from hangtag.tables.csv_text import read_header, refuse_spreadsheet

LISTING = "-"
"""The argument that stands for a list of paths on standard input."""

LABELLED_KINDS = (
    "a folder of IDX files, a pixel CSV or a folder of NAME_train.csv and NAME_test.csv, a folder "
    "of class folders, or a table, .csv, .tsv or .parquet, with the columns 'image' and 'label'"
)
"""What `open_labelled` reads, for people."""

_TABLES = ("manifest.csv", "manifest.parquet")
"""What a table is called that stands for the folder which it is in."""


class Sources(Source):
    """Several sources, one after the other.

    Attributes:
        sources: These.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self._totals = [source.total for source in self.sources]

    def __iter__(self) -> Iterator[Record]:
        for source in self.sources:
            yield from source

    @property
    def total(self) -> int | None:
        """About how many records there are; None where counting takes long."""
        return None if None in self._totals else sum(total or 0 for total in self._totals)

    @property
    def files(self) -> int:
        """About how many image files are to be decoded, as far as that is known."""
        return sum(source.files for source in self.sources)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns of all tables, in order; one of two kinds becomes text."""
        merged: dict[str, ColumnKind] = {}
        for source in self.sources:
            for name, kind in source.columns.items():
                merged[name] = kind if merged.get(name, kind) == kind else "text"
        return merged

    @property
    def notes(self) -> Sequence[str]:
        """What a reader should know of the sources."""
        return [note for source in self.sources for note in source.notes]

    @property
    def skipped(self) -> Counter[str]:
        """Files in the folders that are no images, by kind."""
        return sum((source.skipped for source in self.sources), Counter())


def open_source(
    data: str | Path | Sequence[str | Path], *, listing: TextIO | None = None
) -> Sources:
    """Opens images to be predicted, with or without labels.

    A file is an image, a ``.npy`` array, an IDX file, a pixel CSV or a table with the column
    ``image``. A folder stands for the images and arrays below it, by name; a pattern such as
    ``*.jpg`` for what it matches; ``-`` for the paths that a stream names.

    Args:
        data: One path or pattern, or several.
        listing: The stream that ``-`` stands for; standard input by default.

    Raises:
        DataError: A path is empty or does not exist, a folder holds no image, or a table lacks
            its columns or has no rows.
    """
    paths = [data] if isinstance(data, str | Path) else data
    return Sources([source for path in paths for source in _expand(str(path), listing)])


def open_labelled(path: Path) -> Source:
    """Opens a data set; every record has a label and no error.

    Reading it raises a DataError at a row or an array that cannot be read. Image files are not
    looked at.

    Args:
        path: What it is: one of `LABELLED_KINDS`.

    Raises:
        DataError: It is none of these, or cannot be read.
    """
    return _open_folder(path) if is_folder(path) else _open_labelled_file(path)


def _expand(argument: str, listing: TextIO | None) -> Iterator[Source]:
    if argument == LISTING:
        yield _open_listing(listing)
    elif not argument:
        raise DataError("the path of an input is empty; write . for the current folder")
    elif is_file(Path(argument)) or is_folder(Path(argument)):
        yield _open_path(argument)
    elif glob.has_magic(argument):
        found = sorted(glob.glob(argument, recursive=True))
        if not found:
            raise DataError(f"no file matches {argument}; check the pattern")
        yield from map(_open_path, found)
    elif is_address(argument):
        raise DataError(f"{argument}: addresses are not fetched; download it and give its path")
    else:
        raise DataError(f"there is no file or folder {argument}; check the path")


def _open_listing(listing: TextIO | None) -> Source:
    lines = listing or sys.stdin
    if lines is None:
        raise DataError("'-' reads paths from standard input, which is closed; pipe a list into it")
    return PathList(lines)


def _open_path(path: str) -> Source:
    if is_folder(Path(path)):
        return ImageFolder(str(Path(path)))
    refuse_spreadsheet(path)
    name = path.lower()
    if name.endswith(".txt"):
        raise DataError(f"{path} is text; read the paths in it by: hangtag predict - < {path}")
    if not name.endswith(TABLE_SUFFIXES):
        return open_file(path)
    header = _read_header(path)
    if header is None or find_column(path, header, IMAGE_COLUMN):
        return open_table(path)
    if "pixel1" in header:
        return PixelCsv(path, header)
    raise _refuse_header(path, header)


def _open_labelled_file(path: Path) -> Source:
    refuse_spreadsheet(path)
    if not path.name.lower().endswith(TABLE_SUFFIXES):
        raise DataError(f"{path} is not a data set; expected {LABELLED_KINDS}")
    header = _read_header(str(path))
    if header is None or find_column(str(path), header, IMAGE_COLUMN):
        return open_table(str(path), labelled=True)
    if is_pixel_header(header):
        return PixelCsvSplits(path, [path])
    raise _refuse_header(path, header)


def _open_folder(folder: Path) -> Source:
    if holds_idx(folder):
        return IdxFolder(folder)
    files = [path for path in list_visible(folder) if is_split_file(path)]
    if files:
        return PixelCsvSplits(folder, files)
    for table in _TABLES:
        if is_file(folder / table):
            return open_table(str(folder / table), labelled=True)
    return ClassFolders(folder)


def _read_header(path: str) -> list[str] | None:
    """Returns the columns of a CSV; None for Parquet."""
    return None if path.lower().endswith(PARQUET_SUFFIX) else read_header(Path(path), IMAGE_COLUMN)


def _refuse_header(path: str | Path, header: Sequence[str]) -> DataError:
    return DataError(
        f"{path}: expected the column '{IMAGE_COLUMN}' of a table of images or the columns pixel1, "
        f"pixel2, ... of a pixel CSV, received {', '.join(header[:5])[:80]!r}; call the column "
        f"with the paths of the images '{IMAGE_COLUMN}', that with their classes 'label'"
    )
