"""Plants quality issues and duplicates among real photos and counts what is found.

    python -m benchmarks.clothing FOLDER all.csv --by-person
    python -m benchmarks.image_quality all.csv [--model MODEL]    # of 300 photos, in a few minutes

For each change, prints the fraction of changed photos in which the issue is found, or that are
found as duplicates of the original; and what is found in the unchanged photos.
"""

import argparse
import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from hangtag.datasets.image_quality import find_quality_issues
from hangtag.datasets.near_duplicates import find_photo_duplicates
from hangtag.datasets.photos import Photo, Photos
from hangtag.images.colour import fit_colour
from hangtag.images.spec import ImageSpec
from hangtag.models.classifier import Classifier

Change = Callable[[Image.Image], Image.Image]

SIZE = (224, 224)


def main() -> None:
    """Reads the photos that the command line names and prints the fractions found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--model", help="a model of photos of 224x224: also look by embeddings")
    options = parser.parse_args()
    images = read_sample(options.table, count=options.photos)
    faults = Counter(issue.kind for issue in find_quality_issues(list_images(images)))
    print(f"{len(images)} photos as they are: {dict(faults) or 'no fault'}, ", end="")
    print(f"{len(find_photo_duplicates(list_images(images)))} copies")
    model = Classifier.load(options.model) if options.model else None
    for fault, changes in FAULTS.items():
        for name, change in changes.items():
            found = find_quality_issues(list_images([change(image) for image in images]))
            count = sum(issue.kind == fault for issue in found)
            print(f"{name:24}{fault:14}{count / len(images):7.1%}")
    for name, change in COPIES.items():
        both = [*images, *map(change, images)]
        pixels = np.stack([fit_colour(image, ImageSpec(*SIZE)) for image in both])
        copies = find_photo_duplicates(list_images(both), model.embed(pixels) if model else None)
        count = sum(copy.position - copy.other == len(images) for copy in copies)
        print(f"{name:24}{'copy':14}{count / len(images):7.1%}, {len(copies) - count} others")


def read_sample(table: Path, *, count: int) -> list[Image.Image]:
    """Returns photos of a table, resized in a square of 224 pixels, spread over its rows."""
    with table.open(encoding="utf-8", newline="") as stream:
        paths = [table.parent / row["image"] for row in csv.DictReader(stream)]
    images = []
    for path in paths[:: max(1, len(paths) // count)][:count]:
        with Image.open(path) as image:
            images.append(image.convert("RGB"))
    return images


def list_images(images: Sequence[Image.Image]) -> Photos:
    """Lists images in memory as photos."""
    items = [
        Photo(str(number), "", "train", "", "", image.width, image.height)
        for number, image in enumerate(images)
    ]
    return Photos(items, [np.stack([fit_colour(image, ImageSpec(*SIZE)) for image in images])])


def expose(stops: float) -> Change:
    """Returns a change of the light by so many stops, with the gamma of a screen."""
    gain = 2 ** (stops / 2.2)
    return lambda image: image.point(lambda value: min(255, round(value * gain)))


def blur(radius: float) -> Change:
    """Returns a Gaussian blur whose radius is in pixels of a photo 224 pixels long."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius * max(image.size) / 224))


def fade(image: Image.Image, fraction: float) -> Image.Image:
    """Returns an image mixed with a fraction of white."""
    return Image.blend(image, Image.new("RGB", image.size, "white"), fraction)


def trim(fraction: float) -> Change:
    """Returns a crop that loses a fraction of each side, half at either end."""

    def cut(image: Image.Image) -> Image.Image:
        across, down = (round(side * fraction / 2) for side in image.size)
        return image.crop((across, down, image.width - across, image.height - down))

    return cut


def save_anew(quality: int) -> Change:
    """Returns a JPEG of a quality."""

    def save(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return save


FAULTS: dict[str, dict[str, Change]] = {
    "blurred": {f"blur of {radius} pixels": blur(radius) for radius in (0.75, 1, 1.25, 1.5, 2)},
    "dark": {f"{stops} stops": expose(stops) for stops in (-1, -2, -2.5, -3, -4)},
    "over-exposed": {f"+{stops} stops": expose(stops) for stops in (1, 2, 3, 4)},
    "pale": {"nine tenths white": lambda image: fade(image, 0.9)},
}

COPIES: dict[str, Change] = {
    "JPEG of quality 30": save_anew(30),
    "half as large": lambda image: image.resize((image.width // 2, image.height // 2)),
    "a fifth darker": lambda image: ImageEnhance.Brightness(image).enhance(0.8),
    "a fifth lighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "trimmed by 2 %": trim(0.02),
    "trimmed by 4 %": trim(0.04),
    "trimmed by 8 %": trim(0.08),
    "mirrored": ImageOps.mirror,
    "turned by 5 degrees": lambda image: image.rotate(5, fillcolor=image.getpixel((0, 0))),
}


if __name__ == "__main__":
    main()
