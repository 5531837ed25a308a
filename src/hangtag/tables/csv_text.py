"""Reads CSV as people send it: any separator, UTF-8 or not, gzip or not."""

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hangtag.errors import DataError
from hangtag.files.gzipped import is_gzip, open_plain
from hangtag.tables.csv_rows import CsvRow, LooksLikeRow, read_lines, split_rows

UTF8 = "utf-8-sig"
"""UTF-8, with or without a byte order mark."""

MOST_BLANKS = 1 << 20
"""Blank lines in a row before a table is refused; a spreadsheet has so many rows."""

_UTF16, _WINDOWS = "utf-16", "cp1252"
_ON_ERROR = {UTF8: "surrogateescape", _WINDOWS: "replace"}
"""How undecodable bytes are handled; in other encodings they mean that the file is damaged."""

_BROKEN = re.compile("[\ud800-\udfff]")
_LETTER = re.compile("[^\x00-\x7f\ud800-\udfff\ufeff]")
"""Undecodable bytes; and letters beyond ASCII, except a byte order mark."""

_SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n?')
"""What Excel takes for the separator, in the first line of a file."""

_BYTES_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class CsvForm:
    """How a CSV file is written.

    Attributes:
        header: Column names.
        separator: The character between two cells.
        encoding: The encoding of its text.
    """

    header: tuple[str, ...]
    separator: str = ","
    encoding: str = UTF8

    def note(self, path: str | Path) -> str:
        """Returns a warning when the encoding is a guess, else an empty text."""
        if self.encoding != _WINDOWS:
            return ""
        return f"{path} is not UTF-8 and was read as Windows-1252; look at the accents"


def refuse_spreadsheet(path: str | Path) -> None:
    """Raises DataError for a file of a spreadsheet, by its name."""
    if str(path).lower().endswith(_SPREADSHEETS):
        raise DataError(
            f"{path} is a spreadsheet, such as XLSX; save its sheet as CSV and give that"
        )


def inspect_csv(path: Path, column: str) -> CsvForm:
    """Detects encoding, separator and header of a table with the column `column`, in any case.

    The separator is the one that gives that column, then the one that gives most columns.

    Raises:
        DataError: The file cannot be read, or is empty.
    """
    return _find_form(path, find_encoding(path), column, _SEPARATORS)


def read_header(path: Path, column: str = "") -> list[str]:
    """Returns the column names of a table; see `inspect_header`."""
    return list(inspect_header(path, column).header)


def inspect_header(path: Path, column: str = "") -> CsvForm:
    """Detects the header of a table; reads only the first lines.

    Args:
        path: The table.
        column: A column that it should have.

    Raises:
        DataError: The file cannot be read, is empty, or is no table.
    """
    form = _find_form(path, find_encoding(path, most=_BYTES_AT_ONCE), column, _SEPARATORS)
    if form.encoding != UTF8 and _count_columns(form.header, column) < (False, 2):
        raise DataError(
            f"{path}: expected a CSV with column names in its first line, received something "
            "else; check that it is the right file"
        )
    return form


def find_encoding(path: Path, *, most: int | None = None) -> str:
    """Detects the encoding of a text file: UTF-8, UTF-16, or Windows-1252 as Excel writes it.

    A file with both valid and invalid UTF-8 beyond ASCII counts as damaged UTF-8.

    Args:
        path: The file.
        most: Number of bytes to read; all by default.

    Raises:
        DataError: The file cannot be read, or is empty.
    """
    decoder, seen = codecs.getincrementaldecoder("utf-8")("surrogateescape"), 0
    broken = letters = False
    with open_plain(path) as stream:
        block = stream.read(_BYTES_AT_ONCE)
        if not block:
            raise DataError(f"{path} is an empty gzip file (0 bytes); get the file again")
        if block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return _UTF16
        while block and not letters and (most is None or seen < most):
            seen += len(block)
            text = decoder.decode(block)
            broken = broken or bool(_BROKEN.search(text))
            letters = bool(_LETTER.search(text))
            block = stream.read(_BYTES_AT_ONCE)
        if not letters and not block:
            broken = broken or bool(decoder.decode(b"", final=True))
    return _WINDOWS if broken and not letters else UTF8


@contextmanager
def open_csv_rows(
    path: Path, form: CsvForm, *, looks_like_row: LooksLikeRow = lambda cells: False
) -> Iterator[Iterator[CsvRow]]:
    """Opens the rows of a table that follow the names of the columns.

    Bytes that cannot be decoded become surrogates, or in Windows-1252 question marks.

    Args:
        path: The table.
        form: How it is written.
        looks_like_row: See `hangtag.tables.csv_rows.split_rows`.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with _open_rows(path, form, len(form.header), looks_like_row) as rows:
            next(rows, None)
            yield rows
    except UnicodeError as error:
        raise DataError(f"{path} is no text in UTF-16: {error}; save it again as UTF-8") from error


@contextmanager
def _open_rows(
    path: Path, form: CsvForm, columns: int, looks_like_row: LooksLikeRow
) -> Iterator[Iterator[CsvRow]]:
    errors = _ON_ERROR.get(form.encoding, "strict")
    with (
        open_plain(path) as stream,
        io.TextIOWrapper(stream, form.encoding, errors, newline="") as text,
    ):
        lines = _bound_blanks(path, _skip_separator_line(read_lines(text.readline)))
        yield split_rows(lines, form.separator, columns=columns, looks_like_row=looks_like_row)


def _skip_separator_line(lines: Iterator[str]) -> Iterator[str]:
    """Gives lines, the first of them empty where it only names the separator."""
    for number, line in enumerate(lines):
        yield "\n" if number == 0 and _SEPARATOR_LINE.fullmatch(line) else line


def _bound_blanks(path: Path, lines: Iterator[str]) -> Iterator[str]:
    """Gives the lines of a table; raises DataError where blank ones go on and on."""
    blanks = 0
    for line in lines:
        blanks = blanks + 1 if len(line) < 3 and line.isspace() else 0
        if blanks > MOST_BLANKS:
            raise DataError(
                f"{path} holds more than {MOST_BLANKS:,} blank lines in a row; check where it "
                "comes from"
            )
        yield line


def count_lines(path: Path) -> int | None:
    """Counts the lines of a file, a last one without an end too; None for gzip, which takes long.

    Raises:
        DataError: The file cannot be read.
    """
    if is_gzip(path):
        return None
    lines, last = 0, b"\n"
    with open_plain(path) as stream:
        for block in iter(lambda: stream.read(_BYTES_AT_ONCE), b""):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")


def _find_form(path: Path, encoding: str, column: str, separators: str) -> CsvForm:
    separators = _read_separator(path, encoding) or separators
    best = CsvForm((), separators[0], encoding)
    for separator in separators:
        form = CsvForm((), separator, encoding)
        try:
            with _open_rows(path, form, 0, lambda cells: False) as rows:
                first = next(rows, None)
        except UnicodeError:
            continue
        if first is None or first.problem:
            continue
        form = CsvForm(tuple(first.cells), separator, encoding)
        if _count_columns(form.header, column) > _count_columns(best.header, column):
            best = form
    return best


def _read_separator(path: Path, encoding: str) -> str:
    """Returns the separator that a first line ``sep=;`` names; empty where there is none."""
    with (
        open_plain(path) as stream,
        io.TextIOWrapper(stream, encoding, "replace", newline="") as text,
    ):
        match = _SEPARATOR_LINE.fullmatch(text.readline(80))
    return match[1] if match else ""


def _count_columns(header: Sequence[str], column: str) -> tuple[bool, int]:
    return column in [name.strip().casefold() for name in header], len(header)
