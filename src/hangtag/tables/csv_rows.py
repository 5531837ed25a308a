"""Reads CSV row by row, and finds the next row again after one that is damaged.

A quote that is never closed makes every line after it part of one cell. Here a damaged row costs
only the lines up to the next one that looks like a row, and says how many it took.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

LONGEST_LINE = 1 << 20
"""Bytes or characters of the longest line, so that one without an end cannot fill the memory."""

LooksLikeRow = Callable[[Sequence[str]], bool]
"""Tells whether the cells of a line are surely those of a row."""

_LOOK_AT = 1 << 16
"""Characters of a line that tell whether it is a row."""

_END_OF_FILE = "\x1a"
"""What old programs write at the end of a text."""


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row, or lines that cannot be read as one.

    Attributes:
        line: Number of its first line, from 1.
        lines: How many lines it takes.
        cells: Its cells; none with a problem.
        problem: Why it cannot be read; empty where it can.
    """

    line: int
    lines: int
    cells: Sequence[str] = ()
    problem: str = ""

    @property
    def place(self) -> str:
        """The lines it takes, for people."""
        last = self.line + self.lines - 1
        return f"line {self.line}" if self.lines == 1 else f"lines {self.line} to {last}"


class _LongLine(str):
    """The beginning of a line that is longer than `LONGEST_LINE`; the rest is left out."""

    __slots__ = ()


def read_lines(read: Callable[[int], str]) -> Iterator[str]:
    """Gives the lines that ``readline`` of a text file reads, each within `LONGEST_LINE`."""
    while line := read(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(("\n", "\r")):
            yield line
            continue
        rest = read(LONGEST_LINE)
        yield _LongLine(line) if rest.strip("\r\n") else line + rest
        while len(rest) == LONGEST_LINE and not rest.endswith(("\n", "\r")):
            rest = read(LONGEST_LINE)


def split_rows(
    lines: Iterator[str], separator: str, *, columns: int, looks_like_row: LooksLikeRow
) -> Iterator[CsvRow]:
    """Gives the rows of a table, without those whose cells are all empty.

    Args:
        lines: With their ends.
        separator: The character between two cells.
        columns: How many cells a row has.
        looks_like_row: Looks at a line inside a quoted cell. Where it is true, the cell counts as
            one that is not closed: its row becomes a problem, and reading goes on at that line.
    """
    splitter = _Splitter(lines, separator, columns, looks_like_row)
    while (row := splitter.next_row()) is not None:
        if row.problem or any(cell.strip() not in ("", _END_OF_FILE) for cell in row.cells):
            yield row


class _Splitter:
    """Reads rows from lines that it may read again."""

    def __init__(
        self, lines: Iterator[str], separator: str, columns: int, looks_like_row: LooksLikeRow
    ) -> None:
        self._lines, self._separator = lines, separator
        self._columns, self._looks_like_row = columns, looks_like_row
        self._again: deque[str] = deque()
        self._lines_of_row: list[str] = []
        self._line = 1
        self._reader = csv.reader(self._take(), delimiter=separator, strict=True)

    def next_row(self) -> CsvRow | None:
        self._lines_of_row = []
        cells, problem = self._read()
        if cells is None and not problem:
            return None
        count = len(self._lines_of_row)
        broken = bool(problem) or len(cells or ()) != self._columns
        following = self._find_row(broken=broken)
        if following < count:
            problem = "a quote opens a cell and is not closed; write it twice"
            self._again.extendleft(reversed(self._lines_of_row[following:]))
            count = following
        first, self._line = self._line, self._line + count
        return CsvRow(first, count, () if problem else cells or (), problem)

    def _read(self) -> tuple[list[str] | None, str]:
        limit = csv.field_size_limit(LONGEST_LINE)
        try:
            return next(self._reader, None), ""
        except csv.Error as error:
            self._reader = csv.reader(self._take(), delimiter=self._separator, strict=True)
            return None, str(error)
        finally:
            csv.field_size_limit(limit)

    def _take(self) -> Iterator[str]:
        """Gives the lines to be read, and keeps those of the row that is under way."""
        while True:
            line = self._again.popleft() if self._again else next(self._lines, None)
            if line is None:
                return
            self._lines_of_row.append(line)
            if isinstance(line, _LongLine):
                raise csv.Error(f"a line is longer than {LONGEST_LINE:,} characters")
            yield line

    def _find_row(self, *, broken: bool) -> int:
        """Returns the position of the first of the further lines read that is a row of its own."""
        for position, line in enumerate(self._lines_of_row[1:], start=1):
            cells = next(csv.reader([line[:_LOOK_AT]], delimiter=self._separator), [])
            if (broken and len(cells) == self._columns) or self._looks_like_row(cells):
                return position
        return len(self._lines_of_row)
