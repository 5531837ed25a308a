"""Writes a catalogue in the formats that the readers of this package understand."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from hangtag.catalogue.folders import write_class_folders
from hangtag.catalogue.items import FASHION_MNIST_CLASSES, Catalogue
from hangtag.catalogue.manifest import write_manifest
from hangtag.catalogue.pixel_csv import write_pixel_csv
from hangtag.errors import OutputError
from hangtag.files import require_free
from hangtag.progress import Tick


class Format(StrEnum):
    """What an export writes."""

    csv = "csv"
    """A pixel CSV a split, ``NAME_SPLIT.csv``."""
    png = "png"
    """PNG files with ``manifest.csv``."""
    folders = "folders"
    """PNG files in class folders."""


def export_catalogue(
    catalogue: Catalogue, folder: Path, *, format: Format, on_progress: Tick | None = None
) -> None:
    """Writes `catalogue` to `folder`, from which `open_catalogue` reads the same items again.

    Args:
        catalogue: What to write.
        folder: Where to; made when missing.
        format: What files.
        on_progress: Called with the images written and all images.

    Raises:
        OutputError: The format cannot carry the classes, or the folder holds such an export
            already or cannot be written.
    """
    _WRITERS[format](catalogue, folder, on_progress=on_progress)


def _write_csvs(catalogue: Catalogue, folder: Path, *, on_progress: Tick | None) -> None:
    if catalogue.classes != FASHION_MNIST_CLASSES:
        raise OutputError(
            f"a pixel CSV carries label numbers of Fashion-MNIST's classes only, and "
            f"{catalogue.source} has others; choose the format png or folders"
        )
    paths = {
        name: folder / f"{catalogue.name or 'catalogue'}_{name}.csv" for name in catalogue.splits
    }
    for path in paths.values():
        require_free(path)
    done = 0
    for name, split in catalogue.splits.items():
        write_pixel_csv(split, paths[name])
        done += len(split)
        if on_progress:
            on_progress(done, len(catalogue))


_WRITERS: Mapping[Format, Callable[..., None]] = {
    Format.csv: _write_csvs,
    Format.png: write_manifest,
    Format.folders: write_class_folders,
}
