"""Writes a demo feed whose truth is known: ``feed.csv``, ``images/`` and, apart, ``truth/``.

feed.csv            image, id, supplier, label
truth/items.csv     id, category, name, fault, duplicate_of, saved_again
truth/labels.csv    supplier, label, category, name, fraction, items
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.demo.brands import (
    OUTSIDE,
    SHORTS,
    Brand,
    DemoItem,
    LabelFault,
    category_id,
    invent_brands,
    plant_errors,
)
from hangtag.datasets import Split
from hangtag.datasets.export import write_png
from hangtag.errors import OutputError
from hangtag.files.atomic import new_folder
from hangtag.progress import OnProgress
from hangtag.tables.csv_cells import write_csv_rows

FEED, ITEMS, LABELS = "feed.csv", "truth/items.csv", "truth/labels.csv"
MAX_BRANDS = 1000

_FEED_COLUMNS = ("image", "id", "supplier", "label")
_ITEM_COLUMNS = ("id", "category", "name", "fault", "duplicate_of", "saved_again")
_LABEL_COLUMNS = ("supplier", "label", "category", "name", "fraction", "items")

_OOD_FRACTION = 0.015
"""How many images of each kind without a class are added, as a fraction of the images."""

_HEM = 0.5
"""Where trousers are cut to become shorts, as a fraction of the height."""

Pixels = NDArray[np.uint8]
Cells = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Settings of a demo feed.

    Attributes:
        brands: Number of suppliers, 1-1000.
        noise: Fraction of the items with a wrong label, 0-0.5.
        seed: Of all choices.
    """

    brands: int = 12
    noise: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class DemoCounts:
    """What a demo feed holds.

    Attributes:
        items: Number of items.
        brands: Number of brands.
        labels: Number of labels of brands.
        errors: Items with a wrong label.
        duplicates: Items whose image comes a second time.
        ood: Items whose image shows none of the classes.
    """

    items: int
    brands: int
    labels: int
    errors: int
    duplicates: int
    ood: int


@dataclass(frozen=True, slots=True)
class _DemoRow:
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
) -> DemoCounts:
    """Writes a feed of the images of `split`, and the truth about it.

    Args:
        split: Images and their true classes.
        classes: Names of the classes, by class index.
        folder: Output folder; must be new or empty.
        options: Settings.
        on_progress: Called with the images written and all images.

    Raises:
        OutputError: An option is out of range, or the folder is not empty or cannot be written.
    """
    if not 1 <= options.brands <= MAX_BRANDS or not 0 <= options.noise <= 0.5:
        raise OutputError(
            f"expected 1 to {MAX_BRANDS} brands and a noise of 0 to 0.5, received "
            f"{options.brands} and {options.noise:g}"
        )
    brands = invent_brands(classes, count=options.brands, seed=options.seed)
    images, categories = add_ood_images(split.images, split.labels, classes, seed=options.seed)
    items = plant_errors(categories, brands, noise=options.noise, seed=options.seed)
    rows = _assign_ids(items, brands, seed=options.seed)
    names, known = _name_categories(classes), {category_id(name) for name in classes}
    with new_folder(folder) as temporary:
        _write_images(rows, images, temporary / "images", on_progress)
        write_csv_rows(temporary / FEED, _FEED_COLUMNS, _feed_rows(rows, brands))
        write_csv_rows(temporary / ITEMS, _ITEM_COLUMNS, _item_rows(rows, names))
        write_csv_rows(temporary / LABELS, _LABEL_COLUMNS, _label_rows(items, brands, names))
    return DemoCounts(
        items=len(items),
        brands=len(brands),
        labels=sum(len(brand.labels) for brand in brands),
        errors=sum(item.fault is not LabelFault.NONE for item in items),
        duplicates=sum(item.copy_of is not None for item in items),
        ood=sum(item.category not in known for item in items),
    )


def add_ood_images(
    images: Pixels, labels: NDArray[np.int64], classes: Sequence[str], *, seed: int
) -> tuple[Pixels, list[str]]:
    """Adds images that show none of the classes.

    To grey images: shorts (trousers cut short), where no class is shorts, and handwritten digits.
    To photos: pieces of photos of a temple and of a flower.

    Args:
        images: (N, H, W), photos (N, H, W, 3).
        labels: Class indices, (N,).
        classes: Names of the classes.
        seed: Of all choices.

    Returns:
        All images, and the category of each.
    """
    random = np.random.default_rng([seed, 3])
    categories = [category_id(classes[label]) for label in labels]
    count = round(_OOD_FRACTION * len(images))
    trousers = np.flatnonzero(np.array(categories) == "aa-1-12")
    added = [images]
    is_photos = images.ndim == 4
    if len(trousers) and count and not is_photos and SHORTS not in categories:
        added.append(_cut_short(images[random.choice(trousers, min(count, len(trousers)), False)]))
        categories += [SHORTS] * len(added[-1])
    if count:
        draw = _cut_pieces if is_photos else _draw_digits
        added.append(draw(count, images.shape[1:3], random))
        categories += [OUTSIDE] * count
    return np.concatenate(added), categories


def save_again(image: Pixels) -> Pixels:
    """Returns an image as read back from a JPEG file of quality 90."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=90)
    with Image.open(buffer) as saved:
        return np.asarray(saved)


def _cut_short(trousers: Pixels) -> Pixels:
    shorts = trousers.copy()
    shorts[:, round(_HEM * trousers.shape[1]) :] = 0
    return shorts


def _draw_digits(count: int, size: Sequence[int], random: np.random.Generator) -> Pixels:
    """Returns handwritten digits of scikit-learn, enlarged to `size`."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = (load_digits().images * 15.9).astype(np.uint8)
    chosen = digits[random.choice(len(digits), count)]
    return np.stack(
        [
            np.asarray(Image.fromarray(digit).resize((size[1], size[0]), Image.Resampling.BICUBIC))
            for digit in chosen
        ]
    )


def _cut_pieces(count: int, size: Sequence[int], random: np.random.Generator) -> Pixels:
    """Returns squares cut out of scikit-learn's sample photos, scaled to `size`."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos, pieces = load_sample_images().images, []
    for _ in range(count):
        photo = photos[random.integers(len(photos))]
        side = int(random.integers(min(photo.shape[:2]) // 3, min(photo.shape[:2])))
        top, left = (int(random.integers(length - side)) for length in photo.shape[:2])
        piece = Image.fromarray(photo[top : top + side, left : left + side])
        pieces.append(np.asarray(piece.resize((size[1], size[0]), Image.Resampling.BICUBIC)))
    return np.stack(pieces)


def _assign_ids(items: Sequence[DemoItem], brands: Sequence[Brand], *, seed: int) -> list[_DemoRow]:
    """Gives each item an id; rows keep the order of the items."""
    numbers = np.random.default_rng([seed, 4]).permutation(len(items))
    letters = [re.sub(r"[^A-Z]", "", brand.name.upper())[:3] for brand in brands]
    return [
        _DemoRow(item, f"{letters[item.brand]}-{number:06d}", f"images/{number:06d}.png")
        for item, number in zip(items, numbers.tolist(), strict=True)
    ]


def _write_images(
    rows: Sequence[_DemoRow], images: Pixels, folder: Path, on_progress: OnProgress | None
) -> None:
    folder.mkdir()
    for done, row in enumerate(rows, 1):
        image = images[row.item.image]
        pixels = save_again(image) if row.item.saved_again else image
        write_png(pixels, folder / Path(row.file).name)
        if on_progress:
            on_progress(done, len(rows))


def _feed_rows(rows: Sequence[_DemoRow], brands: Sequence[Brand]) -> Iterator[Cells]:
    for row in sorted(rows, key=lambda row: row.file):
        yield row.file, row.id, brands[row.item.brand].name, row.item.label


def _item_rows(rows: Sequence[_DemoRow], names: dict[str, str]) -> Iterator[Cells]:
    for row in rows:
        yield (
            row.id,
            row.item.category,
            names[row.item.category],
            str(row.item.fault),
            "" if row.item.copy_of is None else rows[row.item.copy_of].id,
            "yes" if row.item.saved_again else "",
        )


def _label_rows(
    items: Sequence[DemoItem], brands: Sequence[Brand], names: dict[str, str]
) -> Iterator[Cells]:
    """Yields the categories of each label, counted over its rightly labelled items."""
    right = Counter(
        (item.brand, item.label, item.category) for item in items if item.fault is LabelFault.NONE
    )
    for index, brand in enumerate(brands):
        for entry in brand.labels:
            counts = {
                category: right[index, entry.label, category]
                for category in sorted(entry.fractions)
            }
            total = sum(counts.values())
            for category, n in counts.items():
                if n:
                    yield brand.name, entry.label, category, names[category], f"{n / total:.6f}", n


def _name_categories(classes: Sequence[str]) -> dict[str, str]:
    names = {SHORTS: "Shorts", OUTSIDE: "no apparel"}
    for name in classes:
        names[category_id(name)] = name
    return names
