"""Every outside format, read once, as a stream of records.

    for record in open_source(["photos/", "feed.csv", "images.npy"]):
        print(record.name, record.label, record.image)

A `Source` gives one `Record` an image, in order. Nothing is decoded here, and only what is under
way is in memory. Each format has its module: `image_files` (files, folders, lists of paths),
`class_folders`, `tables` (CSV, Parquet), `pixel_csv`, `idx`, `arrays` (``.npy``), `in_memory`.
`opening` finds out which one a path is.
"""

from hangtag.readers.in_memory import AnyImage, AnyImages, records_of
from hangtag.readers.opening import LABELLED_KINDS, open_labelled, open_source
from hangtag.readers.record import SPLIT_NAMES, Record, Source, decode_records, find_split

__all__ = [
    "LABELLED_KINDS",
    "SPLIT_NAMES",
    "AnyImage",
    "AnyImages",
    "Record",
    "Source",
    "decode_records",
    "find_split",
    "open_labelled",
    "open_source",
    "records_of",
]
