"""From what a user names to its records: files, folders, tables, lists, data sets.

    for record in open_source(["photos/", "feed.csv"]):
        print(record.name, record.label)

`open_source` gives images to be predicted, and whatever cannot be read as a record of its error.
`open_labelled` gives the labelled images of a data set, and raises an error instead.
"""

import glob
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from hangtag.errors import DataError
from hangtag.files.gzipped import is_gzip
from hangtag.files.paths import (
    is_address,
    is_file,
    is_folder,
    list_some,
    list_visible,
    make_printable,
    shorten,
)
from hangtag.images.sniffing import SNIFFED_BYTES, sniff
from hangtag.readers.class_folders import ClassFolders
from hangtag.readers.folder_tables import (
    TABLE_SUFFIXES,
    UNREAD_TABLES,
    FolderTables,
    SplitTables,
    find_tables,
    list_tables,
)
from hangtag.readers.idx import IdxFile, IdxFolder, find_idx_files
from hangtag.readers.image_files import ImageFolder, PathList, open_file
from hangtag.readers.npz import NPZ_SUFFIX, NpzFile, NpzSplits
from hangtag.readers.pixel_columns import inspect_pixels
from hangtag.readers.pixel_csv import PixelCsv, PixelCsvSplits, is_split_file
from hangtag.readers.record import Record, Source
from hangtag.readers.tables import IMAGE_COLUMN, is_parquet, open_table
from hangtag.tables.columns import ColumnKind, find_column
from hangtag.tables.csv_text import read_header, refuse_spreadsheet

LISTING = "-"
"""The argument that stands for a list of paths on standard input."""

LABELLED_KINDS = (
    "a folder of IDX files, a pixel CSV or a folder of NAME_train.csv and NAME_test.csv, Keras' "
    "fashion_mnist.npz, a folder of class folders, or a table, .csv, .tsv, .txt or .parquet, with "
    "the columns 'image' and 'label', or its folder"
)
"""What `open_labelled` reads, for people."""

OpenFolder = Callable[[Path], Source]

TEXT_SUFFIX = ".txt"
"""Text may be a table, or a list of paths."""


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
        return [*self.remarks, *(note for source in self.sources for note in source.notes)]

    @property
    def skipped(self) -> Counter[str]:
        """Files in the folders that are no images, by kind."""
        return sum((source.skipped for source in self.sources), Counter())


def open_source(
    data: str | Path | Sequence[str | Path], *, listing: TextIO | None = None
) -> Sources:
    """Opens images to be predicted, with or without labels.

    A file is an image, a ``.npy`` array, an IDX file, a pixel CSV or a table with the column
    ``image``. A folder stands for the table, IDX files or pixel CSVs in it, as `open_labelled` has
    it, else for the images and arrays below it, by name; a pattern such as ``*.jpg`` for what it
    matches; ``-`` for the paths that a stream names.

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
    """Opens a data set; every record has a label, or is a row of a table that cannot be read.

    Reading it raises a DataError at an array that cannot be read, or a file that ends too early.
    Image files are not looked at.

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
        raise DataError(
            f"{shorten(argument)}: addresses are not fetched; download it and give its path"
        )
    else:
        raise DataError(f"there is no file or folder {argument}; check the path")


def _open_listing(listing: TextIO | None) -> Source:
    lines = listing or sys.stdin
    if lines is None:
        raise DataError("'-' reads paths from standard input, which is closed; pipe a list into it")
    return PathList(lines)


def _open_path(path: str) -> Source:
    if is_folder(Path(path)):
        return _open_images(Path(path))
    name = path.lower()
    if name.endswith(NPZ_SUFFIX):
        return NpzFile(path)
    if not name.endswith((*TABLE_SUFFIXES, TEXT_SUFFIX)) and not is_parquet(path):
        refuse_spreadsheet(path)
        return open_file(path)
    refuse_other(path)
    table = _open_table(path, labelled=False)
    if table is not None:
        return table
    if name.endswith(TEXT_SUFFIX):
        raise DataError(f"{path} is text; read the paths in it by: hangtag predict - < {path}")
    columns = inspect_pixels(path)
    if columns is not None and columns.pixels:
        return PixelCsv(path, columns)
    raise _refuse_header(path)


def _open_labelled_file(path: Path) -> Source:
    name = path.name.lower()
    if name.endswith(NPZ_SUFFIX):
        return NpzSplits(path)
    if not name.endswith((*TABLE_SUFFIXES, TEXT_SUFFIX)) and not is_parquet(str(path)):
        refuse_spreadsheet(path)
        refuse_other(str(path))
        raise DataError(f"{path} is not a data set; expected {LABELLED_KINDS}")
    refuse_other(str(path))
    table = _open_table(str(path), labelled=True)
    if table is not None:
        return table
    if inspect_pixels(path) is not None:
        return PixelCsvSplits(path, [path])
    if name.endswith(TEXT_SUFFIX):
        raise DataError(f"{path} is not a data set; expected {LABELLED_KINDS}")
    raise _refuse_header(path)


def _open_table(path: str, *, labelled: bool) -> Source | None:
    """Opens a table of images; None where the file has no column of images."""
    refuse_spreadsheet(path)
    if is_parquet(path):
        return open_table(path, labelled=labelled)
    has_images = find_column(path, read_header(Path(path), IMAGE_COLUMN), IMAGE_COLUMN) is not None
    return open_table(path, labelled=labelled) if has_images else None


def _open_folder(folder: Path) -> Source:
    """Opens a folder as a data set: IDX files, pixel CSVs, a table, or class folders."""
    if find_idx_files(folder):
        return _remark(IdxFolder(folder), _describe_unread(folder, list_tables(folder)))
    tables = list_tables(folder)
    pixels = _find_pixel_files(tables)
    if pixels:
        rest = [path for path in tables if path not in pixels]
        return _remark(PixelCsvSplits(folder, pixels), _describe_unread(folder, rest))
    archives = [path for path in list_visible(folder) if path.name.lower().endswith(NPZ_SUFFIX)]
    if len(archives) == 1 and not any(map(is_folder, list_visible(folder))):
        return NpzSplits(archives[0])
    found = find_tables(folder, labelled=True)
    source = _open_tables(found, labelled=True)
    return _remark(source or _open_images_of(ClassFolders, folder, found), found.remark)


def _open_images(folder: Path) -> Source:
    """Opens a folder as images to be predicted, of the same kinds as `_open_folder`."""
    idx = [path for (_, content), path in find_idx_files(folder).items() if content == "images"]
    tables = list_tables(folder)
    pixels = _find_pixel_files(tables)
    rest = [path for path in tables if path not in pixels]
    if idx:
        return _remark(
            Sources([IdxFile(str(path)) for path in idx]), _describe_unread(folder, tables)
        )
    if pixels:
        files = [(str(path), inspect_pixels(path)) for path in pixels]
        sources = [PixelCsv(path, columns) for path, columns in files if columns]
        return _remark(Sources(sources), _describe_unread(folder, rest))
    found = find_tables(folder, labelled=False)
    source = _open_tables(found, labelled=False)
    if source:
        return _remark(source, found.remark)
    return _open_images_of(lambda path: ImageFolder(str(path)), folder, found)


def _open_images_of(open_images: OpenFolder, folder: Path, found: FolderTables) -> Source:
    """Opens a folder that no table stands for; where it holds no image, tables are named."""
    try:
        return open_images(folder)
    except DataError as error:
        raise DataError(f"{error}. {found.remark}".removesuffix(". ")) from error


def _open_tables(found: FolderTables, *, labelled: bool) -> Source | None:
    if len(found.used) > 1:
        return SplitTables(found.used, labelled=labelled)
    return open_table(str(found.used[0]), labelled=labelled) if found.used else None


def _find_pixel_files(tables: Sequence[Path]) -> list[Path]:
    """Returns the pixel CSVs among tables: those that are called as splits, or an only one."""
    found = [path for path in tables if _is_pixel_file(path)]
    named = [path for path in found if is_split_file(path)]
    return named or (found if len(found) == 1 else [])


def _is_pixel_file(path: Path) -> bool:
    if path.name.lower().endswith(UNREAD_TABLES) or is_parquet(str(path)):
        return False
    try:
        columns = inspect_pixels(path)
    except DataError:
        return is_split_file(path)  # Opening it says what is wrong with it.
    return columns is not None


def _describe_unread(folder: Path, paths: Sequence[Path]) -> str:
    if not paths:
        return ""
    names = list_some([path.name for path in paths])
    return f"{names} in {make_printable(folder)} is not read; give it alone to read it."


def _remark(source: Source, remark: str) -> Source:
    if remark:
        source.remarks = (*source.remarks, remark)
    return source


def refuse_other(path: str) -> None:
    """Raises DataError for a file that is neither text nor an image, such as a zip or a web page.

    Gzip and Parquet are read.
    """
    if not is_file(Path(path)):
        return  # Reading would wait for ever where it is a pipe.
    try:
        with open(path, "rb") as stream:
            kind = sniff(stream.read(SNIFFED_BYTES))
    except OSError:
        return  # Opening it says what is wrong with it.
    if kind.is_container and not is_parquet(path) and not is_gzip(Path(path)):
        raise DataError(f"{path} is {kind.name}; {kind.advice}")


def _refuse_header(path: str | Path) -> DataError:
    header = read_header(Path(path), IMAGE_COLUMN)
    return DataError(
        f"{path}: expected the column '{IMAGE_COLUMN}' of a table of images or the columns pixel1, "
        f"pixel2, ... of a pixel CSV, received {', '.join(header[:5])[:80]!r}; call the column "
        f"with the paths of the images '{IMAGE_COLUMN}', that with their classes 'label'"
    )
