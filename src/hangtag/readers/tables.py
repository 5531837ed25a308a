"""Tables with one row an image: CSV, gzip or not, with any separator, and Parquet.

The column ``image`` is a path, absolute or relative to the table. The columns ``id``, ``label``,
``supplier``, ``split`` and ``product`` are optional. Their names may be in any case; products may
also be named by a column that shops call ``product_id``, ``handle`` or the like. Whether a file is
CSV or Parquet, its content tells, not its name.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hangtag.environment import require_extra
from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.paths import is_address, is_file, make_printable, shorten
from hangtag.images.sniffing import IMAGE_SUFFIXES, UNREAD_SUFFIXES
from hangtag.readers.listed_files import ListedFiles
from hangtag.readers.record import Record, Source, fail
from hangtag.tables.columns import Cell, ColumnKind, find_column
from hangtag.tables.csv_cells import restore_text
from hangtag.tables.csv_rows import CsvRow
from hangtag.tables.csv_text import CsvForm, count_lines, inspect_csv, open_csv_rows

IMAGE_COLUMN = "image"
PARQUET_SUFFIX = ".parquet"

_IMAGE_ENDS = tuple(IMAGE_SUFFIXES | UNREAD_SUFFIXES)
PRODUCT_COLUMNS = ("product_id", "product", "item_group_id", "handle", "group_id", "group")
"""What shops call the column that says which images are views of one product."""

_ROLES = ("image", "id", "label", "supplier", "split", "product")
_ROWS_A_BATCH = 1024
_PARQUET_START = b"PAR1"
_BROKEN_TEXT = re.compile("[\ud800-\udfff]")
"""What bytes become that are no UTF-8."""


class Table(Source):
    """The rows of a table; one that cannot be read is a record of its error.

    Read to be predicted, it passes all cells through. Read as a data set (`labelled`), it must have
    the column ``label``, passes no cells through, and raises a DataError where it ends too early.

    Attributes:
        path: The file.
        roles: ``image``, ``id``, ``label``, ``supplier``, ``split`` and ``product`` -> the column
            that holds it, for those that are there.
    """

    def __init__(self, path: str, columns: Mapping[str, ColumnKind], *, labelled: bool) -> None:
        self.path = path
        self.roles = _find_roles(path, list(columns), labelled=labelled)
        self._columns, self._labelled = columns, labelled
        self._positions = {role: list(columns).index(name) for role, name in self.roles.items()}
        self._files = ListedFiles(path)

    @property
    def files(self) -> int:
        """About how many image files it names."""
        return self.total or 0

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """All columns of the table, as they are written."""
        return self._columns

    @property
    def notes(self) -> Sequence[str]:
        """Which files were found under another spelling, as far as it has been read."""
        return (*self.remarks, *self._files.notes)

    def _make_record(self, number: int, row: Sequence[Cell]) -> Record:
        """Returns the record of row `number`, from 1, given its cells."""
        said = {role: _read_role(row[position]) for role, position in self._positions.items()}
        image = said["image"]
        where = f"{make_printable(self.path)}, row {number}"
        error = self._find_fault(image, where)
        path = self.path
        if image and error is None:
            path = self._files.find(image)
        name = where if not image else make_printable(image if error else path)
        return Record(
            name=name,
            id=said.get("id") or image or name,
            image=None if error else path,
            source=path,
            label=said.get("label"),
            supplier=said.get("supplier"),
            split=said.get("split"),
            product=said.get("product"),
            extras={} if self._labelled else dict(zip(self._columns, row, strict=True)),
            error=error,
        )

    def _find_fault(self, image: str | None, where: str) -> ImageError | None:
        """Returns why a cell of the column of images names no file."""
        if not image or not image.strip():
            column = self.roles["image"]
            return ImageError(
                f"{where}: the column '{column}' is empty; fill it in", error_kind=ErrorKind.MISSING
            )
        if is_address(image):
            return ImageError(
                f"{where}: {make_printable(shorten(image.strip()))} is an address; addresses are "
                "not fetched; download the images and name the files",
                error_kind=ErrorKind.MISSING,
            )
        return None


class CsvTable(Table):
    """A table in CSV; all its cells are text.

    Raises:
        DataError: It cannot be read, a column is missing or occurs twice, or there are no rows.
    """

    def __init__(self, path: str, *, labelled: bool = False) -> None:
        self._form: CsvForm = inspect_csv(Path(path), IMAGE_COLUMN)
        header = [_clean(name) for name in self._form.header]
        if not labelled:
            _refuse_repeated(path, header)
        super().__init__(path, _number_repeated(header), labelled=labelled)
        if next(iter(self), None) is None:
            raise DataError(f"{path} has column names but no rows; expected one row an image")

    def __iter__(self) -> Iterator[Record]:
        try:
            with open_csv_rows(
                Path(self.path), self._form, looks_like_row=self._looks_like_row
            ) as rows:
                for number, row in enumerate(rows, start=1):
                    yield self._read_row(number, row)
        except DataError as error:
            if self._labelled:
                raise
            yield fail(self.path, ImageError(str(error), error_kind=ErrorKind.DAMAGED))

    @property
    def total(self) -> int | None:
        """The number of lines, which is about that of the rows; None for gzip."""
        lines = count_lines(Path(self.path))
        return None if lines is None else max(1, lines - 1)

    @property
    def notes(self) -> Sequence[str]:
        """Whether its text had to be guessed, and which files are spelled differently."""
        note = self._form.note(make_printable(self.path))
        return (*filter(None, (note,)), *super().notes)

    def _looks_like_row(self, cells: Sequence[str]) -> bool:
        """Tells whether the cell in the place of the image names one."""
        position = self._positions["image"]
        return len(cells) > position and cells[position].strip().lower().endswith(_IMAGE_ENDS)

    def _read_row(self, number: int, row: CsvRow) -> Record:
        if row.problem:
            return self._fail(row, row.problem)
        width, cells = len(self.columns), row.cells
        if not any(map(str.strip, cells[width:])):
            cells = cells[:width]
        if len(cells) != width:
            return self._fail(row, f"expected {width} cells, received {len(row.cells)}")
        if self._labelled and any(map(_BROKEN_TEXT.search, cells)):
            return self._fail(row, "expected text in UTF-8, received other bytes")
        return self._make_record(number, [_clean(cell) for cell in cells])

    def _fail(self, row: CsvRow, reason: str) -> Record:
        """Returns the record of a row that cannot be read."""
        where = f"{make_printable(self.path)}, {row.place}"
        error = ImageError(f"{where}: {reason}; mend the row", error_kind=ErrorKind.DAMAGED)
        return fail(self.path, error, name=where)


class ParquetTable(Table):
    """A table in Parquet; numbers and truths stay what they are, all else becomes text.

    Raises:
        DataError: It is not Parquet, a column is missing or occurs twice, or there are no rows.
    """

    def __init__(self, path: str, *, labelled: bool = False) -> None:
        require_extra("parquet", "reading Parquet")
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(path) as file:
                schema, self._rows = file.schema_arrow, int(file.metadata.num_rows)
        except UnicodeEncodeError as error:
            raise DataError(f"{path}: expected a name in UTF-8; rename the file") from error
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = shorten(" ".join(str(error).split()))
            raise DataError(f"{path} cannot be read as Parquet: {reason}") from error
        _refuse_repeated(path, schema.names)
        columns = {name: _find_kind(schema.field(name)) for name in schema.names}
        super().__init__(path, columns, labelled=labelled)
        for role, name in self.roles.items():
            _refuse_nested(path, role, schema.field(name))
        self._columns = {**columns, self.roles["image"]: "text"}
        if not self._rows:
            raise DataError(f"{path} has column names but no rows; expected one row an image")

    def __iter__(self) -> Iterator[Record]:
        import pyarrow as pa
        from pyarrow import parquet

        numbers = itertools.count(1)
        try:
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(_ROWS_A_BATCH, use_threads=False):
                    values = [_list_values(column) for column in batch.columns]
                    for row in zip(*values, strict=True):
                        yield self._make_record(next(numbers), self._convert(row))
        except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
            reason = shorten(" ".join(str(error).split()))
            message = f"{self.path} cannot be read to its end: {reason}; get the file again"
            damage = ImageError(message, error_kind=ErrorKind.DAMAGED)
            if self._labelled:
                raise damage from error
            yield fail(self.path, damage)

    @property
    def total(self) -> int | None:
        """The number of rows."""
        return self._rows

    def _convert(self, row: Sequence[Any]) -> list[Cell]:
        kinds = self._columns.values()
        return [
            value if kind != "text" or value is None else _write_text(value)
            for kind, value in zip(kinds, row, strict=True)
        ]


def open_table(path: str, *, labelled: bool = False) -> Table:
    """Opens the table at `path`: Parquet or CSV, as its content says.

    Args:
        path: The table.
        labelled: Whether it is read as a data set, see `Table`.

    Raises:
        DataError: It cannot be read, lacks a column that it must have, or has no rows.
    """
    if is_parquet(path):
        return ParquetTable(path, labelled=labelled)
    return CsvTable(path, labelled=labelled)


def is_parquet(path: str) -> bool:
    """Tells whether a file is Parquet: it begins so, or is called so and is no text."""
    if not is_file(Path(path)):
        return path.lower().endswith(PARQUET_SUFFIX)  # A pipe is not read.
    try:
        with open(path, "rb") as stream:
            start = stream.read(1024)
    except OSError:
        return path.lower().endswith(PARQUET_SUFFIX)
    named = path.lower().endswith(PARQUET_SUFFIX) and (not start or b"\0" in start)
    return named or start.startswith(_PARQUET_START)


def _find_roles(path: str, header: Sequence[str], *, labelled: bool) -> dict[str, str]:
    """Maps roles to columns; raises DataError where one that must be there is missing."""
    required = {"image": "the path of each image", **({"label": "its class"} if labelled else {})}
    roles = {}
    for role in _ROLES:
        strict = labelled or role in required
        column = find_column(path, header, role) if strict else _find_only(header, role)
        if role == "product" and column is None:
            column = _find_product(header)
        if column is not None:
            roles[role] = column
        elif role in required:
            raise DataError(f"{path}: the column '{role}' is missing; it holds {required[role]}")
    return roles


def _find_only(header: Sequence[str], role: str) -> str | None:
    """As `find_column`, but None where several columns may be meant."""
    try:
        return find_column("", header, role)
    except DataError:  # A table that is only predicted needs no such column.
        return None


def _find_product(header: Sequence[str]) -> str | None:
    """Returns the column that names products in the words of shops."""
    columns = {re.sub(r"[\s-]+", "_", name.strip().casefold()): name for name in reversed(header)}
    return next((columns[name] for name in PRODUCT_COLUMNS if name in columns), None)


def _refuse_nested(path: str, role: str, field: Any) -> None:
    """Raises DataError where a column that must be text holds lists, structs or bytes."""
    import pyarrow as pa

    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if role == "image" and (pa.types.is_struct(kind) or pa.types.is_binary(kind)):
        raise DataError(
            f"{path}: the column '{field.name}' holds images (bytes), not their paths; write the "
            "images to files and name these"
        )
    if role == "image" and pa.types.is_large_binary(kind):
        raise DataError(f"{path}: the column '{field.name}' holds bytes, not paths of images")
    if pa.types.is_nested(kind):
        raise DataError(
            f"{path}: the column '{field.name}' holds lists (of type {shorten(str(kind))}); "
            "expected one text a row"
        )


def _list_values(column: Any) -> list[Any]:
    """Returns the values of a column; dates outside of the years 1 to 9999 as text."""
    import pyarrow as pa

    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        values = column.cast(pa.string()).to_pylist()
    return values


def _refuse_repeated(path: str, header: Sequence[str]) -> None:
    repeated = next((name for name in header if list(header).count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path}: the column '{repeated}' occurs twice; give each its own name")


def _number_repeated(header: Sequence[str]) -> dict[str, ColumnKind]:
    """Returns the columns; numbers repeated names."""
    columns: dict[str, ColumnKind] = {}
    for position, name in enumerate(header):
        columns[name if name not in columns else f"{name} (column {position + 1})"] = "text"
    return columns


def _find_kind(field: Any) -> ColumnKind:
    import pyarrow as pa

    if pa.types.is_boolean(field.type):
        return "truth"
    if pa.types.is_integer(field.type) and field.type != pa.uint64():
        return "integer"
    return "number" if pa.types.is_floating(field.type) else "text"


def _clean(text: str) -> str:
    """Returns a cell of a CSV as it was before it was made safe for spreadsheets, printable."""
    text = restore_text(text)
    return text if text.isascii() else make_printable(text)


def _read_role(cell: Cell) -> str | None:
    """Returns a cell as text, None where it is empty; a whole number has no decimals."""
    if cell is None or cell == "":
        return None
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _write_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
