"""Feeds in CSV as brands send them: any separator, any case of column names, not always UTF-8."""

import codecs
import csv
from collections.abc import Sequence
from pathlib import Path

from hangtag.catalogue.columns import find_column
from hangtag.catalogue.gzipped import open_plain
from hangtag.inputs.items import ColumnKind, Source
from hangtag.inputs.manifests import (
    UTF8,
    CsvManifest,
    open_csv_rows,
    require_distinct,
    require_rows,
)

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt")

_UTF16, _WINDOWS = "utf-16", "cp1252"
_SEPARATORS = ",;\t|"
_BYTES_AT_ONCE = 1 << 20


def open_feed_csv(path: str, *, image: str) -> tuple[CsvManifest | None, list[str]]:
    """Opens a feed in CSV, None where no column is called `image` in any case; and its columns.

    Raises:
        DataError: The file cannot be read, a column occurs twice, or there are no rows.
    """
    encoding = find_encoding(Path(path))
    header, separator = _read_header(path, encoding, image)
    named = find_column(path, header, image)
    if named is None:
        return None, header
    require_distinct(path, header)
    columns: dict[str, ColumnKind] = dict.fromkeys(header, "text")
    return require_rows(CsvManifest(path, columns, named, separator, encoding)), header


def note_of(source: Source) -> str:
    """Returns what a reader should know of the text of a feed; empty where it is plain."""
    if not isinstance(source, CsvManifest) or source.encoding != _WINDOWS:
        return ""
    return f"{source.path} is not UTF-8 and was read as Windows-1252; look at the accents"


def find_encoding(path: Path) -> str:
    """Returns what the text of a file is written in: UTF-8 where all of it can be.

    Raises:
        DataError: The file cannot be read, or is empty.
    """
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
    return UTF8


def _read_header(path: str, encoding: str, image: str) -> tuple[list[str], str]:
    """Returns the names of the columns and the separator: the one that makes most columns."""
    best: tuple[list[str], str] = [], ","
    for separator in _SEPARATORS:
        try:
            with open_csv_rows(path, encoding, separator) as rows:
                header: list[str] = next(rows, [])
        except (UnicodeError, csv.Error):
            continue
        if (image in _fold(header), len(header)) > (image in _fold(best[0]), len(best[0])):
            best = header, separator
    return best


def _fold(header: Sequence[str]) -> list[str]:
    return [one.strip().casefold() for one in header]
