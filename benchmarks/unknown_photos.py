"""Measures what a model of photos calls unknown: images that are not garments, doubtful photos.

    python -m benchmarks.clothing FOLDER clothing-dataset.csv --shipped
    python -m benchmarks.clothing FOLDER unknowns.csv --unknowns
    python -m benchmarks.unknown_photos clothing-photos clothing-dataset.csv unknowns.csv

The test split of the first table is the in-distribution data. Prints, for every kind of image, the
area under the ROC curve against it and the fraction above the model's own threshold.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import hangtag
from benchmarks.printing import print_table
from benchmarks.unknown import PHOTOS, area
from hangtag.datasets import Dataset, Split, load_dataset
from hangtag.images.colour import fit_colour
from hangtag.images.spec import ImageSpec

Pixels = NDArray[np.uint8]

PIECES = 15
"""Pieces cut from each sample photo; the astronaut wears a garment and is left out."""

MADE = 200
"""Pictures of each kind that is made."""


def main() -> None:
    """Measures and prints."""
    model, garments, doubted = sys.argv[1:]
    classifier = hangtag.load(model)
    size = classifier.card.input
    format = size
    test = _read(garments, format).splits["test"]
    others = _read(doubted, format)
    labels = np.array(others.classes)[others.first.labels]
    kinds = {
        **make_ood_images(test, format),
        **{f"labelled {name}": others.first.images[labels == name] for name in others.classes},
    }
    known, limit = classifier.run(test.images).ood_scores, classifier.card.policy.ood_threshold
    rows = [[f"garments ({len(test):,})", "", f"{(known > limit).mean():.1%}"]]
    for kind, images in kinds.items():
        scores = classifier.run(images).ood_scores
        rows.append(
            [
                f"{kind} ({len(images):,})",
                f"{area(known, scores):.3f}",
                f"{(scores > limit).mean():.1%}",
            ]
        )
    print_table(classifier.card.name, ["what", "AUROC", "called unknown"], rows)


def make_ood_images(garments: Split, format: ImageSpec) -> dict[str, Pixels]:
    """Makes images (N, H, W, 3) by kind; some are made of the garments."""
    random = np.random.default_rng(0)
    some = garments.images[np.linspace(0, len(garments) - 1, MADE).astype(int)]
    colours = random.integers(0, 256, (MADE, 1, 1, 3), dtype=np.uint8)
    return {
        "pieces of photos": cut_photos(format, random),
        "noise": random.integers(0, 256, (MADE, *format.shape), dtype=np.uint8),
        "one colour": np.broadcast_to(colours, (MADE, *format.shape)).copy(),
        "garments on their side": np.rot90(some, axes=(1, 2)),
        "garments upside down": np.rot90(some, 2, axes=(1, 2)),
        "two garments": np.concatenate([some[:-1, :, ::2], some[1:, :, ::2]], axis=2),
    }


def cut_photos(format: ImageSpec, random: np.random.Generator) -> Pixels:
    """Cuts pieces of half to the whole width and height out of scikit-image's sample photos."""
    pieces = []
    for name in PHOTOS[1:]:
        photo = Image.fromarray(getattr(data, name)()).convert("RGB")
        for _ in range(PIECES):
            width, height = (int(random.integers(side // 2, side + 1)) for side in photo.size)
            left = int(random.integers(0, photo.width - width + 1))
            top = int(random.integers(0, photo.height - height + 1))
            piece = photo.crop((left, top, left + width, top + height))
            pieces.append(fit_colour(piece, format))
    return np.stack(pieces)


def _read(table: str, format: ImageSpec) -> Dataset:
    return load_dataset(table, spec=format, offline=True)


if __name__ == "__main__":
    main()
