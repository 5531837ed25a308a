"""Where rows go that go into no file: lines of CSV on a stream, or a list; one row at a time."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TextIO

from hangtag.pipeline.formats import csv_header, csv_lines, json_row
from hangtag.pipeline.rows import Layout, Row
from hangtag.pipeline.summary import Summary


class Sink(Protocol):
    """What takes rows.

    Attributes:
        summary: Counts of the rows it has taken.
    """

    summary: Summary

    def write(self, rows: Sequence[Row]) -> None:
        """Takes rows."""


class CsvStream:
    """Writes rows to a stream as CSV.

    Attributes:
        summary: Counts of the rows written.
    """

    def __init__(self, stream: TextIO, layout: Layout) -> None:
        self.summary = Summary()
        self._stream, self._layout = stream, layout
        stream.write(csv_header(layout))

    def write(self, rows: Sequence[Row]) -> None:
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
        self.rows: list[dict[str, Any]] = []
        self._layout = layout

    def write(self, rows: Sequence[Row]) -> None:
        """Keeps rows."""
        self.rows += [json_row(self._layout, row) for row in rows]
        self.summary.add(rows)


class RowByRow:
    """Completes each row before another sink takes it, so that none is done in vain.

    Args:
        sink: What takes the rows.
        complete: Called with each row and its number, from 1; gives the row that is passed on.
        on_progress: Called with the number of rows taken.
    """

    def __init__(
        self, sink: Sink, complete: Callable[[Row, int], Row], on_progress: Callable[[int], None]
    ) -> None:
        self.summary = sink.summary
        self._sink, self._complete, self._on_progress = sink, complete, on_progress

    def write(self, rows: Sequence[Row]) -> None:
        """Passes rows on, one by one."""
        for row in rows:
            self._sink.write([self._complete(row, self.summary.rows + 1)])
            self._on_progress(self.summary.rows)
