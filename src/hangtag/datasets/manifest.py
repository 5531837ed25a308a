"""Manifests: a table, ``.csv`` or ``.parquet``, with one row an image.

The column ``image`` is a path, absolute or relative to the manifest; ``label`` is the class
name; ``id``, ``supplier`` and ``split`` (train, validation or test) are optional, and any other
column is passed over. Their names may be in any case.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from hangtag.datasets.dataset import Dataset, order_classes, tidy_class
from hangtag.datasets.image_files import ImageReader, write_png
from hangtag.datasets.reading import DecodeOptions
from hangtag.datasets.suppliers import unify_suppliers
from hangtag.errors import DataError
from hangtag.files.atomic import new_folder, require_free, write_text
from hangtag.files.paths import find_listed, is_address, is_file
from hangtag.progress import OnProgress
from hangtag.readers.record import SPLIT_ALIASES, SPLIT_NAMES
from hangtag.tables.columns import find_column
from hangtag.tables.csv_text import CsvForm, inspect_csv, open_csv_rows

MANIFEST_NAME = "manifest.csv"

_COLUMNS = ("image", "id", "label", "supplier", "split")
_LIKE_SUPPLIER = frozenset({"brand", "vendor", "seller", "shop", "merchant", "store"})
_IMAGE_FOLDER = "images"

_Table = Mapping[str, Sequence[str]]
"""Columns of one length, by name; an empty text is a missing value."""


def read_manifest(
    path: Path, *, options: DecodeOptions | None = None, on_progress: OnProgress | None = None
) -> Dataset:
    """Reads the images that the manifest `path` lists, in its order.

    Without a column ``split`` everything is ``train``; without ``id`` the image's path is the
    id. Rows with an empty supplier count as one supplier, spellings of a supplier that differ only
    in case or spaces too. Images of another size than that of `options` are resized.

    Args:
        path: A ``.csv`` (gzip or not) or ``.parquet`` file.
        options: How the images are decoded; by default to grey pixels of 28x28.
        on_progress: Called with the number of images read and of all images.

    Raises:
        DataError: The manifest cannot be read, lacks the column ``image`` or ``label``, has no
            rows, an empty label, an id that occurs twice, an unknown split, or names a file
            that is missing or not an image.
    """
    table, notes = _read_table(path)
    _check_table(path, table)
    files = [Path(find_listed(image, path)) for image in table["image"]]
    options = options or DecodeOptions()
    _check_files(path, files, most_missing=options.max_broken)
    named = [tidy_class(name) for name in table["label"]]
    classes = order_classes(named)
    index = {name: position for position, name in enumerate(classes)}
    labels = np.array([index[name] for name in named], np.int64)
    ids = np.array(table.get("id", table["image"]), np.str_)
    suppliers, spelled = None, ""
    if any(table.get("supplier", ())):
        unified, spelled = unify_suppliers(table["supplier"])
        suppliers = np.array(unified, np.str_)
    names = np.array([SPLIT_ALIASES[name] for name in table.get("split", ["train"] * len(files))])
    reader = ImageReader(files, options, on_progress)
    splits = {}
    for name in SPLIT_NAMES:
        rows = names == name
        if rows.any():
            splits[name] = reader.read(
                list(compress(files, rows)),
                labels[rows],
                ids[rows],
                None if suppliers is None else suppliers[rows],
            )
    title, broken = name_manifest(path), tuple(reader.broken)
    return Dataset(
        title,
        str(path),
        classes,
        splits,
        (*filter(None, (*notes, spelled)), *reader.notices()),
        broken,
        resized=reader.resized,
    )


def write_manifest(
    dataset: Dataset,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
) -> None:
    """Writes ``manifest.csv`` and its images, ``images/SPLIT-00000.png``, to `folder`.

    The images appear whole or not at all, then the manifest. Reading it back gives the same
    items in the same order.

    Args:
        dataset: What to write.
        folder: Where to; made when missing.
        on_progress: Called with the number of images written and of all images.

    Raises:
        OutputError: The manifest or the images exist already or cannot be written.
    """
    require_free(folder / MANIFEST_NAME)
    with_suppliers = any(split.suppliers is not None for split in dataset.splits.values())
    rows = [[column for column in _COLUMNS if column != "supplier" or with_suppliers]]
    with new_folder(folder / _IMAGE_FOLDER) as images:
        for name, split in dataset.splits.items():
            for position in range(len(split)):
                file = f"{name}-{position:05d}.png"
                write_png(split.images[position], images / file)
                label = dataset.classes[split.labels[position]]
                row = [f"{_IMAGE_FOLDER}/{file}", str(split.ids[position]), label, name]
                if with_suppliers:
                    row.insert(3, "" if split.suppliers is None else split.suppliers[position])
                rows.append(row)
                if on_progress:
                    on_progress(len(rows) - 1, len(dataset))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(folder / MANIFEST_NAME, text.getvalue())


def name_manifest(path: Path) -> str:
    """Returns a title: the file's stem, or its folder's name when it is just ``manifest``."""
    return path.resolve().parent.name if path.stem == "manifest" else path.stem


def _read_table(path: Path) -> tuple[_Table, list[str]]:
    """Returns the columns that are read, and what a reader should know of the others."""
    if path.suffix.lower() == ".parquet":
        table, header = _read_parquet(path)
        notes = [_describe_suppliers(table, header)]
    else:
        form = inspect_csv(path, "image")
        table = _read_csv(path, form)
        notes = [form.note(path), _describe_suppliers(table, form.header)]
    return table, notes


def _read_csv(path: Path, form: CsvForm) -> _Table:
    try:
        with open_csv_rows(path, form, strict=True) as rows:
            return _collect_columns(path, rows)
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}; mend it") from error


def _collect_columns(path: Path, rows: Any) -> _Table:
    header: list[str] = next(rows, [])
    named = _find_columns(path, header)
    positions = {name: header.index(column) for name, column in named.items()}
    columns: dict[str, list[str]] = {name: [] for name in positions}
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(
                f"{path}, line {rows.line_num}: expected {len(header)} cells, "
                f"received {len(row)}; mend the row"
            )
        for name, position in positions.items():
            columns[name].append(row[position])
    return columns


def _read_parquet(path: Path) -> tuple[_Table, Sequence[str]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        present = parquet.read_schema(path).names
        named = _find_columns(path, present)
        table = parquet.read_table(path, columns=list(named.values()))
        columns = {
            name: [value or "" for value in table.column(column).cast(pa.string()).to_pylist()]
            for name, column in named.items()
        }
        return columns, present
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: expected a name in UTF-8; rename the file") from error
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} cannot be read as Parquet: {reason}") from error


def _find_columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    """Maps the columns that are read to what they are called here, which may be in any case."""
    named = {name: find_column(str(path), header, name) for name in _COLUMNS}
    return {name: column for name, column in named.items() if column is not None}


def _check_table(path: Path, table: _Table) -> None:
    for column, purpose in {"image": "the path of each image", "label": "its class"}.items():
        if column not in table:
            raise DataError(f"{path}: the column '{column}' is missing; it holds {purpose}")
        empty = [row for row, value in enumerate(table[column], start=1) if not value]
        if empty:
            raise DataError(
                f"{path}, row {empty[0]}: the column '{column}' is empty (so it is in "
                f"{len(empty):,} of {len(table[column]):,} rows); fill it in or leave the rows out"
            )
    if not table["image"]:
        raise DataError(f"{path} has column names but no rows; expected one row an image")
    _check_ids(path, table.get("id", ()))
    for row, value in enumerate(table.get("split", ()), start=1):
        if value not in SPLIT_ALIASES:
            raise DataError(
                f"{path}, row {row}, column 'split': expected train, validation or test, "
                f"received {value!r}; mend the cell"
            )


def _describe_suppliers(table: _Table, header: Sequence[str]) -> str:
    """Says which rows name no supplier where others do, or that another column may name them."""
    if "supplier" not in table:
        alike = next((name for name in header if name.strip().casefold() in _LIKE_SUPPLIER), None)
        hint = (
            f"The column '{alike}' is not read; call it supplier, and whole suppliers are held out."
        )
        return "" if alike is None else hint
    unnamed = sum(not name for name in table["supplier"])
    if unnamed in (0, len(table["supplier"])):
        return ""
    return f"{unnamed:,} of {len(table['supplier']):,} rows name no supplier and count as one."


def _check_ids(path: Path, ids: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for row, value in enumerate(ids, start=1):
        first.setdefault(value, row)
    if len(first) == len(ids):
        return
    row, value = next((r, v) for r, v in enumerate(ids, start=1) if first[v] < r)
    raise DataError(
        f"{path}, row {row}: the id '{value}' is also that of row {first[value]} "
        f"({len(ids) - len(first)} rows repeat an id); give each row an id of its own"
    )


def _check_files(path: Path, files: Sequence[Path], *, most_missing: float) -> None:
    missing = [row for row, file in enumerate(files, start=1) if not is_file(file)]
    if missing and is_address(str(files[missing[0] - 1])):
        raise DataError(
            f"{path}, row {missing[0]}: addresses are not fetched; download the images and name "
            "the files"
        )
    if len(missing) > most_missing * len(files):
        raise DataError(
            f"{path}, row {missing[0]}: no image file {files[missing[0] - 1]} "
            f"({len(missing)} of {len(files)} are missing); paths are relative to the manifest"
        )
