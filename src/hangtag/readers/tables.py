"""Tables with one row an image: CSV, gzip or not, with any separator, and Parquet.

The column ``image`` is a path, absolute or relative to the table. The columns ``id``, ``label``,
``supplier``, ``split`` and ``product`` are optional. Their names may be in any case.
"""

import csv
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hangtag.environment import require_extra
from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.paths import find_listed, make_printable
from hangtag.readers.record import Record, Source, fail
from hangtag.tables.columns import Cell, ColumnKind, find_column
from hangtag.tables.csv_cells import restore_text
from hangtag.tables.csv_text import CsvForm, count_lines, inspect_csv, open_csv_rows

IMAGE_COLUMN = "image"
PARQUET_SUFFIX = ".parquet"

_ROLES = ("image", "id", "label", "supplier", "split", "product")
_ROWS_A_BATCH = 1024


class Table(Source):
    """The rows of a table.

    Read to be predicted, it passes all cells through, and a row that cannot be read becomes a
    record of its error. Read as a data set (`labelled`), it must have the column ``label``, passes
    no cells through, and a row that cannot be read raises a DataError.

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

    @property
    def files(self) -> int:
        """About how many image files it names."""
        return self.total or 0

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """All columns of the table, as they are written."""
        return self._columns

    def _make_record(self, number: int, row: Sequence[Cell]) -> Record:
        """Returns the record of row `number`, from 1, given its cells."""
        said = {role: _read_role(row[position]) for role, position in self._positions.items()}
        extras = {} if self._labelled else dict(zip(self._columns, row, strict=True))
        image, error = said["image"], None
        where = f"{make_printable(self.path)}, row {number}"
        if image is None:
            column = self.roles["image"]
            error = ImageError(
                f"{where}: the column '{column}' is empty; fill it in", error_kind=ErrorKind.MISSING
            )
            if self._labelled:
                raise error
        path = find_listed(image, self.path) if image else self.path
        name = make_printable(path) if image else where
        return Record(
            name=name,
            id=said.get("id") or image or name,
            image=path if image else None,
            source=path,
            label=said.get("label"),
            supplier=said.get("supplier"),
            split=said.get("split"),
            product=said.get("product"),
            extras=extras,
            error=error,
        )


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
            with open_csv_rows(Path(self.path), self._form, strict=self._labelled) as rows:
                yield from self._read_rows(rows)
        except UnicodeError as error:
            yield self._fail(str(error))
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
        """Whether its text had to be guessed."""
        note = self._form.note(make_printable(self.path))
        return (note,) if note else ()

    def _read_rows(self, rows: Any) -> Iterator[Record]:
        next(rows)
        number = 0
        while True:
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield self._fail(str(error), line=rows.line_num)
                continue
            if row is None:
                return
            number += bool(row)
            if len(row) == len(self.columns):
                yield self._make_record(number, [_clean(cell) for cell in row])
            elif row:
                reason = f"expected {len(self.columns)} cells, received {len(row)}"
                yield self._fail(reason, line=rows.line_num)

    def _fail(self, reason: str, *, line: int | None = None) -> Record:
        """Returns the record of a row that cannot be read; raises where it must be readable."""
        where = make_printable(self.path) + (f", line {line}" if line else "")
        message = f"{where}: {reason}; mend the row" if line else f"{where} is no text: {reason}"
        error = ImageError(message, error_kind=ErrorKind.DAMAGED)
        if self._labelled:
            raise error
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
            reason = " ".join(str(error).split())
            raise DataError(f"{path} cannot be read as Parquet: {reason}") from error
        _refuse_repeated(path, schema.names)
        columns = {name: _find_kind(schema.field(name)) for name in schema.names}
        super().__init__(path, columns, labelled=labelled)
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
                    values = [column.to_pylist() for column in batch.columns]
                    for row in zip(*values, strict=True):
                        yield self._make_record(next(numbers), self._convert(row))
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = " ".join(str(error).split())
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
    """Opens the table at `path`: Parquet by its suffix, else CSV.

    Args:
        path: The table.
        labelled: Whether it is read as a data set, see `Table`.

    Raises:
        DataError: It cannot be read, lacks a column that it must have, or has no rows.
    """
    if path.lower().endswith(PARQUET_SUFFIX):
        return ParquetTable(path, labelled=labelled)
    return CsvTable(path, labelled=labelled)


def _find_roles(path: str, header: Sequence[str], *, labelled: bool) -> dict[str, str]:
    """Maps roles to columns; raises DataError where one that must be there is missing."""
    required = {"image": "the path of each image", **({"label": "its class"} if labelled else {})}
    roles = {}
    for role in _ROLES:
        strict = labelled or role in required
        column = find_column(path, header, role) if strict else _find_only(header, role)
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
