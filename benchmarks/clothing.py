"""Writes a manifest of the clothing data set's published ten classes, to train and judge on.

    python -m benchmarks.clothing FOLDER ten.csv               # its own train and validation split
    python -m benchmarks.clothing FOLDER ten.csv --by-person   # no split: hangtag holds people out
    hangtag train ten.csv --recipe photo-fast

FOLDER holds ``items.csv`` with the columns ``image`` (a path below FOLDER), ``supplier`` (who took
the photo), ``split10`` and ``label10`` (empty for photos outside the ten classes), made of the
public clothing data set (github alexeygrigorev/clothing-dataset, CC0). 113 of the 122 people in its
validation split are in its train split too, so figures there flatter.
"""

import argparse
import csv
import io
from pathlib import Path

from hangtag.files import write_text


def write_manifest(folder: Path, *, by_person: bool) -> str:
    """Returns the manifest as CSV, with absolute paths."""
    with (folder / "items.csv").open(encoding="utf-8", newline="") as stream:
        items = [row for row in csv.DictReader(stream) if row["label10"]]
    text = io.StringIO()
    columns = ["image", "label", "supplier", *([] if by_person else ["split"])]
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in items:
        image = str((folder / row["image"]).resolve())
        writer.writerow({**row, "image": image, "label": row["label10"], "split": row["split10"]})
    return text.getvalue()


def main() -> None:
    """Writes the manifest that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--by-person", action="store_true")
    options = parser.parse_args()
    write_text(options.out, write_manifest(options.folder, by_person=options.by_person))


if __name__ == "__main__":
    main()
