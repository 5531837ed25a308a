"""From the arguments of `predict` to its inputs, checked before any work is done."""

import glob
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TextIO

from hangtag.errors import DataError
from hangtag.files.paths import is_address, is_file, is_folder
from hangtag.images.items import Item, Size, Source
from hangtag.readers.listing import TABLE_SUFFIXES, FileSource, FolderSource, ListSource
from hangtag.readers.manifests import (
    IMAGE_COLUMN,
    CsvManifest,
    open_csv_manifest,
    open_parquet_manifest,
)
from hangtag.readers.pixel_rows import is_pixel_header, open_pixel_table
from hangtag.tables.columns import ColumnKind, find_column
from hangtag.tables.csv_text import read_header, refuse_spreadsheet

LISTING = "-"
"""The argument that stands for a list of paths on standard input."""


@dataclass(frozen=True)
class Inputs:
    """What `predict` was given.

    Attributes:
        arguments: As the user wrote them.
        sources: What they stand for, in order.
    """

    arguments: tuple[str, ...]
    sources: tuple[Source, ...]

    @property
    def total(self) -> int | None:
        """About how many images there are; None where counting takes long.

        Raises:
            DataError: A folder holds no image.
        """
        return None if None in self._counts else sum(count or 0 for count in self._counts)

    @property
    def files(self) -> int:
        """About how many image files are to be decoded, as far as that is known."""
        counted = zip(self.sources, self._counts, strict=True)
        return sum(count or 0 for source, count in counted if source.names_files)

    @cached_property
    def _counts(self) -> list[int | None]:
        return [source.count() for source in self.sources]

    @property
    def skipped(self) -> Counter[str]:
        """Files in the folders that are no images, by kind, such as ``.txt`` or ``hidden``."""
        _ = self._counts
        folders = (one for one in self.sources if isinstance(one, FolderSource))
        return sum((one.skipped for one in folders), Counter())

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns that are passed through, in order; of two kinds makes text."""
        merged: dict[str, ColumnKind] = {}
        for source in self.sources:
            for name, kind in source.columns.items():
                merged[name] = kind if merged.get(name, kind) == kind else "text"
        return merged

    @property
    def notes(self) -> list[str]:
        """What a reader should know of the tables, a sentence each."""
        tables = (one for one in self.sources if isinstance(one, CsvManifest))
        return [one.note for one in tables if one.note]

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives every image in order; arrays and tables must hold pixels of one of `sizes`."""
        for source in self.sources:
            yield from source.read(*sizes)


def open_inputs(arguments: Sequence[str], *, listing: TextIO | None = None) -> Inputs:
    """Finds out what the arguments of `predict` stand for.

    A file is an image, a ``.npy`` array, an IDX file, a pixel CSV or a manifest. A folder stands
    for the images and arrays below it, by name; a pattern such as ``*.jpg`` for what it matches;
    ``-`` for the paths that `listing` (standard input by default) names, one a line. A path from
    the listing that does not exist becomes a recorded error.

    Raises:
        DataError: An argument is empty or does not exist, a folder holds no image, or a table
            lacks its columns or has no rows.
    """
    sources = [source for argument in arguments for source in _expand(argument, listing)]
    inputs = Inputs(tuple(arguments), tuple(sources))
    _ = inputs.total  # Counting finds empty folders.
    return inputs


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
    return ListSource(lines)


def _open_path(path: str) -> Source:
    if is_folder(Path(path)):
        return FolderSource(str(Path(path)))
    refuse_spreadsheet(path)
    name = path.lower()
    if name.endswith(".txt"):
        raise DataError(f"{path} is text; read the paths in it by: hangtag predict - < {path}")
    if not name.endswith(TABLE_SUFFIXES):
        return FileSource(path)
    if name.endswith(".parquet"):
        return open_parquet_manifest(path)
    header = read_header(Path(path), IMAGE_COLUMN)
    if find_column(path, header, IMAGE_COLUMN):
        return open_csv_manifest(path)
    if is_pixel_header(header):
        return open_pixel_table(path, header)
    raise DataError(
        f"{path}: expected the column '{IMAGE_COLUMN}' of a manifest or the columns pixel1, "
        f"pixel2, ... of a pixel CSV, received {', '.join(header[:5])[:80]!r}; "
        f"call the column with the paths of the images '{IMAGE_COLUMN}'"
    )
