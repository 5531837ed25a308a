"""Writes tables row by row, as CSV or Parquet; files appear whole or not at all."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hangtag.environment import require_extra
from hangtag.errors import OutputError
from hangtag.files.atomic import atomic_path
from hangtag.tables.columns import Cell, ColumnKind
from hangtag.tables.csv_cells import format_row

SUFFIXES = (".csv", ".parquet")
_ROWS_A_GROUP = 10_000

WriteRow = Callable[[Sequence[Cell]], None]
"""Writes a row; takes its cells in the order of the columns."""


def require_table(path: Path, *, option: str) -> None:
    """Raises OutputError when `path` is not the name of a table; `option` names it."""
    if path.suffix not in SUFFIXES or path.is_dir():
        raise OutputError(
            f"{option} {path}: expected the name of a file ending in {' or '.join(SUFFIXES)}"
        )


def write_table(
    path: Path, columns: Mapping[str, ColumnKind], rows: Iterable[Sequence[Cell]]
) -> None:
    """Writes `rows` to `path`, CSV or Parquet by its suffix.

    Raises:
        OutputError: It cannot be written.
    """
    with open_table(path, columns) as write:
        for row in rows:
            write(row)


@contextmanager
def open_table(path: Path, columns: Mapping[str, ColumnKind]) -> Iterator[WriteRow]:
    """Opens a table for rows; it appears when the block ends without an error.

    Raises:
        OutputError: It cannot be written.
    """
    with atomic_path(path) as temporary:
        opened = _open_parquet if path.suffix == ".parquet" else _open_csv
        with opened(temporary, columns) as write:
            yield write


@contextmanager
def _open_csv(path: Path, columns: Mapping[str, ColumnKind]) -> Iterator[WriteRow]:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(format_row(columns))

        def write(row: Sequence[Cell]) -> None:
            file.write(format_row(row))

        yield write


@contextmanager
def _open_parquet(path: Path, columns: Mapping[str, ColumnKind]) -> Iterator[WriteRow]:
    require_extra("parquet", "writing Parquet")
    import pyarrow as pa
    from pyarrow import parquet

    kinds: Mapping[str, Any] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "truth": pa.bool_(),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    waiting: list[Sequence[Cell]] = []
    with parquet.ParquetWriter(path, schema) as file:

        def flush() -> None:
            columns = zip(*waiting, strict=True)
            arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
            file.write_table(pa.table(arrays, schema=schema))
            waiting.clear()

        def write(row: Sequence[Cell]) -> None:
            waiting.append(row)
            if len(waiting) == _ROWS_A_GROUP:
                flush()

        yield write
        if waiting:
            flush()
