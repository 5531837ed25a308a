"""``hangtag explore``: what is in a data set, or how one photo becomes a model's input."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.catalogue import open_catalogue
from hangtag.cli.console import Json, Offline, Quiet, print_json, print_table, progress_bar, say
from hangtag.extras import require_training

if TYPE_CHECKING:
    from hangtag.catalogue import Catalogue
    from hangtag.report import AugmentedCopies, Exploration

_MOST_ORIGINALS = 10
_COPIES = 8


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
        Path,
        typer.Option("--out", help="Folder for explore.html and its figures, or photo_steps.png."),
    ] = Path("explore"),
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Also draw images beside copies augmented as this recipe does.",
            show_default=False,
        ),
    ] = None,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Shows what is in a data set: shapes, classes, pixels and pictures.

    \b
    For example:
      hangtag explore fashion-mnist --out explore --augment seed
      hangtag explore --photo shirt.jpg
    """
    if photo is not None:
        if data is not None or augment is not None:
            raise typer.BadParameter("--photo takes neither DATA nor --augment; leave one out")
        _show_photo(photo, out, as_json=as_json, quiet=quiet)
        return
    if data is None:
        raise typer.BadParameter("nothing to explore; give DATA, or --photo FILE")
    with progress_bar("reading the data", quiet=quiet) as tick:
        catalogue = open_catalogue(data, offline=offline, on_progress=tick)
    _show_catalogue(catalogue, out, augment=augment, as_json=as_json, quiet=quiet)


def _show_catalogue(
    catalogue: "Catalogue", out: Path, *, augment: str | None, as_json: bool, quiet: bool
) -> None:
    """Measures a catalogue, draws its page into the folder `out` and tells the figures."""
    from hangtag.report import explore as measure
    from hangtag.report import write_exploration

    exploration = measure(catalogue)
    augmented = None if augment is None else _draw_copies(catalogue, augment)
    say(f"{catalogue.name}: drawing the figures", quiet=quiet)
    page = write_exploration(out, catalogue, exploration, augmented=augmented)
    if as_json:
        print_json({**exploration.to_json(), "report": str(page)})
        return
    _print_tables(exploration)
    for notice in exploration.notices:
        say(f"note: {notice}", quiet=quiet)
    typer.echo(str(page))


def _show_photo(photo: Path, out: Path, *, as_json: bool, quiet: bool) -> None:
    """Draws the steps of a photo into the folder `out` and tells them."""
    from hangtag.catalogue import IMAGE_SIZE
    from hangtag.catalogue.decoding import read_image
    from hangtag.catalogue.photo import photo_steps
    from hangtag.files import write_bytes
    from hangtag.report.photo_steps import draw_photo_steps

    steps = photo_steps(read_image(photo, size=IMAGE_SIZE), size=IMAGE_SIZE)
    picture = out / "photo_steps.png"
    write_bytes(picture, draw_photo_steps(steps))
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
    typer.echo(str(picture))


def _draw_copies(catalogue: "Catalogue", recipe: str) -> "AugmentedCopies":
    """Augments the first image of each class."""
    import numpy as np

    from hangtag.report import AugmentedCopies
    from hangtag.training.recipes import load_recipe

    settings = load_recipe(recipe)
    require_training("drawing augmented images")
    from hangtag.training.augmentation import draw_augmented

    split = catalogue.first
    labels, first = np.unique(split.labels, return_index=True)
    originals = split.images[first[:_MOST_ORIGINALS]]
    return AugmentedCopies(
        recipe=recipe,
        names=tuple(catalogue.classes[label] for label in labels[:_MOST_ORIGINALS]),
        originals=originals,
        copies=draw_augmented(originals, settings, copies=_COPIES, seed=0),
    )


def _print_tables(exploration: "Exploration") -> None:
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
