"""Which model judges a feed, where none is named."""

import itertools
from pathlib import Path

from hangtag.audit.feed import Feed
from hangtag.catalogue import IMAGE_SIZE
from hangtag.catalogue.decoding import read_size
from hangtag.errors import ImageError
from hangtag.inputs import ImageFile
from hangtag.modelfolder import shipped_models
from hangtag.predictions.routing import GREY_MODEL, PHOTO_MODEL

_SAMPLE = 100


def choose_model(feed: Feed) -> str:
    """Returns the shipped model for a feed: that of photos, unless its images are 28x28 pixels.

    Looks at the headers of up to a hundred images that can be read.
    """
    items = itertools.islice(feed.source.read(IMAGE_SIZE), _SAMPLE)
    sizes = {_find_size(Path(item.path)) for item in items if isinstance(item, ImageFile)}
    is_photos = bool(sizes - {None, IMAGE_SIZE})
    return PHOTO_MODEL if is_photos and PHOTO_MODEL in shipped_models() else GREY_MODEL


def _find_size(path: Path) -> tuple[int, int] | None:
    try:
        return read_size(path)
    except ImageError:
        return None
