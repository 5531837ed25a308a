"""What was found, as CSV files."""

from collections.abc import Sequence
from pathlib import Path

from hangtag.datasets.copies import Copy
from hangtag.datasets.photo_faults import LIMITS, Finding
from hangtag.datasets.photos import Photo, Photos
from hangtag.tables.csv_cells import write_csv_rows

QUALITY, DUPLICATES = "quality.csv", "duplicates.csv"
"""What the tables are called."""

_OF_PHOTO = ("id", "path", "split", "supplier", "label")


def write_findings(path: Path, findings: Sequence[Finding], photos: Photos) -> None:
    """Writes faults as CSV: the photo, ``finding``, ``value``, ``limit`` and ``meaning``.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = (
        [
            *_cells(photos.items[one.position]),
            one.fault,
            f"{one.value:.6g}",
            f"{LIMITS[one.fault].at:g}",
            LIMITS[one.fault].meaning,
        ]
        for one in findings
    )
    write_csv_rows(path, [*_OF_PHOTO, "finding", "value", "limit", "meaning"], rows)


def write_copies(path: Path, copies: Sequence[Copy], photos: Photos) -> None:
    """Writes copies as CSV: the photo, ``finding``, ``by``, ``value``, ``across``, the other photo.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = (
        [
            *_cells(photos.items[one.position]),
            one.finding,
            one.by,
            f"{one.value:.6g}",
            " ".join(one.across),
            *_cells(photos.items[one.other]),
        ]
        for one in copies
    )
    others = [f"other_{column}" for column in _OF_PHOTO]
    write_csv_rows(path, [*_OF_PHOTO, "finding", "by", "value", "across", *others], rows)


def _cells(photo: Photo) -> list[str]:
    return [photo.id, photo.path, photo.split, photo.supplier, photo.label]
