"""Feeds in CSV as brands send them: any separator, any case of the column names, not always UTF-8.

Rows are those of a manifest: each names an image and carries cells. A row that cannot be read
becomes a recorded error; the others are read all the same.
"""

import codecs
import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hangtag.catalogue.faults import Fault
from hangtag.catalogue.gzipped import open_plain
from hangtag.catalogue.paths import make_printable
from hangtag.errors import DataError, ImageError
from hangtag.inputs.items import ColumnKind, ImageFile, Item, Size, fail
from hangtag.inputs.lines import LONGEST_LINE, count_lines

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt")

_UTF8, _UTF16, _WINDOWS = "utf-8-sig", "utf-16", "cp1252"
_SEPARATORS = ",;\t|"
_BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class FeedCsv:
    """A feed in CSV, gzip or not; all its cells are text.

    Attributes:
        path: The file.
        columns: Its columns, as they are written.
        image: The one that names the images.
        separator: What stands between two cells.
        encoding: What its text is written in.
    """

    path: str
    columns: Mapping[str, ColumnKind]
    image: str
    separator: str
    encoding: str
    names_files: bool = True

    @property
    def note(self) -> str:
        """What a reader should know of the text; empty where it is plain."""
        if self.encoding != _WINDOWS:
            return ""
        return f"{self.path} is not UTF-8 and was read as Windows-1252; look at the accents"

    def count(self) -> int | None:
        """Counts the lines, which is about the rows; None for gzip, which would take long."""
        lines = count_lines(Path(self.path))
        return None if lines is None else max(1, lines - 1)

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives the image of each row."""
        try:
            with _open_rows(self.path, self.encoding, self.separator) as rows:
                next(rows)
                yield from self._read_rows(rows)
        except (DataError, UnicodeError) as error:
            yield fail(self.path, ImageError(str(error), fault=Fault.DAMAGED))

    def _read_rows(self, rows: Any) -> Iterator[Item]:
        number = 0
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield self._fail_row(rows.line_num, f"{error}")
                continue
            if row is None:
                return
            number += bool(row)
            if len(row) == len(self.columns):
                yield self._name_image(number, row)
            elif row:
                reason = f"expected {len(self.columns)} cells, received {len(row)}"
                yield self._fail_row(rows.line_num, reason)

    def _name_image(self, number: int, row: Sequence[str]) -> Item:
        cells = dict(zip(self.columns, row, strict=True))
        image = cells[self.image].strip()
        if image:
            return ImageFile(os.path.join(os.path.dirname(self.path), image), cells)
        where = f"{make_printable(self.path)}, row {number}"
        message = f"{where}: the column '{self.image}' is empty; fill it in"
        return fail(self.path, ImageError(message, fault=Fault.MISSING), name=where, extras=cells)

    def _fail_row(self, line: int, reason: str) -> Item:
        where = f"{make_printable(self.path)}, line {line}"
        error = ImageError(f"{where}: {reason}; mend the row", fault=Fault.DAMAGED)
        return fail(self.path, error, name=where)


def open_feed_csv(path: str, *, image: str) -> FeedCsv | None:
    """Opens a feed in CSV, None where no column is called `image` in any case.

    Raises:
        DataError: The file cannot be read, a column occurs twice, or there are no rows.
    """
    encoding = _find_encoding(Path(path))
    header, separator = _read_header(path, encoding, image)
    named = find_column(path, header, image)
    if named is None:
        return None
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: the column '{twice}' occurs twice; give each its own name")
    source = FeedCsv(path, dict.fromkeys(header, "text"), named, separator, encoding)
    if next(source.read((1, 1)), None) is None:
        raise DataError(f"{path} has column names but no rows; expected one row an image")
    return source


def find_column(path: str, columns: Sequence[str], name: str) -> str | None:
    """Returns the column called `name`: spelled just so, else in another case; None without one.

    Raises:
        DataError: Several are called so, none spelled just so.
    """
    if name in columns:
        return name
    found = [one for one in columns if one.strip().casefold() == name]
    if len(found) > 1:
        raise DataError(
            f"{path}: the columns '{found[0]}' and '{found[1]}' may both be '{name}'; rename one"
        )
    return found[0] if found else None


@contextmanager
def _open_rows(path: str, encoding: str, separator: str) -> Iterator[Any]:
    errors = "replace" if encoding == _WINDOWS else "strict"
    with (
        open_plain(Path(path)) as stream,
        io.TextIOWrapper(stream, encoding, errors, newline="") as text,
    ):
        lines = iter(lambda: text.readline(LONGEST_LINE), "")
        yield csv.reader(lines, delimiter=separator, strict=True)


def _find_encoding(path: Path) -> str:
    """Returns what the text of a file is written in: UTF-8 where all of it can be."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_plain(path) as stream:
        block = stream.read(_BYTES_AT_ONCE)
        if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return _UTF16
        try:
            while block:
                decoder.decode(block)
                block = stream.read(_BYTES_AT_ONCE)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return _WINDOWS
    return _UTF8


def _read_header(path: str, encoding: str, image: str) -> tuple[list[str], str]:
    """Returns the names of the columns and the separator: the one that makes most columns."""
    best: tuple[list[str], str] = [], ","
    for separator in _SEPARATORS:
        try:
            with _open_rows(path, encoding, separator) as rows:
                header: list[str] = next(rows, [])
        except (UnicodeError, csv.Error):
            continue
        if (image in _fold(header), len(header)) > (image in _fold(best[0]), len(best[0])):
            best = header, separator
    return best


def _fold(header: Sequence[str]) -> list[str]:
    return [one.strip().casefold() for one in header]
