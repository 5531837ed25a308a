"""Writes a table of the public clothing data set, to train and evaluate on.

    python -m benchmarks.clothing FOLDER OUT.csv               # the published ten classes and split
    python -m benchmarks.clothing FOLDER OUT.csv --by-person   # no split: hangtag holds people out
    python -m benchmarks.clothing FOLDER OUT.csv --shipped     # those of the model clothing-photos
    python -m benchmarks.clothing FOLDER OUT.csv --unknowns    # photos whose label is no garment
    hangtag train OUT.csv --recipe photo-fast

FOLDER holds ``items.csv`` with the columns ``image`` (a path below FOLDER), ``supplier`` (who took
the photo), ``label``, ``split10`` and ``label10`` (empty for photos outside the ten classes), made
from the public clothing data set (github alexeygrigorev/clothing-dataset, CC0). 113 of the 122
people in its validation split are in its train split too, so figures there are too optimistic.
``--shipped`` makes train, validation and test, each of different people. The few people with more
than 100 photos are in train, so that many people count in the figures.
"""

import argparse
import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from hangtag.files.atomic import write_text

UNKNOWN_LABELS = ("Not sure", "Other", "Skip")
"""Labels that name no garment."""

SHIPPED = {
    "T-Shirt": "T-shirt",
    "Polo": "Polo",
    "Undershirt": "Tank top",
    "Top": "Tank top",
    "Shirt": "Shirt",
    "Longsleeve": "Long sleeve",
    "Hoodie": "Long sleeve",
    "Outwear": "Outerwear",
    "Blazer": "Outerwear",
    "Dress": "Dress",
    "Body": "Bodysuit",
    "Pants": "Pants",
    "Shorts": "Shorts",
    "Skirt": "Skirt",
    "Shoes": "Shoes",
    "Hat": "Hat",
}
"""Label -> class of the model clothing-photos; why so: docs/decisions/0011. Blouse is in none."""

MANY = 100
"""Photos of one person above which ``--shipped`` puts them into train."""

PARTS = ("test", "test", "validation", "validation", "train", "train", "train")
"""Where ``--shipped`` puts each of seven equal parts of the other people's photos."""

Item = Mapping[str, str]


def read_items(folder: Path) -> list[dict[str, str]]:
    """Returns the rows of ``items.csv``, with absolute paths."""
    with (folder / "items.csv").open(encoding="utf-8", newline="") as stream:
        return [
            {**row, "image": str((folder / row["image"]).resolve())}
            for row in csv.DictReader(stream)
        ]


def published_items(items: Sequence[Item], *, by_person: bool) -> list[Item]:
    """Returns the items of the published ten classes, with its split unless `by_person`."""
    chosen: list[Item] = [{**item, "label": item["label10"]} for item in items if item["label10"]]
    return chosen if by_person else [{**item, "split": item["split10"]} for item in chosen]


def raw_items(items: Sequence[Item]) -> list[Item]:
    """Returns the items whose label names a garment, under that label."""
    return [item for item in items if item["label"] not in UNKNOWN_LABELS]


def shipped_items(items: Sequence[Item]) -> list[Item]:
    """Returns the items of the classes of the model clothing-photos, under these."""
    return [{**item, "label": SHIPPED[item["label"]]} for item in items if item["label"] in SHIPPED]


def unknown_items(items: Sequence[Item]) -> list[Item]:
    """Returns the items whose label names no garment, under that label."""
    return [item for item in items if item["label"] in UNKNOWN_LABELS]


def split_off(items: Sequence[Item]) -> list[Item]:
    """Returns items with a split, by people; see `MANY` and `PARTS`."""
    counts = Counter(item["supplier"] for item in items)
    few = [item for item in items if counts[item["supplier"]] <= MANY]
    parts = divide(few, parts=len(PARTS))
    placed = {item["image"]: PARTS[part] for item, part in zip(few, parts, strict=True)}
    return [{**item, "split": placed.get(item["image"], "train")} for item in items]


def divide(items: Sequence[Item], *, parts: int) -> list[int]:
    """Returns the part, 0 to `parts` - 1, of each item: whole suppliers, all labels in each part.

    By scikit-learn's StratifiedGroupKFold, seed 0.
    """
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=0)
    labels, suppliers = ([item[name] for item in items] for name in ("label", "supplier"))
    part = np.zeros(len(items), np.int64)
    for number, (_, held) in enumerate(folds.split(labels, labels, suppliers)):
        part[held] = number
    return [int(number) for number in part]


def format_table(items: Sequence[Item]) -> str:
    """Returns the table as CSV, with a column ``split`` where the items have one."""
    columns = ["image", "label", "supplier", *(["split"] if "split" in items[0] else [])]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(items)
    return text.getvalue()


def main() -> None:
    """Writes the table that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    kinds = parser.add_mutually_exclusive_group()
    for kind in ("--by-person", "--shipped", "--unknowns"):
        kinds.add_argument(kind, action="store_true")
    options = parser.parse_args()
    items = read_items(options.folder)
    if options.shipped:
        chosen = split_off(shipped_items(items))
    elif options.unknowns:
        chosen = unknown_items(items)
    else:
        chosen = published_items(items, by_person=options.by_person)
    write_text(options.out, format_table(chosen))


if __name__ == "__main__":
    main()
