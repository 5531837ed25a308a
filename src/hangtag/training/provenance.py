"""What a training was made from, so that it can be named, compared and resumed."""

import hashlib
from typing import Any

from hangtag.catalogue.items import Catalogue, Split


def describe_data(catalogue: Catalogue) -> dict[str, Any]:
    """Returns the name of a catalogue and, by split, its number of items and their hash."""
    return {
        "name": catalogue.name,
        "splits": {
            name: {"n": len(split), "sha256": hash_split(split)}
            for name, split in catalogue.splits.items()
        },
    }


def hash_split(split: Split) -> str:
    """Returns the sha256 of the images and labels of `split`, in their order."""
    digest = hashlib.sha256(str(split.images.shape).encode())
    digest.update(split.images.tobytes())
    digest.update(split.labels.tobytes())
    return digest.hexdigest()
