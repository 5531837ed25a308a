"""Photos in memory, cut from the sample pictures of scikit-image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hangtag.datasets.photos import Photo, Photos
from hangtag.images.colour import fit_colour
from hangtag.images.spec import ImageSpec
from tests.photos import read_sample

SIZE = (224, 224)
SAMPLES = ("chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "motorcycle_left.png")


def cut_samples(count: int, *, side: int = 280, seed: int = 0) -> list[Image.Image]:
    """Different parts of the samples, all in focus and well lit."""
    random = np.random.default_rng(seed)
    pictures = [read_sample(name) for name in SAMPLES]
    parts = []
    for number in range(count):
        picture = pictures[number % len(pictures)]
        width, height = min(side, picture.width), min(side, picture.height)
        left = int(random.integers(0, picture.width - width + 1))
        top = int(random.integers(0, picture.height - height + 1))
        parts.append(picture.crop((left, top, left + width, top + height)))
    return parts


def list_images(
    images: Sequence[Image.Image],
    *,
    splits: Sequence[str] = (),
    suppliers: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> Photos:
    """Lists images as photos; without splits and so on all are alike in these."""
    items = [
        Photo(
            id=str(number),
            path=f"{number}.png",
            split=splits[number] if splits else "train",
            supplier=suppliers[number] if suppliers else "",
            label=labels[number] if labels else "a",
            width=image.width,
            height=image.height,
        )
        for number, image in enumerate(images)
    ]
    pixels: NDArray[np.uint8] = np.stack([fit_colour(image, ImageSpec(*SIZE)) for image in images])
    return Photos(items, [pixels])
