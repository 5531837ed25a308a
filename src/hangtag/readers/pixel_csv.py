"""Pixel CSV, as Kaggle's Fashion-MNIST: ``pixel1,...,pixel784`` with or without ``label``.

One row an image and one line a row, integers 0-255, row by row from the top left, in any order of
the columns; `pixel_columns` knows their other names. Blocks of lines are parsed by array
operations; a block in which anything is out of the ordinary is parsed line by line, to say what and
where.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.gzipped import open_plain
from hangtag.files.paths import make_printable, shorten
from hangtag.images.spec import FASHION_MNIST_SPEC
from hangtag.readers.pixel_columns import LABEL, PixelColumns, inspect_pixels, is_index
from hangtag.readers.record import (
    SPLIT_ALIASES,
    SPLIT_NAMES,
    ArraySource,
    Record,
    Source,
    SplitArrays,
    fail,
)
from hangtag.tables.columns import ColumnKind
from hangtag.tables.csv_rows import LONGEST_LINE
from hangtag.tables.csv_text import count_lines
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES
from hangtag.taxonomy.spelling import fold_class

_SPLIT_FILE = re.compile(
    rf"(?:(?P<name>.+)[-_. ])?(?P<split>{'|'.join(SPLIT_ALIASES)})\.(csv|tsv|txt)(\.gz)?",
    re.IGNORECASE,
)
_WHOLE_NUMBER = re.compile(r"(-?[0-9]{1,40})(\.0*)?")
_PIXEL_TEXTS = {
    text: value for value in range(256) for text in (str(value), f"{value}.0", f"{value}.")
}
_CLASSES = {fold_class(name): index for index, name in enumerate(FASHION_MNIST_CLASSES)}
_LINES_A_BLOCK = 200
_BLOCK_BYTES = 4 << 20
_NEWLINE, _ZERO = b"\n0"
_MOST_DIGITS = 3
_BRIGHTEST = 255


class PixelCsv(Source):
    """The rows of a pixel CSV, gzip or not, whose images are square.

    A row that cannot be read becomes a record of its error; the others are read all the same.
    Columns that hold no pixel are passed through as text.

    Raises:
        DataError: It cannot be read, a column occurs twice, or there are no rows.
    """

    def __init__(self, path: str, columns: PixelColumns) -> None:
        names = columns.names
        repeated = next((name for name, count in Counter(names).items() if count > 1), None)
        if repeated is not None:
            raise DataError(f"{path}: the column '{repeated}' occurs twice; give each its own name")
        _require_rows(path, columns)
        self._path, self._columns = path, columns

    def __iter__(self) -> Iterator[Record]:
        name, extras = make_printable(self._path), list(self.columns)
        label_column = self._find_label()
        try:
            rows = _Parser(self._path, self._columns, self._find_size()).read()
            for number, row in enumerate(rows):
                place = f"{name}[{number}]"
                if row.error is not None:
                    yield fail(self._path, row.error, name=place)
                    continue
                cells = dict(zip(extras, row.cells, strict=True))
                yield Record(
                    name=place,
                    id=place,
                    image=row.image,
                    source=self._path,
                    label=cells.get(label_column),
                    extras=cells,
                )
        except ImageError as error:
            yield fail(self._path, error)
        except DataError as error:
            yield fail(self._path, ImageError(str(error), error_kind=ErrorKind.DAMAGED))

    @property
    def total(self) -> int | None:
        """The number of lines after the header; None for gzip, where counting takes long."""
        lines = count_lines(Path(self._path))
        return None if lines is None else max(0, lines - 1)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns that hold no pixel."""
        return dict.fromkeys(self._columns.others.values(), "text")

    def _find_label(self) -> str:
        others, names = self._columns.others, self._columns.names
        return next((name for at, name in others.items() if names[at] == LABEL), LABEL)

    def _find_size(self) -> tuple[int, int]:
        pixels = set(self._columns.pixels)
        side = math.isqrt(len(pixels))
        if side * side != len(pixels) or pixels != set(_name_pixels((side, side))):
            raise ImageError(
                f"{self._path}: expected the columns pixel1 to pixelN of square images, such as "
                f"pixel784 for 28x28, received {len(pixels)} such columns",
                error_kind=ErrorKind.MISSHAPEN,
            )
        return side, side


class PixelCsvSplits(ArraySource):
    """Pixel CSV files of Fashion-MNIST that are the splits of one data set.

    Their names end in the split, ``NAME_train.csv``; a file without one is ``train``. They have the
    columns ``label`` and ``pixel1`` to ``pixel784``, and no other but one that numbers the rows.

    Raises:
        DataError: The files belong to several data sets, or lack a column or a row.
    """

    def __init__(self, source: Path, files: Sequence[Path]) -> None:
        self._source = source
        found: dict[str, Path] = {}
        names = set()
        for path in files:
            name, split = _split_name(path)
            names.add(name)
            if split in found or len(names) > 1:
                raise DataError(
                    f"{source} holds more than one data set: {files[0].name} and {path.name}; "
                    "open one file, or leave one NAME with one file a split"
                )
            found[split] = path
        self.name = names.pop() or source.resolve().name
        self._files = {split: found[split] for split in SPLIT_NAMES if split in found}
        self._columns = {
            split: _require_columns(path, inspect_pixels(path))
            for split, path in self._files.items()
        }

    def read_splits(self) -> Iterator[SplitArrays]:
        """Gives the splits; raises DataError at the first thing that is wrong."""
        for split, path in self._files.items():
            columns = self._columns[split]
            label = [columns.names[at] for at in columns.others].index(LABEL)
            parser = _Parser(str(path), columns, FASHION_MNIST_SPEC.size, strict=True)
            images, labels = [], []
            for row in parser.read():
                if row.image is None:
                    raise row.error or DataError(f"{row.where} holds no image")
                images.append(row.image)
                labels.append(_read_label(row, row.cells[label]))
            yield SplitArrays(split, str(path), np.stack(images), np.array(labels, np.int64))

    @property
    def total(self) -> int | None:
        """The number of lines after the headers; None for gzip, where counting takes long."""
        lines = [count_lines(path) for path in self._files.values()]
        return None if None in lines else sum((count or 1) - 1 for count in lines)

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten classes of Fashion-MNIST: the files hold only their numbers."""
        return FASHION_MNIST_CLASSES


def is_split_file(path: Path) -> bool:
    """Tells whether a file is called as a split, such as ``NAME_train.csv`` or ``test.csv``."""
    return _SPLIT_FILE.fullmatch(path.name) is not None


@dataclass(frozen=True, slots=True)
class _PixelRow:
    """A row: its pixels (H, W) and the cells of its other columns, or its error."""

    where: str
    image: NDArray[np.uint8] | None
    cells: Sequence[str] = ()
    error: ImageError | None = None


class _Parser:
    """Parses the rows of a file whose columns are known.

    Args:
        path: The file.
        columns: Its columns.
        size: Height and width of its images.
        strict: Whether a line of white space is an error; else it is left out.
    """

    def __init__(
        self, path: str, columns: PixelColumns, size: tuple[int, int], *, strict: bool = False
    ) -> None:
        self._path, self._size, self._strict = path, size, strict
        self._header, self._has_header = list(columns.header), columns.has_header
        self._separator = columns.separator
        names = {name: position for position, name in enumerate(columns.names)}
        self._pixels = np.array([names[name] for name in _name_pixels(size)])
        self._others = list(columns.others)
        self._in_order = bool((np.diff(self._pixels) == 1).all())

    def read(self) -> Iterator[_PixelRow]:
        """Gives the rows in order; raises DataError where the file cannot be read on."""
        with open_plain(Path(self._path)) as stream:
            if self._has_header:
                stream.readline(LONGEST_LINE)
            numbered = self._number_lines(stream)
            while block := _take_block(numbered):
                rows = self._parse_block([line for _, _, line in block])
                if rows is None:
                    yield from (self._parse_line(*row) for row in block)
                    continue
                for (number, line, _), (image, cells) in zip(block, rows, strict=True):
                    yield _PixelRow(self._place(number, line), image, cells)

    def _number_lines(self, stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
        """Gives the number of each row, that of its line, and the line."""
        number, blank = 0, b"\r\n" if self._strict else None
        first = 2 if self._has_header else 1
        lines = iter(lambda: stream.readline(LONGEST_LINE), b"")
        for line, content in enumerate(lines, first):
            if content.strip(blank):
                number += 1
                yield number, line, content

    def _parse_block(
        self, lines: Sequence[bytes]
    ) -> list[tuple[NDArray[np.uint8], Sequence[str]]] | None:
        """Parses lines at once; returns None when any of them is not plain digits and commas."""
        content = b"".join(lines)
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n")
        if not content.endswith(b"\n"):
            content += b"\n"
        columns = len(self._header)
        if b'"' in content or content.count(b"\n") != len(lines):
            return None
        values = np.frombuffer(content, np.uint8)
        ends = np.flatnonzero((values == ord(self._separator)) | (values == _NEWLINE))
        last = values[ends[columns - 1 :: columns]]
        if len(ends) != columns * len(lines) or (last != _NEWLINE).any():
            return None
        lengths = np.diff(ends, prepend=-1) - 1
        pixels = _parse_pixels(values, *map(self._select, (ends, lengths)))
        others = self._read_others(content, ends.reshape(-1, columns))
        if others is None or pixels is None:
            return None
        return list(zip(pixels.reshape(-1, *self._size), others, strict=True))

    def _select(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the entries of pixel cells, (N, P), from those of all cells, (N * columns,)."""
        table = cells.reshape(-1, len(self._header))
        if self._in_order:
            return table[:, self._pixels[0] : self._pixels[-1] + 1]
        return table[:, self._pixels]

    def _read_others(self, content: bytes, ends: NDArray[np.int64]) -> list[list[str]] | None:
        """Returns the texts of the other columns, given where cells end (N, columns).

        None where they are no UTF-8.
        """
        before = np.concatenate([[-1], ends[:-1, -1]])  # where the row before ends
        starts = np.empty((len(ends), len(self._others)), np.int64)
        for column, at in enumerate(self._others):
            starts[:, column] = (ends[:, at - 1] if at else before) + 1
        places = zip(starts.tolist(), ends[:, self._others].tolist(), strict=True)
        try:
            return [
                [content[start:end].decode() for start, end in zip(*place, strict=True)]
                for place in places
            ]
        except UnicodeDecodeError:
            return None

    def _parse_line(self, number: int, line: int, content: bytes) -> _PixelRow:
        """Parses one row of a block that is out of the ordinary."""
        where = self._place(number, line)
        try:
            cells = self._split(content)
            pixels = [_parse_pixel(self._header[at], cells[at]) for at in self._pixels.tolist()]
        except ValueError as error:
            return _PixelRow(where, None, error=_bad_row(where, str(error)))
        image = np.array(pixels, np.uint8).reshape(self._size)
        return _PixelRow(where, image, [cells[at] for at in self._others])

    def _split(self, content: bytes) -> list[str]:
        text = content.decode("utf-8", "backslashreplace").rstrip("\r\n")
        if not text.strip():
            raise ValueError(": the line holds only white space")
        try:
            cells = next(csv.reader([text], delimiter=self._separator), [])
        except csv.Error as error:
            raise ValueError(f": {error}") from error
        if len(cells) != len(self._header):
            raise ValueError(f": expected {len(self._header)} cells, received {len(cells)}")
        return cells

    def _place(self, number: int, line: int) -> str:
        return f"{self._path}, row {number} (line {line} of the file)"


def _parse_pixels(
    values: NDArray[np.uint8], ends: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.uint8] | None:
    """Reads cells as pixels, (N, P); None when one is not a whole number 0-255 of plain digits.

    Args:
        values: The bytes of the text.
        ends: Where the byte after each cell is, (N, P).
        lengths: Bytes of each cell, (N, P).
    """
    has_tens, has_hundreds = lengths >= 2, lengths == 3
    # Bytes below "0" wrap around to more than 9.
    ones = np.take(values, ends - 1) - np.uint8(_ZERO)
    tens = (np.take(values, ends - 2) - np.uint8(_ZERO)) * has_tens
    hundreds = (np.take(values, ends - 3) - np.uint8(_ZERO)) * has_hundreds
    digits = max(ones.max(), tens.max(), hundreds.max())
    if lengths.min() < 1 or lengths.max() > _MOST_DIGITS or digits > 9:
        return None
    if hundreds.max() > 2 or ((hundreds == 2) & (10 * tens + ones > _BRIGHTEST - 200)).any():
        return None
    pixels: NDArray[np.uint8] = 100 * hundreds + 10 * tens + ones
    return pixels


def _parse_pixel(column: str, cell: str) -> int:
    value = _PIXEL_TEXTS.get(cell)
    return _parse_number(column, cell, "a pixel", _BRIGHTEST) if value is None else value


def _parse_number(column: str, cell: str, meaning: str, highest: int) -> int:
    """Returns a whole number 0 to `highest`; raises ValueError, which begins after the place."""
    expected = f", column '{column}': expected {meaning} 0-{highest}, received"
    text = cell.strip(" \t")
    match = _WHOLE_NUMBER.fullmatch(text)  # int() takes more, such as 1_0 and foreign digits.
    if not match:
        raise ValueError(f"{expected} {cell[:40]!r}, which is not a whole number")
    if not 0 <= int(match[1]) <= highest:
        raise ValueError(f"{expected} {int(match[1])}, which is outside")
    return int(match[1])


def _read_label(row: _PixelRow, cell: str) -> int:
    """Returns the number of the class that a cell holds, which may be its name."""
    named = _CLASSES.get(fold_class(cell))
    if named is not None:
        return named
    try:
        return _parse_number(LABEL, cell, "a label", len(FASHION_MNIST_CLASSES) - 1)
    except ValueError as error:
        raise _bad_row(row.where, str(error)) from error


def _bad_row(where: str, problem: str) -> ImageError:
    return ImageError(f"{where}{problem}; mend the row", error_kind=ErrorKind.DAMAGED)


def _take_block(lines: Iterator[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    block: list[tuple[int, int, bytes]] = []
    size = 0
    while len(block) < _LINES_A_BLOCK and size < _BLOCK_BYTES and (row := next(lines, None)):
        block.append(row)
        size += len(row[2])
    return block


def _name_pixels(size: tuple[int, int]) -> list[str]:
    return [f"pixel{number}" for number in range(1, size[0] * size[1] + 1)]


def _split_name(path: Path) -> tuple[str, str]:
    """Returns the data set and the split that a file belongs to by its name."""
    match = _SPLIT_FILE.fullmatch(path.name)
    if match:
        return match["name"] or "", SPLIT_ALIASES[match["split"].lower()]
    return path.name.removesuffix(".gz").removesuffix(".csv"), "train"


def _require_rows(path: str | Path, columns: PixelColumns) -> None:
    """Raises DataError where nothing follows the header."""
    with open_plain(Path(path)) as stream:
        if columns.has_header:
            stream.readline(LONGEST_LINE)
        if not stream.read(1):
            raise DataError(f"{path} has a header but no rows; get the file again")


def _require_columns(path: Path, columns: PixelColumns | None) -> PixelColumns:
    """Raises DataError where a column is missing or one too many for Fashion-MNIST, or no row."""
    wanted = [LABEL, *_name_pixels(FASHION_MNIST_SPEC.size)]
    names = columns.names if columns else ()
    missing = [name for name in wanted if name not in set(names)]
    if missing or columns is None:
        raise DataError(
            f"{path}: the column '{missing[0]}' is missing ({len(missing)} missing in all); "
            f"expected label, pixel1, ..., {wanted[-1]}"
        )
    extra = [name for name in (Counter(names) - Counter(wanted)) if not is_index(name)]
    if extra:
        raise DataError(
            f"{path}: the column '{shorten(extra[0])}' is one too many ({len(names)} columns); "
            f"expected label, pixel1, ..., {wanted[-1]}, {len(wanted)} columns"
        )
    _require_rows(path, columns)
    return columns
