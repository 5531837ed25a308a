"""Restores a model's validation split, so it is never evaluated on training images.

A model remembers its validation images by a fingerprint of their pixels, 32 bits each. Two images
in four billion pairs share one by chance: then one more image is held out.
"""

import base64
import dataclasses
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Dataset, Split
from hangtag.datasets.splits import (
    divide_dataset,
    number_products,
    product_split,
    split_dataset,
    stratified_split,
    supplier_split,
)
from hangtag.images.hashing import digest_pixels

HELD_OUT = "held_out"
"""Where in a card's facts of the data the fingerprints of the validation images are."""

_FINGERPRINT = np.dtype("<u4")

Fingerprints = NDArray[np.uint32]
"""Of images, (N,)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """What a model knows of the data that it was made from.

    Attributes:
        classes: Its classes.
        held_out: Fingerprints of the images that it was judged by.
    """

    classes: Collection[str]
    held_out: Fingerprints


def fingerprint_images(images: NDArray[np.uint8]) -> Fingerprints:
    """Returns a fingerprint of each of images (N, H, W) or (N, H, W, C)."""
    digests = (digest_pixels(image, size=_FINGERPRINT.itemsize) for image in images)
    return np.frombuffer(b"".join(digests), _FINGERPRINT)


def pack_fingerprints(fingerprints: Fingerprints) -> str:
    """Writes fingerprints as text, base64."""
    return base64.b64encode(np.unique(fingerprints).astype(_FINGERPRINT).tobytes()).decode()


def unpack_fingerprints(text: str) -> Fingerprints:
    """Reads what `pack_fingerprints` wrote."""
    return np.frombuffer(base64.b64decode(text), _FINGERPRINT)


def find_held_out(split: Split, held_out: Fingerprints) -> NDArray[np.bool_]:
    """Tells which items (N,) are images with one of the fingerprints."""
    found: NDArray[np.bool_] = np.isin(fingerprint_images(split.images), held_out)
    return found


def extend_held_out(split: Split, held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns which items (N,) a model cannot have learned, given which of them were held out.

    Where items name suppliers, that is all of the suppliers of these; else all views of their
    products.
    """
    if split.suppliers is not None:
        return np.isin(split.suppliers, split.suppliers[held])
    products = number_products(split)
    return np.isin(products, products[held])


def restore_validation(dataset: Dataset, held_out: Fingerprints) -> Dataset:
    """Returns `dataset` with the ``validation`` split that a model was judged by.

    As it is where it has one, or where none of its ``train`` was held out from the model.
    """
    train = dataset.splits.get("train")
    if train is None or "validation" in dataset.splits:
        return dataset
    held = find_held_out(train, held_out)
    if not held.any():
        return dataset
    divided = divide_dataset(dataset, np.flatnonzero(~held), np.flatnonzero(held))
    filled = {name: split for name, split in divided.splits.items() if len(split)}
    return dataclasses.replace(divided, splits=filled)


def hold_out_again(dataset: Dataset, known: Known, *, fraction: float, seed: int) -> Dataset:
    """Returns `dataset` with a ``validation`` split that `known` has not learned.

    Held out are the images that it was judged by, with all of their suppliers or, where items name
    none, all views of their products. Of classes that are new to it a fraction is held out as well,
    by supplier where there are several. Where none of these images is in the data, or a validation
    split is there already, the result is that of `split_dataset`.

    Raises:
        DataError: The dataset cannot be divided.
    """
    train = dataset.splits.get("train")
    if train is None or "validation" in dataset.splits:
        return split_dataset(dataset, fraction=fraction, seed=seed)
    held = extend_held_out(train, find_held_out(train, known.held_out))
    if not held.any():
        return split_dataset(dataset, fraction=fraction, seed=seed)
    held |= _hold_out_new(dataset, known, held, fraction=fraction, seed=seed)
    return divide_dataset(dataset, np.flatnonzero(~held), np.flatnonzero(held))


def _hold_out_new(
    dataset: Dataset, known: Known, held: NDArray[np.bool_], *, fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Tells which items (N,) to hold out of the new classes that have none among `held`."""
    train = dataset.splits["train"]
    judged = np.unique(train.labels[held])
    new = [index for index, name in enumerate(dataset.classes) if name not in known.classes]
    fresh = np.flatnonzero(np.isin(train.labels, np.setdiff1d(new, judged)))
    chosen = np.zeros(len(train), np.bool_)
    if not len(fresh):
        return chosen
    labels = train.labels[fresh]
    least = max(fraction, 1 / len(fresh))
    if train.suppliers is not None and len(np.unique(train.suppliers[fresh])) > 1:
        suppliers = train.suppliers[fresh]
        _, out = supplier_split(suppliers, labels, fraction=least, seed=seed)
        return np.isin(train.suppliers, suppliers[out])
    products = number_products(train)
    if len(np.unique(products[fresh])) < len(fresh):
        _, out = product_split(products[fresh], labels, fraction=least, seed=seed)
    else:
        _, out = stratified_split(labels, fraction=least, seed=seed, names=dataset.classes)
    chosen[fresh[out]] = True
    return chosen
