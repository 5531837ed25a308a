"""Writes a dataset in the formats that the readers of this package understand."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from hangtag.datasets.dataset import Dataset
from hangtag.datasets.folders import write_class_folders
from hangtag.datasets.manifest import write_manifest
from hangtag.datasets.pixel_csv import write_pixel_csv
from hangtag.errors import OutputError
from hangtag.files.atomic import require_free
from hangtag.progress import OnProgress
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES


class Format(StrEnum):
    """What an export writes."""

    csv = "csv"
    """A pixel CSV a split, ``NAME_SPLIT.csv``."""
    png = "png"
    """PNG files with ``manifest.csv``."""
    folders = "folders"
    """PNG files in class folders."""


def export_dataset(
    dataset: Dataset, folder: Path, *, format: Format, on_progress: OnProgress | None = None
) -> None:
    """Writes `dataset` to `folder`, from which `load_dataset` reads the same items again.

    Args:
        dataset: What to write.
        folder: Where to; made when missing.
        format: What files.
        on_progress: Called with the images written and all images.

    Raises:
        OutputError: The format cannot carry the classes, or the folder holds such an export
            already or cannot be written.
    """
    _WRITERS[format](dataset, folder, on_progress=on_progress)


def _write_csvs(dataset: Dataset, folder: Path, *, on_progress: OnProgress | None) -> None:
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


_WRITERS: Mapping[Format, Callable[..., None]] = {
    Format.csv: _write_csvs,
    Format.png: write_manifest,
    Format.folders: write_class_folders,
}
