"""Which model judges a feed, where none is named."""

import itertools
from pathlib import Path

from hangtag.audit.feed import Feed
from hangtag.datasets import IMAGE_SIZE
from hangtag.datasets.collecting import SAMPLE, are_photos
from hangtag.models.folder import shipped_models
from hangtag.models.router import GREY_MODEL, PHOTO_MODEL
from hangtag.readers import ImageFile


def choose_model(feed: Feed) -> str:
    """Returns the shipped model for a feed: that of photos, unless its images are 28x28 pixels.

    Looks at the headers of the images of the first `SAMPLE` items.
    """
    items = itertools.islice(feed.source.read(IMAGE_SIZE), SAMPLE)
    paths = [Path(item.path) for item in items if isinstance(item, ImageFile)]
    found = are_photos(paths)
    return PHOTO_MODEL if found and PHOTO_MODEL in shipped_models() else GREY_MODEL
