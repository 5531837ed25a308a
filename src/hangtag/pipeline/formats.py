"""The formats of an output: CSV, JSON lines and Parquet in a file, CSV on a stream, rows in a list.

CSV and JSON lines are appended to. Parquet cannot be: its rows wait as JSON lines and become
Parquet when all are there.
"""

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hangtag.environment import require_extra
from hangtag.errors import OutputError
from hangtag.files.atomic import sync
from hangtag.pipeline.rows import Layout, PredictionRow
from hangtag.pipeline.summary import Summary
from hangtag.tables.columns import Cell
from hangtag.tables.csv_cells import format_row
from hangtag.tables.writing import write_table


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How rows become a file.

    Attributes:
        begin: Gives what stands before the rows.
        encode: Gives rows as text, to be appended.
        finish: Makes the file of the part that holds all rows; the part may be gone then.
    """

    begin: Callable[[Layout], str]
    encode: Callable[[Layout, Iterable[PredictionRow]], str]
    finish: Callable[[Layout, Path, Path], None]


def require_format(path: Path) -> OutputFormat:
    """Returns the format for the suffix of `path`.

    Raises:
        MissingExtraError: The format is Parquet, and the extra parquet is not installed.
        OutputError: The suffix is another, or `path` is a folder.
    """
    if path.suffix not in FORMATS:
        raise OutputError(
            f"--out {path}: expected a name ending in {', '.join(FORMATS)}, received "
            f"'{path.suffix}'"
        )
    if path.is_dir():
        raise OutputError(f"--out {path} is a folder; give the name of a file")
    if path.suffix == ".parquet":
        require_extra("parquet", "writing Parquet")
    return FORMATS[path.suffix]


def csv_lines(layout: Layout, rows: Iterable[PredictionRow]) -> str:
    """Returns rows as lines of CSV."""
    return "".join(format_row(layout.cells(row)) for row in rows)


def csv_header(layout: Layout) -> str:
    """Returns the first line of a CSV file."""
    return format_row(layout.names)


def json_row(layout: Layout, row: PredictionRow) -> dict[str, Cell]:
    """Returns the cells of a row by column; JSON knows no NaN and no infinity, they become None."""
    return dict(zip(layout.columns, map(_finite, layout.cells(row)), strict=True))


class Sink(Protocol):
    """What takes rows.

    Attributes:
        summary: Counts of the rows that it has taken.
    """

    summary: Summary

    def write(self, rows: Sequence[PredictionRow]) -> None:
        """Takes rows."""


class TextStream(Protocol):
    """What takes text, such as a file open for writing."""

    def write(self, text: str, /) -> int:
        """Takes text; returns its length."""


class CsvStream:
    """Writes rows to a stream as CSV.

    Attributes:
        summary: Counts of the rows written.
    """

    def __init__(self, stream: TextStream, layout: Layout) -> None:
        self.summary = Summary()
        self._stream, self._layout = stream, layout
        stream.write(csv_header(layout))

    def write(self, rows: Sequence[PredictionRow]) -> None:
        """Writes rows."""
        self._stream.write(csv_lines(self._layout, rows))
        self.summary.add(rows)


class RowList:
    """Keeps rows as they stand in JSON.

    Attributes:
        summary: Counts of the rows kept.
        rows: The rows, cells by column.
    """

    def __init__(self, layout: Layout) -> None:
        self.summary = Summary()
        self.rows: list[dict[str, Cell]] = []
        self._layout = layout

    def write(self, rows: Sequence[PredictionRow]) -> None:
        """Keeps rows."""
        self.rows += [json_row(self._layout, row) for row in rows]
        self.summary.add(rows)


def _json_lines(layout: Layout, rows: Iterable[PredictionRow]) -> str:
    return "".join(
        json.dumps(json_row(layout, row), ensure_ascii=False, allow_nan=False) + "\n"
        for row in rows
    )


def _lines_of_lists(layout: Layout, rows: Iterable[PredictionRow]) -> str:
    return "".join(json.dumps(layout.cells(row)) + "\n" for row in rows)


def _rename(layout: Layout, part: Path, out: Path) -> None:
    os.replace(part, out)
    sync(out.parent)


def _convert_to_parquet(layout: Layout, part: Path, out: Path) -> None:
    with part.open(encoding="utf-8") as lines:
        write_table(out, layout.columns, map(json.loads, lines))


def _begin_nothing(layout: Layout) -> str:
    return ""


def _finite(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


FORMATS: Mapping[str, OutputFormat] = {
    ".csv": OutputFormat(csv_header, csv_lines, _rename),
    ".jsonl": OutputFormat(_begin_nothing, _json_lines, _rename),
    ".parquet": OutputFormat(_begin_nothing, _lines_of_lists, _convert_to_parquet),
}
