"""Reading DATA for a command: decoder processes, kept pixels, broken images left out."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hangtag.cli.console import print_table, progress_bar
from hangtag.datasets import (
    Dataset,
    DecodedImage,
    Reading,
    cache_home,
    count_splits,
    load_dataset,
)
from hangtag.datasets.own_classes import use_tree
from hangtag.datasets.reading import MOST_BROKEN
from hangtag.errors import ErrorKind, ImageError
from hangtag.images.spec import ImageSpec
from hangtag.readers import Decoders, ImageFile
from hangtag.taxonomy import load_tree

Taxonomy = Annotated[
    Path | None,
    typer.Option(
        "--taxonomy",
        metavar="FILE.csv",
        help="A tree of your own (columns id, name, parent) whose ids or names the labels are.",
        show_default=False,
    ),
]


def read_dataset(
    data: str,
    *,
    format: ImageSpec,
    photos: ImageSpec | None = None,
    offline: bool,
    quiet: bool,
    taxonomy: Path | None = None,
) -> Dataset:
    """Opens DATA with its image files as pixels of `format`, as fast as the machine allows.

    Where `photos` is given, that is the format of photos, see `Reading.settle`. The labels are
    read as categories of the tree in the file `taxonomy`, where there is one.

    Raises:
        DataError: It is no data set, too much of it is broken, or a label is no category.
        FetchError: It is known by name and cannot be obtained.
    """
    tree = load_tree(taxonomy) if taxonomy else None
    with Decoders() as decoders, progress_bar("reading data", quiet=quiet) as on_progress:
        reading = Reading(
            format=format,
            photos=photos,
            decode=partial(_decode, decoders),
            cache=cache_home() / "pixels",
            most_broken=MOST_BROKEN,
        )
        dataset = load_dataset(data, offline=offline, reading=reading, on_progress=on_progress)
    return use_tree(dataset, tree) if tree else dataset


def print_overview(dataset: Dataset) -> None:
    """Prints what a dataset holds on stderr: its splits, and the balance of its classes."""
    counts = count_splits(dataset)
    rows = [
        [one.name, f"{one.items:,}", str(one.classes), f"{one.suppliers or '-'}"] for one in counts
    ]
    if dataset.broken:
        rows.append(["broken, left out", f"{len(dataset.broken):,}", "-", "-"])
    print_table(dataset.name, ["split", "images", "classes", "suppliers"], rows, to_stderr=True)
    total = sum(one.items for one in counts)
    rows = [
        [
            name,
            *(f"{one.of_class[name]:,}" for one in counts),
            f"{sum(one.of_class[name] for one in counts) / total:.1%}",
        ]
        for name in dataset.classes
    ]
    columns = ["class", *(one.name for one in counts), "share"]
    print_table("Class balance", columns, rows, to_stderr=True)


def _decode(
    decoders: Decoders, paths: Sequence[Path], format: ImageSpec
) -> Iterator[DecodedImage | ImageError]:
    files = (ImageFile(str(path)) for path in paths)
    for one in decoders.decode(files, size=format.size, channels=format.channels):
        if one.pixels is None:
            yield ImageError(one.error, error_kind=ErrorKind(one.error_kind))
        else:
            yield DecodedImage(one.pixels, one.resized)
