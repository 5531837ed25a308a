"""Holds out again what a model was judged by, so that it is judged by nothing it has learned.

A model remembers its validation images by a fingerprint of their pixels, 32 bits each. Two images
in four billion pairs share one by chance: then an image more is held out.
"""

import base64
import dataclasses
import hashlib
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.items import Catalogue, Split
from hangtag.catalogue.splits import divide_catalogue, split_catalogue, stratified_split

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
    digests = (
        hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=_FINGERPRINT.itemsize)
        for image in images
    )
    return np.frombuffer(b"".join(one.digest() for one in digests), _FINGERPRINT)


def pack_fingerprints(fingerprints: Fingerprints) -> str:
    """Writes fingerprints as text, base64."""
    return base64.b64encode(np.unique(fingerprints).astype(_FINGERPRINT).tobytes()).decode()


def unpack_fingerprints(text: str) -> Fingerprints:
    """Reads what `pack_fingerprints` wrote."""
    return np.frombuffer(base64.b64decode(text), _FINGERPRINT)


def find_unlearned(split: Split, held_out: Fingerprints) -> NDArray[np.bool_]:
    """Tells which items (N,) a model cannot have learned.

    Those are the images that were held out from it and, where the items name suppliers, all of
    the suppliers of these.
    """
    unlearned: NDArray[np.bool_] = np.isin(fingerprint_images(split.images), held_out)
    if split.suppliers is None:
        return unlearned
    return np.isin(split.suppliers, split.suppliers[unlearned])


def hold_out_again(catalogue: Catalogue, known: Known, *, share: float, seed: int) -> Catalogue:
    """Returns `catalogue` with a ``validation`` split that `known` has not learned.

    Held out are the images that it was judged by or, where the items name suppliers, all of their
    suppliers; without suppliers also a share of each class that is new to it. Where none of these
    images is in the data, or a validation split is there already, it is as `split_catalogue` says.

    Raises:
        DataError: The catalogue cannot be divided.
    """
    train = catalogue.splits.get("train")
    if train is None or "validation" in catalogue.splits:
        return split_catalogue(catalogue, share=share, seed=seed)
    held = find_unlearned(train, known.held_out)
    if not held.any():
        return split_catalogue(catalogue, share=share, seed=seed)
    new = [index for index, name in enumerate(catalogue.classes) if name not in known.classes]
    fresh = np.flatnonzero(np.isin(train.labels, new) & ~held)
    if train.suppliers is None and len(fresh):
        least = max(share, 1 / len(fresh))
        _, chosen = stratified_split(
            train.labels[fresh], share=least, seed=seed, names=catalogue.classes
        )
        held[fresh[chosen]] = True
    return divide_catalogue(catalogue, np.flatnonzero(~held), np.flatnonzero(held))
