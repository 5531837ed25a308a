"""Loads whatever DATA names as a dataset, its image files decoded and kept for the next time.

dataset = load_dataset("photos/")
dataset.splits["train"].images.shape  # (N, 224, 224, 3)
"""

import dataclasses
from pathlib import Path

from hangtag.datasets.dataset import Dataset
from hangtag.datasets.duplicates import describe_duplicates, find_duplicates
from hangtag.datasets.fetch import cache_home
from hangtag.datasets.opening import open_data
from hangtag.datasets.own_classes import use_tree
from hangtag.datasets.reading import MAX_BROKEN, DecodeOptions
from hangtag.errors import DataError
from hangtag.files.paths import make_printable
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.spec import ImageSpec
from hangtag.progress import OnProgress
from hangtag.taxonomy import load_tree


def load_dataset(
    data: str | Path,
    *,
    spec: ImageSpec | None = None,
    offline: bool = False,
    taxonomy: Path | None = None,
    max_broken: float = MAX_BROKEN,
    cache: bool = True,
    on_progress: OnProgress | None = None,
) -> Dataset:
    """Loads the data set that `data` names, with notices about duplicates between its splits.

    A text that is a known name means that data set, even where a folder is called the same;
    write ``./fashion-mnist`` or pass a Path for the folder. IDX files and pixel CSVs carry label
    numbers only: their classes are Fashion-MNIST's ten. Image files are decoded in processes of
    their own, so that a damaged or malicious file cannot take this process down.

    Args:
        data: A name or a path; the kinds are those of DATA_KINDS.
        spec: Shape of the pixels. By default images stay grey 28x28 pixels where they are of that
            size, and photos become 224x224 in colour.
        offline: Whether to fetch nothing from the network.
        taxonomy: CSV file of the user's own categories (columns ``id, name, parent``), which the
            labels then name.
        max_broken: Largest fraction of image files that may be broken, 0-1. Broken files are left
            out and listed in the dataset; with 0 the first one raises.
        cache: Whether decoded pixels are kept in ``$HANGTAG_HOME/pixels``.
        on_progress: Called while something is fetched (in bytes) or files are decoded (in images).

    Raises:
        DataError: `data` is none of the kinds, cannot be read, too many of its images are broken,
            its images are arrays of another shape than `spec`, or a label is no category.
        FetchError: A data set that is known by name cannot be obtained.
    """
    tree = load_tree(taxonomy) if taxonomy else None
    with DecoderPool() as pool:
        options = DecodeOptions(
            spec,
            decode=pool.decode,
            cache=cache_home() / "pixels" if cache else None,
            max_broken=max_broken,
        )
        dataset = open_data(data, options, offline=offline, on_progress=on_progress)
    if spec is not None:
        _check_spec(dataset, spec)
    found = describe_duplicates(find_duplicates(dataset.splits), dataset.splits)
    dataset = dataclasses.replace(
        dataset,
        name=make_printable(dataset.name),
        source=make_printable(dataset.source),
        notices=(*dataset.notices, *found),
    )
    return use_tree(dataset, tree) if tree else dataset


def _check_spec(dataset: Dataset, spec: ImageSpec) -> None:
    """Raises DataError when the images, which arrays hold, are not of the shape asked for."""
    shape = dataset.first.images.shape[1:]
    if shape != spec.shape:
        wanted = "colour" if spec.channels == 3 else "grey"
        raise DataError(
            f"{dataset.source} holds grey images of {shape[0]}x{shape[1]} pixels, and {wanted} "
            f"images of {spec} are needed; give class folders or a table of image files, or "
            "choose another recipe or model"
        )
