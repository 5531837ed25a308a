"""Small images for the tests of decoding."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = (28, 28)


def encode(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=format, **options)
    return stream.getvalue()


def random_grey(height: int = 28, width: int = 28) -> NDArray[np.uint8]:
    """Returns noise between black corners, as a garment is."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    for corner in np.ndindex(2, 2):
        pixels[corner[0] * -(height // 5) :, corner[1] * -(width // 5) :][
            : height // 5, : width // 5
        ] = 0
    return pixels


def frame(mode: str, colour: Any, black: Any = 0) -> Image.Image:
    """Returns a square of 28x28 pixels on black, which the steps of a photo cut out."""
    if mode == "I;16":
        return Image.fromarray(np.pad(np.full((28, 28), colour, np.uint16), 6))
    image = Image.new(mode, (40, 40), black)
    image.paste(colour, (6, 6, 34, 34))
    return image
