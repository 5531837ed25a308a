"""CSV that is safe to open in a spreadsheet and reads back exactly.

A spreadsheet runs a cell as a formula when it starts with = + - @ (also in their wide forms), a
tab, a line feed or a carriage return. Such a text is written with an apostrophe before it, unless
it is a number. A text that already has apostrophes before such a start gets one more, so that
reading removes exactly what writing added.
Source: OWASP, "CSV Injection".
"""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from hangtag.errors import DataError
from hangtag.files.atomic import write_text

_RISKY = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_QUOTED = re.compile(r'[",;\t\r\n]')
"""A spreadsheet may split cells at semicolons or tabs; the rest must not become a formula."""

_LARGEST_CELL = 1 << 24


def write_csv_rows(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Writes a small table; the file appears whole or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    write_text(path, "".join(map(format_row, (columns, *rows))))


def format_row(cells: Iterable[object]) -> str:
    """Returns a line of CSV; None becomes an empty cell."""
    return ",".join(map(_format_cell, cells)) + "\n"


def read_csv_rows(path: Path) -> Iterator[dict[str, str]]:
    """Reads a CSV file that Hangtag wrote; gives each row as texts by column.

    Apostrophes that protect spreadsheets are removed, so the texts are those that were written.

    Raises:
        DataError: The file cannot be read.
    """
    limit = csv.field_size_limit(_LARGEST_CELL)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = [restore_text(name) for name in next(rows, [])]
            for row in rows:
                yield dict(zip(header, map(restore_text, row), strict=True))
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} is not a CSV file that hangtag wrote: {reason}") from error
    finally:
        csv.field_size_limit(limit)


def restore_text(text: str) -> str:
    """Returns a cell as it was before it was made safe for a spreadsheet."""
    return text[1:] if _ESCAPED.match(text) else text


def _format_cell(cell: object) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return str(cell)
    if _RISKY.match(cell) and not _NUMBER.fullmatch(cell):
        cell = f"'{cell}"
    if _QUOTED.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell
