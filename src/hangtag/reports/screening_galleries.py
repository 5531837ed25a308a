"""What was found in photos, in pictures: those with faults, and copies beside each other."""

from dataclasses import dataclass

from hangtag.datasets.screening_api import LIMITS, Copy, Finding, Photo, Screening
from hangtag.images.thumbnails import shrink
from hangtag.reports.pages import Picture, encode_image

MOST_OF_A_FAULT, MOST_PAIRS = 12, 24
"""Photos that a gallery of a fault shows, and pairs that the one of copies does."""


@dataclass(frozen=True, slots=True)
class Faulty:
    """The photos with one fault.

    Attributes:
        fault: Its name.
        meaning: What was measured and where the fault begins.
        count: Photos that have it.
        shown: The worst of them: value, photo, thumbnail.
    """

    fault: str
    meaning: str
    count: int
    shown: list[tuple[str, Photo, Picture]]


def show_faults(screening: Screening) -> list[Faulty]:
    """Returns a gallery for each fault that any photo has."""
    galleries = []
    for fault, count in screening.faults.items():
        found = [one for one in screening.findings if one.fault == fault]
        if found:
            shown = [_show(screening, one) for one in found[:MOST_OF_A_FAULT]]
            galleries.append(Faulty(fault, LIMITS[fault].describe(), count, shown))
    return galleries


def show_copies(
    screening: Screening,
) -> list[tuple[Copy, tuple[Photo, Picture], tuple[Photo, Picture]]]:
    """Returns the worst copies: each with the photo and the earlier one that it is a copy of."""
    return [
        (
            copy,
            (screening.photos.items[copy.other], _thumbnail(screening, copy.other)),
            (screening.photos.items[copy.position], _thumbnail(screening, copy.position)),
        )
        for copy in screening.copies[:MOST_PAIRS]
    ]


def _show(screening: Screening, finding: Finding) -> tuple[str, Photo, Picture]:
    photo = screening.photos.items[finding.position]
    return f"{finding.value:.3g}", photo, _thumbnail(screening, finding.position)


def _thumbnail(screening: Screening, position: int) -> Picture:
    pixels = shrink(screening.photos.picture(position))
    return Picture(encode_image(pixels), f"Photo {screening.photos.items[position].id}")
