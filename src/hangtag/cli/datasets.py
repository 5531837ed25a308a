"""Shared by the commands that read DATA: the taxonomy option, progress, the overview."""

from pathlib import Path
from typing import Annotated

import typer

from hangtag.cli.console import print_table, progress_bar
from hangtag.datasets import Dataset, count_splits, load_dataset
from hangtag.images.spec import ImageSpec

Taxonomy = Annotated[
    Path | None,
    typer.Option(
        "--taxonomy",
        metavar="FILE.csv",
        help="CSV of your own categories (id, name, parent); labels are their ids or names.",
        show_default=False,
    ),
]


def read_dataset(
    data: str,
    *,
    spec: ImageSpec | None = None,
    offline: bool,
    quiet: bool,
    taxonomy: Path | None = None,
) -> Dataset:
    """Loads DATA behind a progress bar; see `hangtag.datasets.load_dataset`."""
    with progress_bar("reading data", quiet=quiet) as on_progress:
        return load_dataset(
            data, spec=spec, offline=offline, taxonomy=taxonomy, on_progress=on_progress
        )


def print_overview(dataset: Dataset) -> None:
    """Prints what a dataset holds on stderr: its splits, and the balance of its classes."""
    counts = count_splits(dataset)
    rows = [
        [split.name, f"{split.items:,}", str(split.classes), f"{split.suppliers or '-'}"]
        for split in counts
    ]
    if dataset.broken:
        rows.append(["broken, left out", f"{len(dataset.broken):,}", "-", "-"])
    print_table(dataset.name, ["split", "images", "classes", "suppliers"], rows, to_stderr=True)
    total = sum(split.items for split in counts)
    rows = [
        [
            name,
            *(f"{split.of_class[name]:,}" for split in counts),
            f"{sum(split.of_class[name] for split in counts) / total:.1%}",
        ]
        for name in dataset.classes
    ]
    columns = ["class", *(split.name for split in counts), "fraction"]
    print_table("Class balance", columns, rows, to_stderr=True)
