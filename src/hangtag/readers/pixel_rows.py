"""Rows of a pixel CSV, ``pixel1,...,pixel784`` with or without ``label``, block by block.

A row that is not as it should be becomes a recorded error; the others are read all the same. Every
row is one line. Columns that are not pixels are passed through as text.
"""

import csv
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.gzipped import open_plain
from hangtag.files.paths import make_printable
from hangtag.images.items import Input, Pixels, Size, describe_sizes, fail
from hangtag.tables.columns import Cell, ColumnKind
from hangtag.tables.csv_text import LONGEST_LINE, count_lines, read_header

_PIXEL = re.compile(r"pixel[1-9][0-9]{0,8}")
_LINES_A_BLOCK = 500
_BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class PixelTable:
    """A pixel CSV, gzip or not.

    Attributes:
        path: The file.
        header: Its columns.
        columns: Those that are passed through.
    """

    path: str
    header: tuple[str, ...]
    columns: Mapping[str, ColumnKind]
    names_files: bool = False

    def count(self) -> int | None:
        """Counts the lines after the header; None for gzip, which would take long."""
        lines = count_lines(Path(self.path))
        return None if lines is None else max(0, lines - 1)

    def read(self, *sizes: Size) -> Iterator[Input]:
        """Gives a row an image, in order."""
        given = set(self.header) - set(self.columns)
        size = next((one for one in sizes if given == set(_name_pixels(one))), None)
        if size is None:
            last = " or ".join(_name_pixels(one)[-1] for one in sizes)
            error = ImageError(
                f"{self.path}: expected the columns pixel1 to {last}, received {len(given)} such "
                f"columns; images must be of {describe_sizes(sizes)}",
                error_kind=ErrorKind.MISSHAPEN,
            )
            yield fail(self.path, error)
            return
        try:
            with open_plain(Path(self.path)) as stream:
                yield from self._read_rows(stream, _name_pixels(size), size)
        except DataError as error:
            yield fail(self.path, ImageError(str(error), error_kind=ErrorKind.DAMAGED))

    def _read_rows(self, stream: BinaryIO, pixels: Sequence[str], size: Size) -> Iterator[Input]:
        stream.readline(LONGEST_LINE)
        lines = (line for line in iter(lambda: stream.readline(LONGEST_LINE), b"") if line.strip())
        numbers = itertools.count()
        while block := _take_block(lines):
            yield from self._read_block(block, numbers, pixels, size)

    def _read_block(
        self, block: Sequence[bytes], numbers: Iterator[int], pixels: Sequence[str], size: Size
    ) -> Iterator[Input]:
        table = _parse_block(block, self.header, pixels)
        if table is None:
            for line in block:
                yield self._read_line(line, next(numbers), pixels, size)
            return
        images: Pixels = np.ascontiguousarray(table.select(pixels).to_tensor().to_numpy())
        extras = {name: table.column(name).to_pylist() for name in self.columns}
        for row, image in enumerate(images.reshape(-1, *size)):
            cells: dict[str, Cell] = {column: texts[row] for column, texts in extras.items()}
            yield Input(self._name(next(numbers)), self.path, image, extras=cells)

    def _read_line(self, line: bytes, number: int, pixels: Sequence[str], size: Size) -> Input:
        """Reads one row of a block that is not in order."""
        try:
            row = self._split(line)
            values = [_parse_pixel(name, row[name]) for name in pixels]
        except ValueError as error:
            message = f"{self.path}, row {number + 1}: {error}; mend the row"
            error_kind = ImageError(message, error_kind=ErrorKind.DAMAGED)
            return fail(self.path, error_kind, name=self._name(number))
        extras: dict[str, Cell] = {name: row[name] for name in self.columns}
        image: Pixels = np.array(values, np.uint8).reshape(size)
        return Input(self._name(number), self.path, image, extras=extras)

    def _split(self, line: bytes) -> dict[str, str]:
        text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
        try:
            cells = next(csv.reader([text]), [])
        except csv.Error as error:
            raise ValueError(str(error)) from error
        if len(cells) != len(self.header):
            raise ValueError(f"expected {len(self.header)} cells, received {len(cells)}")
        return dict(zip(self.header, cells, strict=True))

    def _name(self, number: int) -> str:
        return f"{make_printable(self.path)}[{number}]"


def open_pixel_table(path: str, header: Sequence[str] | None = None) -> PixelTable:
    """Returns the pixel CSV at `path`.

    Raises:
        DataError: It cannot be read, a column occurs twice, or it holds no rows.
    """
    columns = list(header or read_header(Path(path), separators=","))
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: the column '{twice}' occurs twice; give each its own name")
    with open_plain(Path(path)) as stream:
        stream.readline(LONGEST_LINE)
        if not stream.read(1):
            raise DataError(f"{path} has a header but no rows; get the file again")
    others: dict[str, ColumnKind] = {name: "text" for name in columns if not _PIXEL.fullmatch(name)}
    return PixelTable(path, tuple(columns), others)


def is_pixel_header(header: Sequence[str]) -> bool:
    """Tells whether these are the columns of a pixel CSV."""
    return "pixel1" in header


def _name_pixels(size: Size) -> list[str]:
    return [f"pixel{number}" for number in range(1, size[0] * size[1] + 1)]


def _take_block(lines: Iterator[bytes]) -> list[bytes]:
    block: list[bytes] = []
    size = 0
    while len(block) < _LINES_A_BLOCK and size < _BLOCK_BYTES and (line := next(lines, b"")):
        block.append(line)
        size += len(line)
    return block


def _parse_block(block: Sequence[bytes], header: Sequence[str], pixels: Sequence[str]) -> Any:
    """Parses lines as one record batch; None when any of them is not as it should be."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types = dict.fromkeys(header, pa.string()) | dict.fromkeys(pixels, pa.uint8())
    content = b"".join(block)
    read = arrow_csv.ReadOptions(
        column_names=list(header), use_threads=False, block_size=len(content) + 1
    )
    convert = arrow_csv.ConvertOptions(column_types=types, null_values=[])
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(content), read_options=read, convert_options=convert
        )
    except pa.ArrowInvalid:
        return None
    batches = table.combine_chunks().to_batches()
    return batches[0] if len(table) == len(block) else None


def _parse_pixel(column: str, cell: str) -> int:
    text = cell.strip()
    if text.isascii() and text.isdigit() and len(text) < 8 and int(text) < 256:
        return int(text)
    raise ValueError(f"column '{column}': expected a pixel 0-255, received {cell[:40]!r}")
