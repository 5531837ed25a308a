"""Image quality of photos: too small, of an odd shape, blank, blurred, dark, over-exposed or pale.

photos = list_photos(dataset)
quality = ImageQuality(photos, find_quality_issues(photos), find_photo_duplicates(photos))
quality.issue_counts, quality.duplicate_counts
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.near_duplicates import PhotoDuplicate, count_photo_duplicates
from hangtag.datasets.photos import PHOTO_COLUMNS, Photo, Photos
from hangtag.images.quality import (
    measure_blur,
    measure_brightest,
    measure_clipped,
    measure_contrast,
    measure_darkest,
)
from hangtag.progress import OnProgress
from hangtag.tables.csv_cells import write_csv_rows

QUALITY = "quality.csv"
"""File name of the table of quality issues."""


@dataclass(frozen=True, slots=True)
class QualityLimit:
    """Where a quality issue begins.

    Attributes:
        at: The first value that is an issue.
        above: Whether larger values are worse; else smaller ones are.
        meaning: What the value is, for people.
    """

    at: float
    above: bool
    meaning: str

    def describe(self) -> str:
        """Returns what is measured and where the issue begins."""
        return f"{self.meaning}: {'from' if self.above else 'up to'} {self.at:g}"

    def is_crossed(self, value: float) -> bool:
        """Returns whether a value is an issue."""
        return value >= self.at if self.above else value <= self.at


QUALITY_LIMITS = {
    "small": QualityLimit(249, False, "longest side, pixels"),
    "odd shape": QualityLimit(3.0, True, "longest side over shortest"),
    "blank": QualityLimit(5.0, False, "standard deviation of the pixels, 0-255"),
    "blurred": QualityLimit(0.5, True, "blur effect, 0-1"),
    "dark": QualityLimit(110, False, "brightest channel of its brightest hundredth, 0-255"),
    "over-exposed": QualityLimit(0.35, True, "fraction of clipped pixels, 0-1"),
    "pale": QualityLimit(230, True, "luma that a twentieth is below, 0-255"),
}
"""The kinds of issues and where they begin. How the limits were chosen: docs/own-catalogue.md."""


@dataclass(frozen=True, slots=True)
class QualityIssue:
    """What is wrong with a photo.

    Attributes:
        position: The photo, by its place in the list of photos.
        kind: One of `QUALITY_LIMITS`.
        value: What was measured, in the unit of its limit.
    """

    position: int
    kind: str
    value: float


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Quality issues and duplicates among the photos of a dataset.

    Attributes:
        photos: The photos.
        issues: Quality issues, by kind, the worst first.
        duplicates: Photos that occur more than once, the worst first.
        model: The model whose embeddings helped to find near-duplicates; None for hashes alone.
    """

    photos: Photos
    issues: list[QualityIssue]
    duplicates: list[PhotoDuplicate]
    model: str | None = None

    @property
    def issue_counts(self) -> Mapping[str, int]:
        """Number of photos with each kind of issue, 0 where none has it."""
        counts = dict.fromkeys(QUALITY_LIMITS, 0)
        for issue in self.issues:
            counts[issue.kind] += 1
        return counts

    @property
    def duplicate_counts(self) -> Mapping[str, Mapping[str, int]]:
        """Number of exact and near duplicates, in all and across splits, suppliers, labels."""
        return count_photo_duplicates(self.duplicates)

    @property
    def method(self) -> str:
        """How near-duplicates were found, a sentence."""
        if self.model is None:
            return (
                "Near-duplicates were found by perceptual hash alone: copies that were saved "
                "again, scaled, lightened or trimmed a little. --model MODEL, a model of photos, "
                "also finds other crops and the same garment photographed again."
            )
        return (
            "Near-duplicates were found by perceptual hash and by the embeddings of the model "
            f"{self.model}."
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as plain JSON types."""
        counts = self.issue_counts
        return {
            "photos": len(self.photos),
            "quality": {
                kind: {"count": counts[kind], **asdict(limit)}
                for kind, limit in QUALITY_LIMITS.items()
            },
            "duplicates": {**self.duplicate_counts, "model": self.model},
        }


def find_quality_issues(
    photos: Photos, *, on_progress: OnProgress | None = None
) -> list[QualityIssue]:
    """Measures every photo; returns what crosses a limit, by kind, the worst first.

    A blank photo is not also dark or blurred. Blur is not judged in a small photo, which was
    enlarged.

    Args:
        photos: N photos.
        on_progress: Called with the number of photos measured and of all.
    """
    issues = []
    for position, (photo, picture) in enumerate(zip(photos.items, photos.pictures(), strict=True)):
        issues += [
            QualityIssue(position, kind, value)
            for kind, value in _measure(photo, picture)
            if QUALITY_LIMITS[kind].is_crossed(value)
        ]
        if on_progress:
            on_progress(position + 1, len(photos))
    return sorted(issues, key=_order)


def write_quality_issues(path: Path, issues: Sequence[QualityIssue], photos: Photos) -> None:
    """Writes issues as CSV: the photo, ``issue``, ``value``, ``limit`` and ``meaning``.

    Raises:
        OutputError: The file cannot be written.
    """
    rows = (
        [
            *photos.items[issue.position].cells,
            issue.kind,
            f"{issue.value:.6g}",
            f"{QUALITY_LIMITS[issue.kind].at:g}",
            QUALITY_LIMITS[issue.kind].meaning,
        ]
        for issue in issues
    )
    write_csv_rows(path, [*PHOTO_COLUMNS, "issue", "value", "limit", "meaning"], rows)


def _measure(photo: Photo, picture: NDArray[np.uint8]) -> Iterator[tuple[str, float]]:
    longest, shortest = max(photo.width, photo.height), min(photo.width, photo.height)
    yield "small", longest
    yield "odd shape", longest / shortest
    contrast = measure_contrast(picture)
    yield "blank", contrast
    if QUALITY_LIMITS["blank"].is_crossed(contrast):
        return
    yield "dark", measure_brightest(picture)
    yield "over-exposed", measure_clipped(picture)
    yield "pale", measure_darkest(picture)
    if not QUALITY_LIMITS["small"].is_crossed(longest):
        yield "blurred", measure_blur(picture)


def _order(issue: QualityIssue) -> tuple[int, float, int]:
    worst = -issue.value if QUALITY_LIMITS[issue.kind].above else issue.value
    return list(QUALITY_LIMITS).index(issue.kind), worst, issue.position
