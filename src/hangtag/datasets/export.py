"""Writes a dataset in formats that `load_dataset` reads again: pixel CSV, table, class folders."""

import gzip
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset, Split
from hangtag.errors import OutputError
from hangtag.files.atomic import atomic_path, new_folder, require_free
from hangtag.images.spec import FASHION_MNIST_SPEC
from hangtag.progress import OnProgress
from hangtag.readers.class_folders import encode_class
from hangtag.tables.csv_cells import write_csv_rows
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES

TABLE_NAME = "manifest.csv"
"""File name of the table of an export to images."""

PIXEL_COLUMNS = tuple(
    f"pixel{number}"
    for number in range(1, FASHION_MNIST_SPEC.height * FASHION_MNIST_SPEC.width + 1)
)

_IMAGE_FOLDER = "images"
_ROWS_A_BLOCK = 500
_GZIP_LEVEL = 3
"""Compression level: level 6 takes three times as long for a tenth less."""


class ExportFormat(StrEnum):
    """What an export writes."""

    csv = "csv"
    """A pixel CSV a split, ``NAME_SPLIT.csv``."""
    png = "png"
    """PNG files with a table, ``manifest.csv``."""
    folders = "folders"
    """PNG files in class folders."""


def export_dataset(
    dataset: Dataset, folder: Path, *, format: ExportFormat, on_progress: OnProgress | None = None
) -> None:
    """Writes `dataset` to `folder`, from which `load_dataset` reads the same items again.

    Args:
        dataset: The dataset.
        folder: Where to write; made when missing.
        format: The kind of files.
        on_progress: Called with the images written and all images.

    Raises:
        OutputError: The format cannot carry the classes, or the folder holds such an export
            already or cannot be written.
    """
    _WRITERS[format](dataset, folder, on_progress=on_progress)


def write_pixel_csvs(
    dataset: Dataset, folder: Path, *, on_progress: OnProgress | None = None
) -> None:
    """Writes ``NAME_SPLIT.csv`` to `folder`, see `write_pixel_csv`.

    Raises:
        OutputError: The classes are not Fashion-MNIST's, or a file exists already or cannot be
            written.
    """
    if dataset.classes != FASHION_MNIST_CLASSES:
        raise OutputError(
            f"a pixel CSV carries label numbers of Fashion-MNIST's classes only, and "
            f"{dataset.source} has others; choose the format png or folders"
        )
    paths = {name: folder / f"{dataset.name or 'dataset'}_{name}.csv" for name in dataset.splits}
    for path in paths.values():
        require_free(path)
    done = 0
    for name, split in dataset.splits.items():
        write_pixel_csv(split, paths[name])
        done += len(split)
        if on_progress:
            on_progress(done, len(dataset))


def write_pixel_csv(split: Split, path: Path) -> None:
    """Writes ``label,pixel1,...,pixel784`` to `path`, as Kaggle's Fashion-MNIST.

    The file appears whole or not at all; it is gzip when its name ends in ``.gz``.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        if path.suffix != ".gz":
            _write_rows(split, raw)
            return
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed:
            _write_rows(split, cast(BinaryIO, packed))


def write_image_table(
    dataset: Dataset, folder: Path, *, on_progress: OnProgress | None = None
) -> None:
    """Writes ``manifest.csv`` and its images, ``images/SPLIT-00000.png``, to `folder`.

    The images appear whole or not at all, then the table. Reading it back gives the same items in
    the same order.

    Args:
        dataset: The dataset.
        folder: Where to write; made when missing.
        on_progress: Called with the number of images written and of all images.

    Raises:
        OutputError: The table or the images exist already or cannot be written.
    """
    require_free(folder / TABLE_NAME)
    splits = dataset.splits.values()
    used = {
        "supplier": any(split.suppliers is not None for split in splits),
        "product": any(split.products is not None for split in splits),
    }
    columns = ["image", "id", "label", "supplier", "split", "product"]
    columns = [column for column in columns if used.get(column, True)]
    rows: list[list[str]] = []
    with new_folder(folder / _IMAGE_FOLDER) as images:
        for name, split in dataset.splits.items():
            for position in range(len(split)):
                file = f"{name}-{position:05d}.png"
                write_png(split.images[position], images / file)
                cells = {
                    "image": f"{_IMAGE_FOLDER}/{file}",
                    "id": str(split.ids[position]),
                    "label": dataset.classes[split.labels[position]],
                    "supplier": _read_cell(split.suppliers, position),
                    "split": name,
                    "product": _read_cell(split.products, position),
                }
                rows.append([cells[column] for column in columns])
                if on_progress:
                    on_progress(len(rows), len(dataset))
    write_csv_rows(folder / TABLE_NAME, columns, rows)


def write_class_folders(
    dataset: Dataset, folder: Path, *, on_progress: OnProgress | None = None
) -> None:
    """Writes ``SPLIT/CLASS/00000.png`` below `folder`; each split appears whole or not at all.

    The file's number is the item's position in its split, so reading the folder gives the same
    items in the same order. Every class gets a folder, even an empty one.

    Args:
        dataset: The dataset.
        folder: Where to write; made when missing.
        on_progress: Called with the number of images written and of all images.

    Raises:
        OutputError: A split's folder exists already or cannot be written.
    """
    for name in dataset.splits:
        require_free(folder / name)
    done = 0
    for name, split in dataset.splits.items():
        width = max(5, len(str(len(split) - 1)))
        with new_folder(folder / name) as root:
            class_folders = [root / encode_class(label) for label in dataset.classes]
            for class_folder in class_folders:
                class_folder.mkdir()
            for position, label in enumerate(split.labels):
                path = class_folders[label] / f"{position:0{width}d}.png"
                write_png(split.images[position], path)
                done += 1
                if on_progress:
                    on_progress(done, len(dataset))


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Writes pixels (H, W) or (H, W, 3) to `path` as PNG; raises OSError when that fails."""
    from PIL import Image

    Image.fromarray(pixels).save(path, format="PNG", compress_level=1)


def _read_cell(column: NDArray[np.str_] | None, position: int) -> str:
    return "" if column is None else str(column[position])


def _write_rows(split: Split, stream: BinaryIO) -> None:
    """Writes labels and pixels as text, by a table of what each value is followed by a comma."""
    texts = np.array([list(f"{value},".ljust(4).encode()) for value in range(256)], np.uint8)
    lengths = np.array([len(f"{value},") for value in range(256)])
    used = np.arange(4) < lengths[:, None]
    stream.write((",".join(["label", *PIXEL_COLUMNS]) + "\n").encode())
    table = np.column_stack([split.labels.astype(np.uint8), split.images.reshape(len(split), -1)])
    for start in range(0, len(table), _ROWS_A_BLOCK):
        values = table[start : start + _ROWS_A_BLOCK]
        content = texts[values][used[values]]
        ends = np.cumsum(lengths[values].sum(axis=1)) - 1  # the comma after the last cell of a row
        content[ends] = ord("\n")
        stream.write(content.tobytes())


_WRITERS: Mapping[ExportFormat, Callable[..., None]] = {
    ExportFormat.csv: write_pixel_csvs,
    ExportFormat.png: write_image_table,
    ExportFormat.folders: write_class_folders,
}
