"""Data sets: opened from any kind of source, checked, divided, written.

from hangtag.catalogue import open_catalogue, split_catalogue

catalogue = split_catalogue(open_catalogue("fashion-mnist"), share=0.15, seed=0)
"""

from hangtag.catalogue.broken import BROKEN, write_broken
from hangtag.catalogue.decoding import DecodedImage
from hangtag.catalogue.export import Format, export_catalogue
from hangtag.catalogue.fetch import cache_home, fetch_fashion_mnist
from hangtag.catalogue.items import (
    FASHION_MNIST_CLASSES,
    IMAGE_SIZE,
    SPLIT_NAMES,
    Catalogue,
    Split,
)
from hangtag.catalogue.opening import open_catalogue, require_known_name
from hangtag.catalogue.overview import (
    FEWEST_IMAGES,
    count_splits,
    describe_classes,
    describe_suppliers,
    find_small_classes,
)
from hangtag.catalogue.reading import PHOTO_FORMAT, ImageFormat, Reading
from hangtag.catalogue.splits import split_catalogue

__all__ = [
    "BROKEN",
    "FASHION_MNIST_CLASSES",
    "FEWEST_IMAGES",
    "IMAGE_SIZE",
    "PHOTO_FORMAT",
    "SPLIT_NAMES",
    "Catalogue",
    "DecodedImage",
    "Format",
    "ImageFormat",
    "Reading",
    "Split",
    "cache_home",
    "count_splits",
    "describe_classes",
    "describe_suppliers",
    "export_catalogue",
    "fetch_fashion_mnist",
    "find_small_classes",
    "open_catalogue",
    "require_known_name",
    "split_catalogue",
    "write_broken",
]
