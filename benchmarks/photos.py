"""Measures a Fashion-MNIST model on real photos, and the effect of each photo step.

    python -m benchmarks.photos FOLDER [--model NAME|FOLDER] [--json]

FOLDER holds ``items.csv`` with the columns ``image`` (a path below FOLDER) and ``label``, made from
the public clothing data set (github alexeygrigorev/clothing-dataset, CC0). Every photo whose label
is in `RIGHT` is categorised after a plain resize (grey, Lanczos filter, centred on black), after
the steps of `hangtag.images.photo_to_grey`, and with one of the steps left out or changed. Prints
the accuracy by label and over all photos for the first two, over all photos for the others.
"""

import argparse
import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import hangtag
from benchmarks.printing import print_table
from hangtag.errors import DataError
from hangtag.images.decoding import read_image
from hangtag.images.photo_to_grey import (
    Background,
    Pixels,
    centre,
    fit_longest_side,
    flatten_transparency,
    level_background,
    measure_background,
    negate_if_light,
    prepare_photo,
    sharpen,
    trim_border,
    turn_grey,
)
from hangtag.images.spec import FASHION_MNIST_SPEC

RIGHT = {
    "T-Shirt": ("T-shirt/top",),
    "Pants": ("Trouser",),
    "Longsleeve": ("Pullover",),
    "Dress": ("Dress",),
    "Outwear": ("Coat",),
    "Shoes": ("Sandal", "Sneaker", "Ankle boot"),
    "Shirt": ("Shirt",),
}
"""Label of a photo -> the classes that count as right.

A label is left out where Fashion-MNIST has no such class (Shorts, Skirt, Hat, Body), where it could
be one of several (Polo, Top, Undershirt, Blouse, Blazer, Hoodie), and where it is none (Not sure,
Other, Skip). Shoes have one label in this data, so any of three classes counts. Longsleeve is the
least certain: some are T-shirts with long sleeves, and to call them so counts as wrong.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model makes of the photos prepared in one way.

    Attributes:
        right: Whether the most probable class counts as right, (N,).
        accepted: Whether the model would accept that class with nobody looking, (N,).
        unknown: Whether it says that the photo is unlike what it knows, (N,).
    """

    right: NDArray[np.bool_]
    accepted: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="fashion-mnist")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    paths, labels = read_items(options.folder)
    outcomes = {
        name: categorise(options.model, paths, labels, prepare) for name, prepare in WAYS.items()
    }
    figures = {name: summarise(outcome, labels) for name, outcome in outcomes.items()}
    if options.json:
        print(json.dumps({"n": len(paths), "model": options.model, **figures}, indent=2))
    else:
        show(labels, {name: figures[name] for name in ("as it is", "by the steps")})
        overall = [
            [name, f"{100 * figure['all photos']:.1f} %"] for name, figure in figures.items()
        ]
        print_table("What each step is worth", ["way", "right"], overall)


def read_items(folder: Path) -> tuple[list[Path], NDArray[np.str_]]:
    """Returns the photos whose labels are in `RIGHT`, and the labels (N,)."""
    with (folder / "items.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["label"] in RIGHT]
    if not rows:
        raise DataError(f"{folder}: no photo has one of the labels {', '.join(RIGHT)}")
    return [folder / row["image"] for row in rows], np.array([row["label"] for row in rows])


def fit_as_it_is(photo: Image.Image) -> Pixels:
    """Turns a photo grey, fits it and centres it on black, measuring nothing."""
    height, width = FASHION_MNIST_SPEC.size
    grey = photo.convert("L")
    scale = min(width / grey.width, height / grey.height)
    fit = (max(1, round(grey.width * scale)), max(1, round(grey.height * scale)))
    resized = grey.resize(fit, Image.Resampling.LANCZOS)
    canvas = Image.new("L", (width, height), 0)
    canvas.paste(resized, ((width - resized.width) // 2, (height - resized.height) // 2))
    return np.array(canvas)


def take_the_steps(photo: Image.Image) -> Pixels:
    """Prepares a photo as `hangtag.images.photo_to_grey` does."""
    return prepare_photo(photo, FASHION_MNIST_SPEC)


def take_other_steps(
    photo: Image.Image,
    *,
    without: tuple[str, ...] = (),
    is_light: Callable[[Background], bool] = lambda background: background.light,
) -> Pixels:
    """Prepares a photo by the steps but those named, deciding otherwise what is light."""
    pixels = flatten_transparency(photo)
    background = measure_background(pixels)
    background = replace(background, light=is_light(background))
    if "trim" not in without:
        pixels = trim_border(pixels, background)
    if "level" not in without:
        pixels = level_background(pixels, background)
    pixels = fit_longest_side(pixels, FASHION_MNIST_SPEC)
    if "sharpen" not in without:
        pixels = sharpen(pixels)
    return turn_grey(negate_if_light(centre(pixels, background, FASHION_MNIST_SPEC), background))


def is_above_middle_grey(background: Background) -> bool:
    """Says whether the luma of a background is 128 or more."""
    colour = np.array(background.colour, dtype=np.uint8)
    return bool(turn_grey(colour[None, None])[0, 0] >= 128)


WAYS: dict[str, Callable[[Image.Image], Pixels]] = {
    "as it is": fit_as_it_is,
    "by the steps": take_the_steps,
    "no trim": partial(take_other_steps, without=("trim",)),
    "no sharpening": partial(take_other_steps, without=("sharpen",)),
    "light from a luma of 128": partial(take_other_steps, is_light=is_above_middle_grey),
    "always negated": partial(take_other_steps, is_light=lambda _: True),
    "never negated": partial(take_other_steps, is_light=lambda _: False),
    "no level": partial(take_other_steps, without=("level",)),
    "no level, always negated": partial(
        take_other_steps, without=("level",), is_light=lambda _: True
    ),
}


def categorise(
    model: str,
    paths: list[Path],
    labels: NDArray[np.str_],
    prepare: Callable[[Image.Image], Pixels],
) -> Outcome:
    """Runs the model on the photos, each prepared by `prepare`."""
    pixels = np.stack([prepare(read_image(path, FASHION_MNIST_SPEC)) for path in paths])
    classifier = hangtag.load(model)
    best = classifier.run(pixels).logits.argmax(axis=1)
    decided = classifier.predict(pixels)
    names = [classifier.classes[index] for index in best]
    return Outcome(
        right=np.array([name in RIGHT[label] for name, label in zip(names, labels, strict=True)]),
        accepted=np.array([d.decision == "accept" for d in decided]),
        unknown=np.array([d.decision == "unknown" for d in decided]),
    )


def summarise(outcome: Outcome, labels: NDArray[np.str_]) -> dict[str, float]:
    """Returns accuracy by label, over all photos and over labels, and what would be accepted."""
    by_label = {label: float(outcome.right[labels == label].mean()) for label in RIGHT}
    accepted = outcome.accepted
    return {
        **by_label,
        "all photos": float(outcome.right.mean()),
        "mean of the labels": float(np.mean(list(by_label.values()))),
        "fraction accepted": float(accepted.mean()),
        "right among accepted": float(outcome.right[accepted].mean()) if accepted.any() else 0.0,
        "fraction called unknown": float(outcome.unknown.mean()),
    }


def show(labels: NDArray[np.str_], figures: dict[str, dict[str, float]]) -> None:
    """Prints the figures as a table, a row a label."""
    counts = {label: int((labels == label).sum()) for label in RIGHT}
    rows = [
        [
            name,
            " or ".join(RIGHT.get(name, ())),
            f"{counts.get(name, len(labels)):,}",
            *(f"{100 * figure[name]:.1f} %" for figure in figures.values()),
        ]
        for name in next(iter(figures.values()))
    ]
    print_table("", ["label", "counts as right", "n", *figures], rows)


if __name__ == "__main__":
    main()
