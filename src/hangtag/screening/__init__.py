"""What is wrong with the photos of a catalogue, and which occur more than once.

photos = list_photos(catalogue)
screening = Screening(photos, find_faults(photos), find_copies(photos))
print(screening.faults, screening.duplicates)
"""

from hangtag.screening.copies import PLACES, Copy, find_copies
from hangtag.screening.faults import LIMITS, Finding, find_faults
from hangtag.screening.photos import Photo, Photos, list_photos
from hangtag.screening.result import Screening
from hangtag.screening.tables import DUPLICATES, QUALITY, write_copies, write_findings

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
