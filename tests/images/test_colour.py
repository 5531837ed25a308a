"""Images become colour pixels of a fixed size: upright, whole, on a fitting ground."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from hangtag.images.colour import cut_bars
from hangtag.images.decoding import decode_image
from hangtag.images.spec import ImageSpec
from tests.datasets.tiny_images import encode

RED, BLUE = (200, 30, 30), (20, 40, 180)


def decode(image: Image.Image, *, size: tuple[int, int] = (32, 32), **options: Any) -> Any:
    return decode_image(encode(image, **options), ImageSpec(*size, 3)).pixels


def test_an_image_of_the_size_is_returned_bit_for_bit() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    decoded = decode_image(encode(Image.fromarray(pixels)), ImageSpec(32, 32, 3))
    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert not decoded.resized


def test_the_whole_image_is_kept_and_its_plain_edges_go_on() -> None:
    image = Image.new("RGB", (100, 300), RED)
    image.paste(BLUE, (0, 0, 100, 30))  # what a crop to a square would lose
    pixels = decode(image, size=(60, 60))
    assert pixels.shape == (60, 60, 3)
    for row, column, colour in ((3, 30, BLUE), (40, 30, RED), (40, 5, RED), (2, 5, RED)):
        np.testing.assert_allclose(pixels[row, column], colour, atol=1)


def test_beside_edges_of_many_colours_is_white() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 20, 3), dtype=np.uint8)
    pixels = decode(Image.fromarray(noise), size=(40, 40))
    assert (pixels[:, :10] == 255).all()
    np.testing.assert_array_equal(pixels[:, 10:30], noise)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_white(mode: str) -> None:
    image = Image.new(mode, (20, 20), 0)
    image.paste(Image.new(mode, (10, 20), (90, 255) if mode == "LA" else (*BLUE, 255)))
    pixels = decode(image, size=(20, 20))
    assert (pixels[:, 10:] == 255).all()
    assert (pixels[:, :10] == ((90,) * 3 if mode == "LA" else BLUE)).all()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("L", 77, (77, 77, 77)),
        ("I;16", 32768, (128, 128, 128)),
        ("CMYK", (0, 255, 255, 0), (255, 0, 0)),
    ],
)
def test_other_modes_become_colour(mode: str, colour: Any, expected: tuple[int, ...]) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"
    pixels = decode(Image.new(mode, (32, 32), colour), format=format)
    assert np.abs(pixels.astype(int) - expected).max() <= 2


def test_exif_turns_the_image_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (64, 64), RED)
    image.paste(BLUE, (0, 0, 64, 32))
    pixels = decode(image, exif=exif)
    np.testing.assert_array_equal(pixels[16, 28], BLUE)
    np.testing.assert_array_equal(pixels[16, 4], RED)


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (1, 1), (7, 14)])
def test_any_shape_fits(shape: tuple[int, int]) -> None:
    pixels = decode(Image.new("RGB", shape, BLUE), size=(24, 40))
    assert pixels.shape == (24, 40, 3)
    assert (pixels == BLUE).all()


def test_shrinking_averages() -> None:
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    pixels = decode(Image.fromarray(board.astype(np.uint8)))
    assert np.abs(pixels.astype(int) - 128).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(300, 100), (97, 301), (41, 60), (64, 64), (7, 31)])
def test_bars_are_cut_where_the_image_ends(width: int, height: int) -> None:
    """Four colours make the edges uneven, so the bars are white, as nothing in the image is."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height // 2))
    image.paste((0, 120, 0), (0, height // 2, width // 2, height))
    image.paste((0, 0, 0), (width // 2, height // 2, width, height))
    resized = decode(image, size=(64, 64))
    picture = cut_bars(resized, width, height)
    white = (resized == 255).all(axis=2)
    assert max(picture.shape[:2]) == 64
    assert white.sum() == 64 * 64 - picture.shape[0] * picture.shape[1]
    assert not (picture == 255).all(axis=2).any()
