"""Photos that are too small, of an odd shape, blank, blurred, dark, over-exposed or pale."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.photos import Photo, Photos
from hangtag.images.quality import (
    measure_blur,
    measure_brightest,
    measure_clipped,
    measure_contrast,
    measure_darkest,
)
from hangtag.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Limit:
    """When a photo has a fault.

    Attributes:
        at: The value from which on it has.
        above: Whether larger values are worse; else smaller ones are.
        meaning: What the value is, for people.
    """

    at: float
    above: bool
    meaning: str

    def describe(self) -> str:
        """Says what is measured and where the fault begins."""
        return f"{self.meaning}: {'from' if self.above else 'up to'} {self.at:g}"

    def is_crossed(self, value: float) -> bool:
        """Whether a value is a fault."""
        return value >= self.at if self.above else value <= self.at


LIMITS = {
    "small": Limit(249, False, "longest side, pixels"),
    "odd shape": Limit(3.0, True, "longest side over shortest"),
    "blank": Limit(5.0, False, "standard deviation of the pixels, 0-255"),
    "blurred": Limit(0.5, True, "blur effect, 0-1"),
    "dark": Limit(110, False, "brightest channel of its brightest hundredth, 0-255"),
    "over-exposed": Limit(0.35, True, "share of clipped pixels, 0-1"),
    "pale": Limit(230, True, "luma that a twentieth is below, 0-255"),
}
"""The faults and where they begin. How the limits were chosen: docs/own-catalogue.md."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a photo.

    Attributes:
        position: The photo, by its place in the list of photos.
        fault: One of `LIMITS`.
        value: What was measured, as `LIMITS` says.
    """

    position: int
    fault: str
    value: float


def find_faults(photos: Photos, *, on_progress: OnProgress | None = None) -> list[Finding]:
    """Measures every photo; returns what crosses a limit, by fault, the worst first.

    A blank photo is not also dark or blurred, and blur is not judged in a small one, which was
    enlarged.

    Args:
        photos: N photos.
        on_progress: Called with the number of photos measured and of all.
    """
    findings = []
    for position, (photo, picture) in enumerate(zip(photos.items, photos.pictures(), strict=True)):
        findings += [
            Finding(position, fault, value)
            for fault, value in _measure(photo, picture)
            if LIMITS[fault].is_crossed(value)
        ]
        if on_progress:
            on_progress(position + 1, len(photos))
    return sorted(findings, key=_order)


def count_faults(findings: Sequence[Finding]) -> dict[str, int]:
    """Returns how many photos have each fault, 0 where none has."""
    counts = dict.fromkeys(LIMITS, 0)
    for finding in findings:
        counts[finding.fault] += 1
    return counts


def _measure(photo: Photo, picture: NDArray[np.uint8]) -> Iterator[tuple[str, float]]:
    longest, shortest = max(photo.width, photo.height), min(photo.width, photo.height)
    yield "small", longest
    yield "odd shape", longest / shortest
    contrast = measure_contrast(picture)
    yield "blank", contrast
    if LIMITS["blank"].is_crossed(contrast):
        return
    yield "dark", measure_brightest(picture)
    yield "over-exposed", measure_clipped(picture)
    yield "pale", measure_darkest(picture)
    if not LIMITS["small"].is_crossed(longest):
        yield "blurred", measure_blur(picture)


def _order(finding: Finding) -> tuple[int, float, int]:
    worst = -finding.value if LIMITS[finding.fault].above else finding.value
    return list(LIMITS).index(finding.fault), worst, finding.position
