"""Reading DATA for a command: decoder processes, kept pixels, broken images left out."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hangtag.catalogue import (
    Catalogue,
    DecodedImage,
    ImageFormat,
    Reading,
    cache_home,
    count_splits,
    open_catalogue,
)
from hangtag.catalogue.own_classes import use_tree
from hangtag.catalogue.reading import MOST_BROKEN
from hangtag.cli.console import print_table, progress_bar
from hangtag.errors import ImageError
from hangtag.inputs import Decoders, ImageFile
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


def read_catalogue(
    data: str,
    *,
    format: ImageFormat,
    photos: ImageFormat | None = None,
    offline: bool,
    quiet: bool,
    taxonomy: Path | None = None,
) -> Catalogue:
    """Opens DATA with its image files as pixels of `format`, as fast as the machine allows.

    Where `photos` is given, that is the format of photos, see `Reading.settle`. The labels are
    read as categories of the tree in the file `taxonomy`, where there is one.

    Raises:
        DataError: It is no data set, too much of it is broken, or a label is no category.
        FetchError: It is known by name and cannot be obtained.
    """
    tree = load_tree(taxonomy) if taxonomy else None
    with Decoders() as decoders, progress_bar("reading data", quiet=quiet) as tick:
        reading = Reading(
            format=format,
            photos=photos,
            decode=partial(_decode, decoders),
            cache=cache_home() / "pixels",
            most_broken=MOST_BROKEN,
        )
        catalogue = open_catalogue(data, offline=offline, reading=reading, on_progress=tick)
    return use_tree(catalogue, tree) if tree else catalogue


def print_overview(catalogue: Catalogue) -> None:
    """Prints what a catalogue holds on stderr: its splits, and the balance of its classes."""
    counts = count_splits(catalogue)
    rows = [
        [one.name, f"{one.items:,}", str(one.classes), f"{one.suppliers or '-'}"] for one in counts
    ]
    if catalogue.broken:
        rows.append(["broken, left out", f"{len(catalogue.broken):,}", "-", "-"])
    print_table(catalogue.name, ["split", "images", "classes", "suppliers"], rows, to_stderr=True)
    total = sum(one.items for one in counts)
    rows = [
        [
            name,
            *(f"{one.of_class[name]:,}" for one in counts),
            f"{sum(one.of_class[name] for one in counts) / total:.1%}",
        ]
        for name in catalogue.classes
    ]
    columns = ["class", *(one.name for one in counts), "share"]
    print_table("Class balance", columns, rows, to_stderr=True)


def _decode(
    decoders: Decoders, paths: Sequence[Path], format: ImageFormat
) -> Iterator[DecodedImage | ImageError]:
    files = (ImageFile(str(path)) for path in paths)
    for one in decoders.decode(files, size=format.size, channels=format.channels):
        if one.pixels is None:
            yield ImageError(one.error, fault=one.fault)
        else:
            yield DecodedImage(one.pixels, one.resized)
