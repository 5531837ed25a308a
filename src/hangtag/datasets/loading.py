"""Loads whatever DATA names as a dataset.

dataset = load_dataset("photos/")
dataset.splits["train"].images.shape  # (N, 224, 224, 3)
"""

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from hangtag.datasets.collecting import MAX_BROKEN, DecodeOptions, collect_dataset
from hangtag.datasets.dataset import Dataset
from hangtag.datasets.duplicates import describe_duplicates, find_duplicates
from hangtag.datasets.fetch import FASHION_MNIST, cache_home, fetch_fashion_mnist
from hangtag.datasets.overview import describe_products
from hangtag.datasets.own_taxonomy import apply_taxonomy
from hangtag.errors import DataError, ImageError
from hangtag.files.paths import is_file, is_folder, make_printable
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage
from hangtag.images.spec import ImageSpec
from hangtag.progress import OnProgress
from hangtag.readers import LABELLED_KINDS, Source, open_labelled
from hangtag.readers.pixel_csv import PixelCsvSplits
from hangtag.readers.tables import Table
from hangtag.taxonomy import load_tree

DATA_NAMES = (FASHION_MNIST,)
"""The data sets that are known by name."""

DATA_KINDS = f"a name ({', '.join(DATA_NAMES)}), {LABELLED_KINDS}"
"""What `load_dataset` reads, for people."""


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
    path = _find_data(data, offline=offline, on_progress=on_progress)
    source = open_labelled(path)
    dataset = collect_dataset(
        source,
        name=make_printable(_name_dataset(path, source)),
        path=make_printable(source.path if isinstance(source, Table) else path),
        options=DecodeOptions(
            spec,
            decode=_decode_in_processes,
            cache=cache_home() / "pixels" if cache else None,
            max_broken=max_broken,
        ),
        on_progress=on_progress,
    )
    if spec is not None:
        _check_spec(dataset, spec)
    notices = (
        *dataset.notices,
        *describe_duplicates(find_duplicates(dataset.splits), dataset.splits),
        *describe_products(dataset),
    )
    dataset = dataclasses.replace(dataset, notices=notices)
    return apply_taxonomy(dataset, tree) if tree else dataset


def require_known_name(name: str) -> None:
    """Raises a DataError that suggests the nearest name when `name` is no known data set."""
    if name not in DATA_NAMES:
        raise DataError(
            f"no data set is called '{name}'{_suggest(name)}; known are: {', '.join(DATA_NAMES)}"
        )


def _find_data(data: str | Path, *, offline: bool, on_progress: OnProgress | None) -> Path:
    """Returns the file or folder that `data` names; fetches a data set that is known by name."""
    if data == "":
        raise DataError(f"the data set's name or path is empty; expected {DATA_KINDS}")
    if data in DATA_NAMES:
        return fetch_fashion_mnist(cache_home(), offline=offline, on_progress=on_progress)
    path = Path(data)
    if is_file(path) or is_folder(path):
        return path
    raise DataError(
        f"no data set, file or folder is called '{path}'{_suggest(str(path))}; "
        f"expected {DATA_KINDS}"
    )


def _name_dataset(path: Path, source: Source) -> str:
    """Returns a title: what its files are called, or their folder."""
    if isinstance(source, PixelCsvSplits):
        return source.name
    whole = path.resolve()
    if is_folder(path):
        return whole.name
    return whole.parent.name if path.stem == "manifest" else path.stem


def _check_spec(dataset: Dataset, spec: ImageSpec) -> None:
    """Raises DataError when the images, which arrays hold, are not of the shape asked for."""
    shape = dataset.first.images.shape[1:]
    if shape != spec.shape:
        wanted = "colour" if spec.channels == 3 else "grey"
        raise DataError(
            f"{dataset.source}: expected {wanted} images of {spec} pixels, received grey images "
            f"of {shape[0]}x{shape[1]}; give class folders or a table of image files, or "
            "choose another recipe or model"
        )


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, DATA_NAMES, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _decode_in_processes(
    paths: Sequence[Path], spec: ImageSpec
) -> Iterator[DecodedImage | ImageError]:
    with DecoderPool() as pool:
        if paths:
            pool.start(len(paths))
        yield from pool.decode(map(str, paths), spec)
