"""``hangtag explore``: what is in a data set, or how one photo becomes a model's input."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import (
    Json,
    Offline,
    Quiet,
    folder_option,
    print_json,
    print_table,
    progress_bar,
    say,
)
from hangtag.cli.datasets import read_dataset
from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.images.spec import PHOTO_SPEC
from hangtag.models.router import PHOTO_MODEL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hangtag.datasets import Dataset
    from hangtag.datasets.image_quality import ImageQuality
    from hangtag.models.classifier import Classifier
    from hangtag.reports import AugmentedCopies, Exploration

NO_MODEL = "none"

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
        folder_option("--out", help="Folder for explore.html, figures and tables."),
    ] = Path("explore"),
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
            help="A model of photos, whose embeddings find more near duplicates; none "
            f"compares hashes only. (default: {PHOTO_MODEL})",
            show_default=False,
        ),
    ] = None,
    offline: Offline = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Shows what is in a data set: shapes, classes, pixels and pictures.

    Of photos also which are broken, too small, of an odd shape, blank, blurred,
    dark, over-exposed or pale (quality.csv), and which occur more than once,
    nearly or quite (duplicates.csv).

    \b
    For example:
      hangtag explore fashion-mnist --out explore --augment seed
      hangtag explore my-photos/ --out explore --model runs/mine
      hangtag explore --photo shirt.jpg
    """
    if photo is not None:
        if data is not None or augment is not None or model is not None:
            raise typer.BadParameter("--photo takes neither DATA nor --augment nor --model")
        _show_photo(photo, out, as_json=as_json, quiet=quiet)
        return
    if data is None:
        raise typer.BadParameter("nothing to explore; give DATA, or --photo FILE")
    classifier = None if model in (None, NO_MODEL) else _load_photo_model(model)
    dataset = read_dataset(data, offline=offline, quiet=quiet)
    quality = None
    if dataset.first.images.ndim == 4:
        model = model or PHOTO_MODEL
        embeddings = None
        if model != NO_MODEL:
            classifier = classifier or _load_photo_model(model)
            embeddings = _embed(classifier, data, dataset, offline=offline, quiet=quiet)
        used = None if embeddings is None else model
        quality = _check_quality(dataset, embeddings, model=used, quiet=quiet)
        _write_tables(out, dataset, quality)
    elif model is not None:
        raise DataError(f"--model: {dataset.source} holds no photos; leave the option out")
    _show_dataset(dataset, out, quality=quality, augment=augment, as_json=as_json, quiet=quiet)


def _load_photo_model(name: str) -> "Classifier":
    from hangtag.models.classifier import Classifier

    classifier = Classifier.load(name)
    size = classifier.card.input
    if size.channels != 3:
        raise DataError(
            f"--model {name}: expected a model of photos in colour, received one of grey images of "
            f"{size.width}x{size.height} pixels; train one with --recipe photo-fast"
        )
    return classifier


def _embed(
    classifier: "Classifier", data: str, dataset: "Dataset", *, offline: bool, quiet: bool
) -> "NDArray[np.float32]":
    """Returns what a model makes of all photos, (N, D); reads them anew for another format."""
    import numpy as np

    spec = classifier.card.input
    if spec != PHOTO_SPEC:
        dataset = read_dataset(data, spec=spec, offline=offline, quiet=quiet)
    with progress_bar("looking with the model", quiet=quiet) as on_progress:
        parts = [
            classifier.embed(split.images, on_progress=on_progress)
            for split in dataset.splits.values()
        ]
    return np.concatenate(parts)


def _check_quality(
    dataset: "Dataset",
    embeddings: "NDArray[np.float32] | None",
    *,
    model: str | None,
    quiet: bool,
) -> "ImageQuality":
    """Finds quality issues and duplicates among the photos of a dataset."""
    from hangtag.datasets.image_quality import ImageQuality, find_quality_issues
    from hangtag.datasets.near_duplicates import find_photo_duplicates
    from hangtag.datasets.photos import list_photos

    photos = list_photos(dataset)
    with progress_bar("measuring photos", quiet=quiet) as on_progress:
        issues = find_quality_issues(photos, on_progress=on_progress)
    with progress_bar("finding duplicates", quiet=quiet) as on_progress:
        duplicates = find_photo_duplicates(photos, embeddings, on_progress=on_progress)
    return ImageQuality(photos, issues, duplicates, model)


def _write_tables(out: Path, dataset: "Dataset", quality: "ImageQuality") -> None:
    from hangtag.datasets import BROKEN, write_broken
    from hangtag.datasets.image_quality import QUALITY, write_quality_issues
    from hangtag.datasets.near_duplicates import DUPLICATES, write_photo_duplicates

    write_quality_issues(out / QUALITY, quality.issues, quality.photos)
    write_photo_duplicates(out / DUPLICATES, quality.duplicates, quality.photos)
    write_broken(out / BROKEN, dataset.broken)


def _show_dataset(
    dataset: "Dataset",
    out: Path,
    *,
    quality: "ImageQuality | None",
    augment: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measures a dataset, draws its page into the folder `out` and tells the figures."""
    from hangtag.reports import explore as measure
    from hangtag.reports import write_exploration

    exploration = measure(dataset)
    augmented = None if augment is None else _draw_copies(dataset, augment)
    say(f"{dataset.name}: drawing the figures", quiet=quiet)
    page = write_exploration(out, dataset, exploration, augmented=augmented, quality=quality)
    if as_json:
        content = exploration.to_json()
        if quality:
            broken = [asdict(one) for one in dataset.broken]
            content["image_quality"] = {**quality.to_json(), "broken": broken}
        print_json({**content, "report": str(page)})
        return
    _print_tables(exploration)
    if quality:
        _print_quality(quality, broken=len(dataset.broken))
        say(quality.method, quiet=quiet)
    for notice in exploration.notices:
        say(f"note: {notice}", quiet=quiet)
    if quality:
        say(
            f"each such photo is in quality.csv, duplicates.csv or broken.csv of {out}", quiet=quiet
        )
    typer.echo(str(page))


def _show_photo(photo: Path, out: Path, *, as_json: bool, quiet: bool) -> None:
    """Draws the steps of a photo into the folder `out` and tells them."""
    from hangtag.datasets import IMAGE_SIZE
    from hangtag.files.atomic import write_bytes
    from hangtag.images.decoding import read_image
    from hangtag.images.photo_to_grey import photo_steps
    from hangtag.reports.photo_steps import draw_photo_steps

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


def _draw_copies(dataset: "Dataset", recipe: str) -> "AugmentedCopies":
    """Augments the first image of each class."""
    import numpy as np

    from hangtag.reports import AugmentedCopies
    from hangtag.training.recipes import load_recipe

    settings = load_recipe(recipe)
    require_extra("train", "drawing augmented images")
    from hangtag.training.augmentation import draw_augmented

    split = dataset.first
    if split.images.shape[1:] != settings.images.spec.shape:
        raise DataError(
            f"--augment {recipe}: its images are of another format than those of "
            f"{dataset.source}; choose another recipe"
        )
    labels, first = np.unique(split.labels, return_index=True)
    originals = split.images[first[:_MOST_ORIGINALS]]
    return AugmentedCopies(
        recipe=recipe,
        names=tuple(dataset.classes[label] for label in labels[:_MOST_ORIGINALS]),
        originals=originals,
        copies=draw_augmented(originals, settings, copies=_COPIES, seed=0),
    )


def _print_quality(quality: "ImageQuality", *, broken: int) -> None:
    from hangtag.datasets.image_quality import QUALITY_LIMITS
    from hangtag.datasets.near_duplicates import PLACES

    total = len(quality.photos)
    faults = [
        [fault, f"{count:,}", f"{count / total:.2%}", QUALITY_LIMITS[fault].describe()]
        for fault, count in quality.issue_counts.items()
    ]
    rows = [
        ["broken", f"{broken:,}", f"{broken / (total + broken):.2%}", "cannot be read"],
        *faults,
    ]
    print_table("photos with a fault", ["fault", "photos", "share", "meaning"], rows)
    rows = [
        [finding, *(f"{count:,}" for count in counts.values())]
        for finding, counts in quality.duplicate_counts.items()
    ]
    columns = ["duplicates", "photos", *(f"across {place}" for place in PLACES)]
    print_table("photos that occur more than once", columns, rows)


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
