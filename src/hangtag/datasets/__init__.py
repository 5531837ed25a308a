"""Datasets: loaded from any kind of source, checked, divided, written.

from hangtag.datasets import load_dataset, split_dataset

dataset = split_dataset(load_dataset("fashion-mnist"), fraction=0.15, seed=0)
"""

from hangtag.datasets.collecting import MAX_BROKEN
from hangtag.datasets.dataset import BROKEN, Dataset, Split, write_broken
from hangtag.datasets.export import ExportFormat, export_dataset
from hangtag.datasets.fetch import cache_home, fetch_fashion_mnist
from hangtag.datasets.loading import DATA_NAMES, load_dataset, require_known_name
from hangtag.datasets.overview import (
    FEWEST_IMAGES,
    count_splits,
    describe_classes,
    describe_suppliers,
    find_small_classes,
)
from hangtag.datasets.splits import split_dataset
from hangtag.readers.record import SPLIT_NAMES
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES

__all__ = [
    "BROKEN",
    "DATA_NAMES",
    "FASHION_MNIST_CLASSES",
    "FEWEST_IMAGES",
    "MAX_BROKEN",
    "SPLIT_NAMES",
    "Dataset",
    "ExportFormat",
    "Split",
    "cache_home",
    "count_splits",
    "describe_classes",
    "describe_suppliers",
    "export_dataset",
    "fetch_fashion_mnist",
    "find_small_classes",
    "load_dataset",
    "require_known_name",
    "split_dataset",
    "write_broken",
]
