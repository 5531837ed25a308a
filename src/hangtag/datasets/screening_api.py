"""What is wrong with the photos of a dataset, and which occur more than once.

photos = list_photos(dataset)
screening = Screening(photos, find_faults(photos), find_copies(photos))
print(screening.faults, screening.duplicates)
"""

from hangtag.datasets.copies import PLACES, Copy, find_copies
from hangtag.datasets.photo_faults import LIMITS, Finding, find_faults
from hangtag.datasets.photos import Photo, Photos, list_photos
from hangtag.datasets.screening import Screening
from hangtag.datasets.screening_tables import DUPLICATES, QUALITY, write_copies, write_findings

__all__ = [
    "DUPLICATES",
    "LIMITS",
    "PLACES",
    "QUALITY",
    "Copy",
    "Finding",
    "Photo",
    "Photos",
    "Screening",
    "find_copies",
    "find_faults",
    "list_photos",
    "write_copies",
    "write_findings",
]
