"""What the tests of inputs share: read all, as `predict` does, in this process."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hangtag.images.spec import ImageSpec
from hangtag.readers import Decoders, Input, open_inputs

SIZE = (28, 28)
SPEC = ImageSpec(28, 28)


def read_all(*arguments: object, listing: str | None = None) -> list[Input]:
    """Reads all inputs as pixels of 28x28."""
    lines = None if listing is None else io.StringIO(listing)
    inputs = open_inputs([str(argument) for argument in arguments], listing=lines)
    with Decoders(0) as decoders:
        return list(decoders.decode(inputs.read(SIZE), size=SIZE))


def make_pixels(count: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Makes images (N, 28, 28) of noise with a black border."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 26, 26), dtype=np.uint8)
    return np.pad(noise, ((0, 0), (1, 1), (1, 1)))


def write_png(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Writes pixels (H, W) as PNG, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


def assert_pixels(inputs: list[Input], expected: NDArray[np.uint8]) -> None:
    """Compares the pixels of inputs, all of which must be readable."""
    assert [one.error for one in inputs] == [""] * len(expected)
    read = [one.pixels for one in inputs]
    np.testing.assert_array_equal(np.array(read).reshape(expected.shape), expected)
