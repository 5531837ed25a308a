"""Rows of a manifest, CSV or Parquet: each names an image and carries cells to pass through.

The column ``image``, in any case, is a path, absolute or relative to the manifest. All columns are
passed through. A row that cannot be read becomes a recorded error; the others are read all the
same.
"""

import csv
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hangtag.environment import require_extra
from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.paths import find_listed, make_printable
from hangtag.images.items import ImageFile, Item, Size, fail
from hangtag.tables.columns import Cell, ColumnKind, find_column
from hangtag.tables.csv_text import CsvForm, count_lines, inspect_csv, open_csv_rows

IMAGE_COLUMN = "image"

_ROWS_A_BATCH = 1024


@dataclass(frozen=True, slots=True)
class CsvManifest:
    """A manifest in CSV, gzip or not; all its cells are text.

    Attributes:
        path: The file.
        columns: Its columns.
        image: The one that names the images.
        form: How it is written.
    """

    path: str
    columns: Mapping[str, ColumnKind]
    image: str
    form: CsvForm
    names_files: bool = True

    @property
    def note(self) -> str:
        """What a reader should know of its text; empty where it is plain."""
        return self.form.note(make_printable(self.path))

    def count(self) -> int | None:
        """Counts the lines, which is about the rows; None for gzip, which would take long."""
        lines = count_lines(Path(self.path))
        return None if lines is None else max(1, lines - 1)

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives the image of each row."""
        try:
            with open_csv_rows(Path(self.path), self.form) as rows:
                yield from self._read_rows(rows)
        except (DataError, UnicodeError) as error:
            yield fail(self.path, ImageError(str(error), error_kind=ErrorKind.DAMAGED))

    def _read_rows(self, rows: Any) -> Iterator[Item]:
        columns = list(self.columns)
        next(rows)
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
            if len(row) == len(columns):
                cells = dict(zip(columns, map(_clean, row), strict=True))
                yield _name_image(
                    self.path, number, row[columns.index(self.image)], cells, self.image
                )
            elif row:
                reason = f"expected {len(columns)} cells, received {len(row)}"
                yield self._fail_row(rows.line_num, reason)

    def _fail_row(self, line: int, reason: str) -> Item:
        where = f"{make_printable(self.path)}, line {line}"
        error = ImageError(f"{where}: {reason}; mend the row", error_kind=ErrorKind.DAMAGED)
        return fail(self.path, error, name=where)


@dataclass(frozen=True, slots=True)
class ParquetManifest:
    """A manifest in Parquet; numbers and truths stay what they are, all else becomes text.

    Attributes:
        path: The file.
        columns: Its columns.
        image: The one that names the images.
        rows: How many rows it holds.
    """

    path: str
    columns: Mapping[str, ColumnKind]
    image: str
    rows: int
    names_files: bool = True

    def count(self) -> int | None:
        """Returns the number of rows."""
        return self.rows

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives the image of each row."""
        import pyarrow as pa
        from pyarrow import parquet

        numbers = itertools.count(1)
        try:
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(_ROWS_A_BATCH, use_threads=False):
                    values = [column.to_pylist() for column in batch.columns]
                    for row in zip(*values, strict=True):
                        yield self._read_row(next(numbers), row)
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
            message = f"{self.path} cannot be read to its end: {reason}; get the file again"
            yield fail(self.path, ImageError(message, error_kind=ErrorKind.DAMAGED))

    def _read_row(self, number: int, row: Sequence[Any]) -> Item:
        kinds = self.columns.items()
        cells: dict[str, Cell] = {
            name: value if kind != "text" or value is None else _write_text(value)
            for (name, kind), value in zip(kinds, row, strict=True)
        }
        return _name_image(self.path, number, str(cells[self.image] or ""), cells, self.image)


def open_csv_manifest(path: str) -> CsvManifest:
    """Returns the CSV manifest at `path`.

    Raises:
        DataError: A column is missing or occurs twice, or there are no rows.
    """
    form = inspect_csv(Path(path), IMAGE_COLUMN)
    image = _find_image(path, form.header)
    columns: dict[str, ColumnKind] = {_clean(name): "text" for name in form.header}
    manifest = CsvManifest(path, columns, _clean(image), form)
    if next(manifest.read((1, 1)), None) is None:
        raise DataError(f"{path} has column names but no rows; expected one row an image")
    return manifest


def open_parquet_manifest(path: str) -> ParquetManifest:
    """Returns the Parquet manifest at `path`.

    Raises:
        DataError: It is not Parquet, a column is missing or occurs twice, or there are no rows.
    """
    require_extra("parquet", "reading Parquet")
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as Parquet: {reason}") from error
    image = _find_image(path, schema.names)
    if not rows:
        raise DataError(f"{path} has column names but no rows; expected one row an image")
    columns = {name: _find_kind(schema.field(name)) for name in schema.names}
    return ParquetManifest(path, {**columns, image: "text"}, image, rows)


def _find_image(path: str, header: Sequence[str]) -> str:
    """Returns the column of the images; raises DataError without one, or where one is twice."""
    image = find_column(path, header, IMAGE_COLUMN)
    if image is None:
        raise DataError(
            f"{path}: the column '{IMAGE_COLUMN}' is missing; it holds the path of each image"
        )
    twice = next((name for name in header if list(header).count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: the column '{twice}' occurs twice; give each its own name")
    return image


def _find_kind(field: Any) -> ColumnKind:
    import pyarrow as pa

    if pa.types.is_boolean(field.type):
        return "truth"
    if pa.types.is_integer(field.type) and field.type != pa.uint64():
        return "integer"
    return "number" if pa.types.is_floating(field.type) else "text"


def _name_image(
    manifest: str, number: int, image: str, cells: Mapping[str, Cell], column: str
) -> Item:
    if image:
        return ImageFile(find_listed(image, manifest), cells)
    where = f"{make_printable(manifest)}, row {number}"
    message = f"{where}: the column '{column}' is empty; fill it in"
    return fail(
        manifest, ImageError(message, error_kind=ErrorKind.MISSING), name=where, extras=cells
    )


def _clean(text: str) -> str:
    return text if text.isascii() else make_printable(text)


def _write_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
