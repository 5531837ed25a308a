"""Writes a catalogue in the formats that the readers of this package understand."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hangtag.catalogue.folders import write_class_folders
from hangtag.catalogue.items import FASHION_MNIST_CLASSES, Catalogue
from hangtag.catalogue.manifest import write_manifest
from hangtag.catalogue.pixel_csv import write_pixel_csv
from hangtag.errors import OutputError
from hangtag.files import require_free
from hangtag.progress import Tick


def export_catalogue(
    catalogue: Catalogue, folder: Path, *, format: str, on_progress: Tick | None = None
) -> None:
    """Writes `catalogue` to `folder`, from which `open_catalogue` reads the same items again.

    Args:
        catalogue: What to write.
        folder: Where to; made when missing.
        format: ``csv`` for one pixel CSV a split, ``NAME_SPLIT.csv``; ``png`` for PNG files with
            ``manifest.csv``; ``folders`` for PNG files in class folders.
        on_progress: Called with the images written and all images.

    Raises:
        OutputError: The format is unknown or cannot carry the classes, or the folder holds such
            an export already or cannot be written.
    """
    if format not in _WRITERS:
        raise OutputError(f"expected a format of {', '.join(_WRITERS)}, received '{format}'")
    _WRITERS[format](catalogue, folder, on_progress)


def _write_csvs(catalogue: Catalogue, folder: Path, on_progress: Tick | None) -> None:
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


def _write_pngs(catalogue: Catalogue, folder: Path, on_progress: Tick | None) -> None:
    write_manifest(catalogue, folder, on_progress=on_progress)


def _write_folders(catalogue: Catalogue, folder: Path, on_progress: Tick | None) -> None:
    write_class_folders(catalogue, folder, on_progress=on_progress)


_WRITERS: Mapping[str, Callable[[Catalogue, Path, Tick | None], None]] = {
    "csv": _write_csvs,
    "png": _write_pngs,
    "folders": _write_folders,
}

FORMATS = tuple(_WRITERS)
