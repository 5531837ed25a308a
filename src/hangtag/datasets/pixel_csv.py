"""Reads and writes the pixel CSV of Kaggle's Fashion-MNIST: ``label,pixel1,...,pixel784``.

One row an image, integers 0-255, row by row from the top left. Reading is a fast typed pass;
only when that fails does a slow pass look for the first bad cell, to name its row and column.
"""

import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import IMAGE_SIZE, Split, number_ids
from hangtag.errors import DataError
from hangtag.files.atomic import atomic_path
from hangtag.files.gzipped import is_gzip, open_plain
from hangtag.tables.csv_text import read_header

PIXEL_COLUMNS = tuple(f"pixel{number}" for number in range(1, IMAGE_SIZE[0] * IMAGE_SIZE[1] + 1))
COLUMNS = ("label", *PIXEL_COLUMNS)

_BLOCK_BYTES = 4 << 20
_ROWS_A_BATCH = 5000
_PIXEL_TEXTS = frozenset(str(value) for value in range(256))
_WHOLE_NUMBER = re.compile("-?[0-9]{1,40}")
_MIDDLE_LEVEL = 3
"""Compression level: level 6 takes three times as long for a tenth less."""


def read_pixel_csv(path: Path, *, name: str, classes: int) -> Split:
    """Reads `path`, gzip or not, as the split `name`, with ids ``NAME/00000``, ...

    The order of the columns does not matter. The full 60,000 rows take about two seconds and
    290 MB.

    Raises:
        DataError: The file is missing, empty, a cut off gzip, has no rows, lacks a column or has
            one too many, or a cell is not a pixel 0-255 or a label 0 to `classes` - 1.
    """
    import pyarrow as pa

    header = read_header(path, separators=",")
    _check_columns(path, header)
    try:
        images, labels = _read_typed(path)
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: expected a name in UTF-8; rename the file") from error
    except (pa.ArrowInvalid, OSError) as error:
        with suppress(csv.Error):
            _raise_first_bad_cell(path, header, classes)
        # The slow pass understood every cell: report what the fast one said, on one line.
        raise DataError(f"{path} cannot be read as CSV: {' '.join(str(error).split())}") from error
    if not len(labels):
        raise DataError(f"{path} has a header but no rows; get the file again")
    if labels.min() < 0 or labels.max() >= classes:
        _raise_first_bad_cell(path, header, classes)
    return Split(images.reshape(-1, *IMAGE_SIZE), labels, number_ids(name, len(labels)))


def write_pixel_csv(split: Split, path: Path) -> None:
    """Writes `split` to `path`, atomically; gzip when the name ends in ``.gz``.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        if path.suffix != ".gz":
            _write_rows(split, raw)
            return
        with gzip.GzipFile("", "wb", _MIDDLE_LEVEL, raw, mtime=0) as packed:
            _write_rows(split, cast(BinaryIO, packed))


def _check_columns(path: Path, header: Sequence[str]) -> None:
    present = set(header)
    missing = [column for column in COLUMNS if column not in present]
    if missing:
        raise DataError(
            f"{path}: the column '{missing[0]}' is missing ({len(missing)} missing in all); "
            f"expected label, pixel1, ..., {COLUMNS[-1]}"
        )
    if len(header) > len(COLUMNS):
        extra = next(iter(Counter(header) - Counter(COLUMNS)))
        raise DataError(
            f"{path}: the column '{extra}' is one too many ({len(header)} columns); "
            f"expected label, pixel1, ..., {COLUMNS[-1]}, {len(COLUMNS)} columns"
        )


def _read_typed(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Returns pixels (N, 784) and labels (N,).

    Raises:
        pyarrow.ArrowInvalid: At the first bad cell.
        OSError: The file cannot be read or decompressed.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types = dict.fromkeys(PIXEL_COLUMNS, pa.uint8()) | {"label": pa.int64()}
    convert = arrow_csv.ConvertOptions(
        column_types=types, include_columns=list(COLUMNS), null_values=[]
    )
    read = arrow_csv.ReadOptions(block_size=_BLOCK_BYTES)
    images = [np.empty((0, len(PIXEL_COLUMNS)), np.uint8)]
    labels = [np.empty(0, np.int64)]
    # A stream of Arrow's own: its threads read ahead, and one that is left behind by an error
    # would abort the process at its end if it held a Python stream.
    compression = "gzip" if is_gzip(path) else None
    with pa.input_stream(str(path), compression=compression) as stream:
        for batch in arrow_csv.open_csv(stream, read_options=read, convert_options=convert):
            labels.append(batch.column(0).to_numpy())
            images.append(batch.select(PIXEL_COLUMNS).to_tensor().to_numpy())
    return np.concatenate(images), np.concatenate(labels)


def _raise_first_bad_cell(path: Path, header: Sequence[str], classes: int) -> None:
    """Raises a DataError that names the first cell which is not what its column holds."""
    with (
        open_plain(path) as stream,
        io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="") as text,
    ):
        rows = csv.reader(text)
        next(rows)
        filled = (row for row in rows if row)
        for number, row in enumerate(filled, start=1):
            _check_row(
                f"{path}, row {number} (line {rows.line_num} of the file)", header, row, classes
            )


def _check_row(where: str, header: Sequence[str], row: Sequence[str], classes: int) -> None:
    if len(row) == 1 and not row[0].strip():
        raise DataError(f"{where}: the line holds only white space; remove it")
    if len(row) != len(header):
        raise DataError(
            f"{where}: expected {len(header)} cells, received {len(row)}; "
            "mend the row or get the file again"
        )
    if _PIXEL_TEXTS.issuperset(row) and int(row[header.index("label")]) < classes:
        return
    for column, text in zip(header, row, strict=True):
        _check_cell(where, column, text, classes)


def _check_cell(where: str, column: str, text: str, classes: int) -> None:
    highest = classes - 1 if column == "label" else 255
    what = "a label" if column == "label" else "a pixel"
    # The texts that Arrow reads as a number: int() takes more, such as 1_0 and foreign digits.
    if not _WHOLE_NUMBER.fullmatch(text.strip(" \t")):
        raise DataError(
            f"{where}, column '{column}': expected {what} 0-{highest}, "
            f"received {text[:40]!r}, which is not a whole number; mend the cell"
        )
    value = int(text)
    if not 0 <= value <= highest:
        raise DataError(
            f"{where}, column '{column}': expected {what} 0-{highest}, received {value}, "
            "which is outside; mend the cell"
        )


def _write_rows(split: Split, stream: BinaryIO) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    schema = pa.schema([(column, pa.uint8()) for column in COLUMNS])
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none")
    stream.write((",".join(COLUMNS) + "\n").encode())
    table = np.column_stack([split.labels.astype(np.uint8), split.images.reshape(len(split), -1)])
    with arrow_csv.CSVWriter(stream, schema, write_options=options) as writer:
        for start in range(0, len(table), _ROWS_A_BATCH):
            columns = np.ascontiguousarray(table[start : start + _ROWS_A_BATCH].T)
            writer.write_batch(pa.record_batch([pa.array(c) for c in columns], schema=schema))
