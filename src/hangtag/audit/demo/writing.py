"""Writes a made feed: ``feed.csv``, ``images/`` and, apart, ``truth/``.

feed.csv            image, id, supplier, label
truth/items.csv     id, category, name, fault, duplicate_of, saved_again
truth/words.csv     supplier, label, category, name, share, items
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hangtag.audit.demo.brands import OUTSIDE, SHORTS, Brand, invent_brands, name_kind
from hangtag.audit.demo.pictures import Pixels, add_strange, save_again
from hangtag.audit.demo.planting import DemoItem, Fault, plant
from hangtag.datasets import Split
from hangtag.datasets.export import write_png
from hangtag.errors import OutputError
from hangtag.files.atomic import new_folder
from hangtag.progress import OnProgress
from hangtag.tables.csv_cells import write_csv_rows

FEED, ITEMS, WORDS = "feed.csv", "truth/items.csv", "truth/words.csv"
MOST_BRANDS = 1000

_FEED_COLUMNS = ("image", "id", "supplier", "label")
_ITEM_COLUMNS = ("id", "category", "name", "fault", "duplicate_of", "saved_again")
_WORD_COLUMNS = ("supplier", "label", "category", "name", "share", "items")

_Cells = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How a feed is made.

    Attributes:
        brands: How many suppliers, 1-1000.
        noise: Share of the items whose label is wrong, 0-0.5.
        seed: Of all choices.
    """

    brands: int = 12
    noise: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    item: DemoItem
    id: str
    file: str


def write_demo_feed(
    split: Split,
    classes: Sequence[str],
    folder: Path,
    options: DemoOptions,
    *,
    on_progress: OnProgress | None = None,
) -> dict[str, int]:
    """Writes a feed of the images of `split` and what is true of it.

    Args:
        split: Images and their true classes.
        classes: Names of the classes, by label.
        folder: Where to; must be new or empty.
        options: How it is made.
        on_progress: Called with the images written and all images.

    Returns:
        Counts of what was written: items, brands, words, errors, duplicates, strange.

    Raises:
        OutputError: An option is out of range, or the folder holds something or cannot be written.
    """
    if not 1 <= options.brands <= MOST_BRANDS or not 0 <= options.noise <= 0.5:
        raise OutputError(
            f"expected 1 to {MOST_BRANDS} brands and a noise of 0 to 0.5, received "
            f"{options.brands} and {options.noise:g}"
        )
    brands = invent_brands(classes, count=options.brands, seed=options.seed)
    images, kinds = add_strange(split.images, split.labels, classes, seed=options.seed)
    items = plant(kinds, brands, noise=options.noise, seed=options.seed)
    rows = _arrange(items, brands, seed=options.seed)
    names, known = _name_kinds(classes), {name_kind(one) for one in classes}
    with new_folder(folder) as temporary:
        _write_images(rows, images, temporary / "images", on_progress)
        write_csv_rows(temporary / FEED, _FEED_COLUMNS, _feed_rows(rows, brands))
        write_csv_rows(temporary / ITEMS, _ITEM_COLUMNS, _item_rows(rows, names))
        write_csv_rows(temporary / WORDS, _WORD_COLUMNS, _word_rows(items, brands, names))
    return {
        "items": len(items),
        "brands": len(brands),
        "words": sum(len(brand.words) for brand in brands),
        "errors": sum(item.fault is not Fault.NONE for item in items),
        "duplicates": sum(item.copy_of is not None for item in items),
        "strange": sum(item.kind not in known for item in items),
    }


def _arrange(items: Sequence[DemoItem], brands: Sequence[Brand], *, seed: int) -> list[_Row]:
    """Gives each item an id of its brand; rows keep the order of the items."""
    numbers = np.random.default_rng([seed, 4]).permutation(len(items))
    letters = [re.sub(r"[^A-Z]", "", brand.name.upper())[:3] for brand in brands]
    return [
        _Row(item, f"{letters[item.brand]}-{number:06d}", f"images/{number:06d}.png")
        for item, number in zip(items, numbers.tolist(), strict=True)
    ]


def _write_images(
    rows: Sequence[_Row], images: Pixels, folder: Path, on_progress: OnProgress | None
) -> None:
    folder.mkdir()
    for done, row in enumerate(rows, 1):
        image = images[row.item.image]
        pixels = save_again(image) if row.item.saved_again else image
        write_png(pixels, folder / Path(row.file).name)
        if on_progress:
            on_progress(done, len(rows))


def _feed_rows(rows: Sequence[_Row], brands: Sequence[Brand]) -> Iterator[_Cells]:
    for row in sorted(rows, key=lambda row: row.file):
        yield row.file, row.id, brands[row.item.brand].name, row.item.label


def _item_rows(rows: Sequence[_Row], names: dict[str, str]) -> Iterator[_Cells]:
    for row in rows:
        yield (
            row.id,
            row.item.kind,
            names[row.item.kind],
            str(row.item.fault),
            "" if row.item.copy_of is None else rows[row.item.copy_of].id,
            "yes" if row.item.saved_again else "",
        )


def _word_rows(
    items: Sequence[DemoItem], brands: Sequence[Brand], names: dict[str, str]
) -> Iterator[_Cells]:
    """Counts the mixture of each word among the items that are rightly under it."""
    right = Counter((i.brand, i.label, i.kind) for i in items if i.fault is Fault.NONE)
    for index, brand in enumerate(brands):
        for word in brand.words:
            counts = {kind: right[index, word.label, kind] for kind in sorted(word.takes)}
            total = sum(counts.values())
            for kind, n in counts.items():
                if n:
                    yield brand.name, word.label, kind, names[kind], f"{n / total:.6f}", n


def _name_kinds(classes: Sequence[str]) -> dict[str, str]:
    names = {SHORTS: "Shorts", OUTSIDE: "no apparel"}
    for name in classes:
        names[name_kind(name)] = name
    return names
