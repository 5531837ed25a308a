"""Dataset and Split: images with labels, by split."""

import hashlib
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.files.atomic import reserve_space
from hangtag.tables.csv_cells import write_csv_rows
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES
from hangtag.taxonomy.tree import Tree

BROKEN = "broken.csv"
"""File name of the list of broken images in a run folder or beside a report."""

_BLOCK = 256
"""Images copied at a time."""

_SHOWN_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Split:
    """One part of a dataset.

    Attributes:
        images: Pixels, (N, H, W) uint8, 0-255; in colour (N, H, W, 3).
        labels: Class index of each image, (N,) int64.
        ids: What each image is called in its source, (N,) str, such as ``train/00042`` or a path
            relative to the source.
        suppliers: Who supplied each image, (N,) str, or None where the source does not say.
        files: The path of each image, (N,) str, or None where the source is no image files.
        products: What each image is a view of, (N,) str, empty where the source does not say; None
            where it never does. With suppliers, a product is meant among those of its supplier.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.str_]
    suppliers: NDArray[np.str_] | None = None
    files: NDArray[np.str_] | None = None
    products: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Split({len(self):,} images of shape {self.images.shape[1:]})"

    def take(self, indices: NDArray[np.intp]) -> "Split":
        """Returns the items at `indices` (M,), in that order; mapped images stay on disk."""
        optional = (
            None if column is None else column[indices]
            for column in (self.suppliers, self.files, self.products)
        )
        images = _take_images(self.images, indices)
        return Split(images, self.labels[indices], self.ids[indices], *optional)

    def product_keys(self) -> list[tuple[str, str] | None]:
        """Returns supplier and product of each item, (N,); None where it names no product."""
        if self.products is None:
            return [None] * len(self)
        suppliers = [""] * len(self) if self.suppliers is None else self.suppliers.tolist()
        keys = zip(suppliers, self.products.tolist(), strict=True)
        return [(supplier, product) if product else None for supplier, product in keys]


@dataclass(frozen=True, slots=True)
class Broken:
    """An image that was left out of a dataset: what it is called, and why, in one line."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set: its classes and its splits.

    Attributes:
        name: A short name for titles, such as ``fashion-mnist``.
        source: The folder or file it was read from.
        classes: Class names; position is the class index.
        splits: ``train``, ``validation`` and ``test``, as far as the source has them. A source
            without splits has only ``train``.
        notices: What the reader of a report should know, one sentence each: duplicates found
            between splits, images that had to be resized.
        broken: Images that cannot be read and were left out.
        tree: The user's own tree whose categories the classes are, None where there is none.
        resized: Whether most of its images were files of another size, resized to this one.
    """

    name: str
    source: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    notices: tuple[str, ...] = field(default=())
    broken: tuple[Broken, ...] = field(default=())
    tree: Tree | None = None
    resized: bool = False

    def __len__(self) -> int:
        return sum(len(split) for split in self.splits.values())

    def __repr__(self) -> str:
        """Names the data set, its first classes and the images of each split."""
        classes = ", ".join(map(repr, self.classes[:_SHOWN_CLASSES]))
        others = len(self.classes) - _SHOWN_CLASSES
        more = f" and {others:,} more" if others > 0 else ""
        splits = ", ".join(f"{name}={len(split)}" for name, split in self.splits.items())
        return f"Dataset({self.name!r}, classes=[{classes}]{more}, {splits})"

    @property
    def first(self) -> Split:
        """The train split, or where it is missing or empty the first that is not."""
        splits = (self.splits.get("train"), *self.splits.values())
        return next(split for split in splits if split)


def write_broken(path: Path, broken: Sequence[Broken]) -> None:
    """Writes the images that were left out as CSV with the columns ``id`` and ``reason``.

    Raises:
        OutputError: The file cannot be written.
    """
    write_csv_rows(path, ["id", "reason"], ([image.id, image.reason] for image in broken))


def order_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the distinct classes of a source that names them, in the order of their indices.

    When every name is one of Fashion-MNIST's, that is the official order; otherwise they are
    sorted.
    """
    distinct = set(names)
    if distinct <= set(FASHION_MNIST_CLASSES):
        return tuple(name for name in FASHION_MNIST_CLASSES if name in distinct)
    return tuple(sorted(distinct))


def tidy_class(name: str) -> str:
    """Returns the name of a class on one line, without blanks at its ends.

    Its letters are composed (NFC): ``ö`` is one letter.
    """
    lines = unicodedata.normalize("NFC", name).splitlines()
    return " ".join(filter(None, map(str.strip, lines)))


def number_ids(name: str, count: int) -> NDArray[np.str_]:
    """Returns the ids ``NAME/00000``, ``NAME/00001``, ... (count,) of a split without names."""
    return np.array([f"{name}/{position:05d}" for position in range(count)], dtype=np.str_)


def hash_split(split: Split) -> str:
    """Returns the sha256 of the images and labels of `split`, in their order."""
    digest = hashlib.sha256(str(split.images.shape).encode())
    for start in range(0, len(split), _BLOCK):  # mapped images need not fit into memory
        digest.update(split.images[start : start + _BLOCK].tobytes())
    digest.update(split.labels.tobytes())
    return digest.hexdigest()


def _take_images(images: NDArray[np.uint8], indices: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Copies images; those mapped from a file into a file beside it, where there is space."""
    if isinstance(images, np.memmap) and images.filename is not None and len(indices):
        with suppress(OSError):
            return _map_images(images, indices, folder=Path(images.filename).parent)
    return images[indices]


def _map_images(
    images: NDArray[np.uint8], indices: NDArray[np.intp], *, folder: Path
) -> NDArray[np.uint8]:
    """Copies images into a file without a name, which ends with them."""
    folder.mkdir(parents=True, exist_ok=True)  # someone may have deleted the cache since
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        copied = np.memmap(file.name, np.uint8, "w+", shape=(len(indices), *images.shape[1:]))
        reserve_space(Path(file.name))
    for start in range(0, len(indices), _BLOCK):
        copied[start : start + _BLOCK] = images[indices[start : start + _BLOCK]]
    return copied
