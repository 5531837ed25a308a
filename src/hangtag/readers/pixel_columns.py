"""Which columns of a pixel CSV hold which pixel, under the names that people give them.

Kaggle writes ``pixel1`` to ``pixel784``, OpenML calls the labels ``class``, others write
``pixel0``, ``1x1`` to ``28x28``, plain numbers or no names at all, and pandas adds a column for its
index.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hangtag.tables.csv_text import inspect_header

LABEL = "label"

_PIXEL = re.compile(r"(?:pixel|px|p)?[_ ]?([0-9]{1,9})", re.IGNORECASE)
_NAMED_PIXEL = re.compile(r"(?:pixel|px|p)[_ ]?([0-9]{1,9})", re.IGNORECASE)
_PLACE = re.compile(r"([0-9]{1,4})x([0-9]{1,4})", re.IGNORECASE)
_LABELS = frozenset({"label", "labels", "class", "target", "y"})
_INDEXES = frozenset({"", "index", "id", "unnamed: 0"})
_FEWEST = 16
"""Columns below which numbers in the first line are no pixels."""

_BRIGHTEST = 255


@dataclass(frozen=True, slots=True)
class PixelColumns:
    """The columns of a pixel CSV.

    Attributes:
        header: Their names as written; made up where the file has none.
        names: For each ``pixel1``, ``pixel2``, ... from the top left row by row, ``label``, or for
            any other its own name.
        separator: The character between two cells.
        has_header: Whether the first line holds the names.
    """

    header: tuple[str, ...]
    names: tuple[str, ...]
    separator: str = ","
    has_header: bool = True

    @property
    def pixels(self) -> list[str]:
        """The names of the pixels, in the order of the columns."""
        return [name for name in self.names if is_pixel(name)]

    @property
    def others(self) -> dict[int, str]:
        """Position -> name as written, of the columns that hold no pixel."""
        return {
            position: self.header[position]
            for position, name in enumerate(self.names)
            if not is_pixel(name)
        }


def is_pixel(name: str) -> bool:
    """Tells whether a name of `PixelColumns.names` is that of a pixel."""
    return name.startswith("pixel") and name[5:].isdecimal()


def is_index(name: str) -> bool:
    """Tells whether a column only numbers the rows, as pandas writes one."""
    return name.strip().casefold() in _INDEXES


def inspect_pixels(path: str | Path) -> PixelColumns | None:
    """Returns the columns of a pixel CSV, gzip or not; None where the file is none.

    Raises:
        DataError: The file cannot be read.
    """
    form = inspect_header(Path(path))
    return read_columns(form.header, form.separator)


def read_columns(header: Sequence[str], separator: str = ",") -> PixelColumns | None:
    """Returns what the names in the first line of a pixel CSV mean; None where it is none."""
    names = [name.strip() for name in header]
    if _is_row(names):
        return _make_up(names, separator)
    pixels = _number_pixels(names)
    labels = [at for at, name in enumerate(names) if name.casefold() in _LABELS]
    if not pixels and not (len(names) == 1 and labels):
        return None
    meant = [f"pixel{pixels[at]}" if at in pixels else header[at] for at in range(len(names))]
    if len(labels) == 1:
        meant[labels[0]] = LABEL
    return PixelColumns(tuple(header), tuple(meant), separator)


def _number_pixels(names: Sequence[str]) -> dict[int, int]:
    """Returns position -> number of the pixel, from 1."""
    for pattern in (_NAMED_PIXEL, _PIXEL):
        found = {at: match for at, name in enumerate(names) if (match := pattern.fullmatch(name))}
        numbers = {at: int(match[1]) for at, match in found.items()}
        if numbers and (pattern is _NAMED_PIXEL or len(numbers) >= _FEWEST):
            first = 0 if 0 in numbers.values() else 1
            return {at: number - first + 1 for at, number in numbers.items()}
    places = {
        at: (int(match[1]), int(match[2]))
        for at, name in enumerate(names)
        if (match := _PLACE.fullmatch(name))
    }
    if len(places) < _FEWEST:
        return {}
    first = min(min(place) for place in places.values())
    width = max(column for _, column in places.values()) - first + 1
    return {at: (row - first) * width + column - first + 1 for at, (row, column) in places.items()}


def _is_row(cells: Sequence[str]) -> bool:
    """Tells whether these are pixels, with or without a label, not names."""
    if len(cells) < _FEWEST or not all(cell.isdecimal() and cell.isascii() for cell in cells):
        return False
    count = len(cells)
    has_side = any(math.isqrt(size) ** 2 == size for size in (count, count - 1))
    numbers = [int(cell) for cell in cells if len(cell) <= 3]
    is_dark = len(numbers) == count and max(numbers) <= _BRIGHTEST
    return has_side and is_dark and len(set(numbers)) < count


def _make_up(cells: Sequence[str], separator: str) -> PixelColumns:
    count = len(cells)
    labelled = math.isqrt(count) ** 2 != count
    names = [LABEL] if labelled else []
    names += [f"pixel{number}" for number in range(1, count - len(names) + 1)]
    return PixelColumns(tuple(names), tuple(names), separator, has_header=False)
