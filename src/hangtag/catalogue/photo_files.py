"""Reads the file of a photo in colour, for those who want more than its grey pixels."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from hangtag.catalogue.decoding import decode_grey
from hangtag.catalogue.items import IMAGE_SIZE

if TYPE_CHECKING:
    from PIL.Image import Image


def read_photo(path: Path) -> "Image":
    """Returns a JPEG, PNG or WebP file as an image of Pillow, upright as its EXIF says.

    Raises:
        DataError: The file is missing, empty, over 20 MB or 50 megapixels, in another format,
            or damaged, as `decode_grey` says.
    """
    from PIL import Image, ImageOps

    decode_grey(path, size=IMAGE_SIZE)  # refuses in one line what cannot be read below
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
