"""``hangtag explore``: what is in a data set, or how one photo becomes a model's input."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import (
    RUNS,
    Json,
    Offline,
    Quiet,
    folder_option,
    print_json,
    print_result,
    print_table,
    progress_bar,
    say,
)
from hangtag.environment import require_extra
from hangtag.files.atomic import make_numbered_folder
from hangtag.models.router import PHOTO_MODEL

if TYPE_CHECKING:
    from hangtag.datasets import Dataset
    from hangtag.datasets.image_quality import ImageQuality
    from hangtag.reports import AugmentedCopies, Exploration


def explore(
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A name such as fashion-mnist, a file or a folder.",
            show_default=False,
        ),
    ] = None,
    photo: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Instead of DATA: draw how this photo becomes 28x28 grey pixels.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        folder_option(
            "--out", help="Folder for explore.html, figures and tables. (default: runs/explore-N)"
        ),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Also draw images beside copies augmented as this recipe does.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A model of photos, whose embeddings find more near-duplicates; none "
            f"compares hashes only. (default: {PHOTO_MODEL})",
            show_default=False,
        ),
    ] = None,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Shows what is in a data set.

    Shapes, classes, pixels and pictures; for photos also quality issues (broken,
    small, odd shape, blank, blurred, dark, over-exposed, pale: quality.csv) and
    exact and near duplicates (duplicates.csv).

    \b
    For example:
      hangtag explore fashion-mnist --out explore --augment seed
      hangtag explore my-photos/ --out explore --model runs/mine
      hangtag explore --photo shirt.jpg
    """
    if photo is not None:
        if data is not None or augment is not None or model is not None:
            raise typer.BadParameter("--photo takes neither DATA nor --augment nor --model")
        with _open_folder(out) as folder:
            _explore_photo(photo, folder, as_json=as_json, quiet=quiet)
        return
    if data is None:
        raise typer.BadParameter("nothing to explore; give DATA, or --photo FILE")
    from hangtag.reports import explore as explore_data

    with _open_folder(out) as folder:
        explored = explore_data(
            data,
            folder,
            model=model,
            augment=None if augment is None else _augmentation_of(augment),
            offline=offline,
            show_step=partial(progress_bar, quiet=quiet),
        )
    if as_json:
        print_json(explored.to_json())
        return
    _print_figures(explored.exploration)
    for notice in explored.exploration.notices:
        say(f"note: {notice}", quiet=quiet)
    if explored.quality:
        _print_quality(explored.quality, broken=len(explored.dataset.broken))
        say(explored.quality.method, quiet=quiet)
        say(
            f"these photos are listed in quality.csv, duplicates.csv and broken.csv of {folder}",
            quiet=quiet,
        )
    print_result(str(explored.page))


@contextmanager
def _open_folder(out: Path | None) -> Iterator[Path]:
    """Gives the folder to write to; a numbered one is removed where nothing was written."""
    if out is not None:
        yield out
        return
    folder = make_numbered_folder(RUNS, "explore")
    try:
        yield folder
    finally:
        with suppress(OSError):  # it holds the result
            folder.rmdir()


def _explore_photo(photo: Path, out: Path, *, as_json: bool, quiet: bool) -> None:
    from hangtag.reports.photo_steps import write_photo_steps

    steps, picture = write_photo_steps(photo, out)
    if as_json:
        content = [
            {
                "name": step.name,
                "height": step.pixels.shape[0],
                "width": step.pixels.shape[1],
                "note": step.note,
            }
            for step in steps
        ]
        print_json({"photo": str(photo), "steps": content, "picture": str(picture)})
        return
    for position, step in enumerate(steps, 1):
        say(f"{position} {step.name}: {step.note}", quiet=quiet)
    print_result(str(picture))


def _augmentation_of(recipe: str) -> "Callable[[Dataset], AugmentedCopies]":
    from hangtag.training.recipes import load_recipe

    settings = load_recipe(recipe)
    require_extra("train", "drawing augmented images")
    from hangtag.training.augment import augment_examples

    return partial(augment_examples, recipe=settings)


def _print_quality(quality: "ImageQuality", *, broken: int) -> None:
    from hangtag.datasets.image_quality import QUALITY_LIMITS
    from hangtag.datasets.near_duplicates import PLACES

    total = len(quality.photos)
    issues = [
        [kind, f"{count:,}", f"{count / total:.2%}", QUALITY_LIMITS[kind].describe()]
        for kind, count in quality.issue_counts.items()
    ]
    rows = [
        ["broken", f"{broken:,}", f"{broken / (total + broken):.2%}", "cannot be read"],
        *issues,
    ]
    print_table("image quality", ["issue", "photos", "fraction", "meaning"], rows)
    rows = [
        [kind, *(f"{count:,}" for count in counts.values())]
        for kind, counts in quality.duplicate_counts.items()
    ]
    columns = ["kind", "photos", *(f"across {place}" for place in PLACES)]
    print_table("duplicates", columns, rows)


def _print_figures(exploration: "Exploration") -> None:
    splits = list(exploration.splits.items())
    print_table(
        exploration.name,
        ["", *(name for name, _ in splits)],
        [
            ["X", *(str(split.x_shape) for _, split in splits)],
            ["y", *(str(split.y_shape) for _, split in splits)],
            ["X as images", *(str(split.image_shape) for _, split in splits)],
            ["types", *(f"{split.x_dtype}, {split.y_dtype}" for _, split in splits)],
            ["distinct labels", *(str(split.distinct_labels) for _, split in splits)],
            ["pixel mean", *(f"{split.pixel_mean:.4f}" for _, split in splits)],
            ["pixel deviation", *(f"{split.pixel_std:.4f}" for _, split in splits)],
            ["pixel range", *(f"{split.pixel_min}-{split.pixel_max}" for _, split in splits)],
        ],
    )
    print_table(
        "images per class",
        ["class", *(name for name, _ in splits)],
        [
            [name, *(f"{split.counts[name]:,}" for _, split in splits)]
            for name in exploration.classes
        ],
    )
