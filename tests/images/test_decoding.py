from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import DataError, ImageError
from hangtag.images.decoding import decode_image, read_image
from hangtag.images.reading import read_size
from hangtag.images.spec import ImageSpec
from tests.datasets.tiny_images import SIZE, encode, frame, random_grey


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_grey_image_of_the_size_is_returned_bit_for_bit(format: str) -> None:
    pixels = random_grey()
    # WebP has no grey mode: Pillow stores it as colour, which must come back unchanged.
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}

    decoded = decode_image(encode(Image.fromarray(pixels), format, **options), ImageSpec(*SIZE))

    np.testing.assert_array_equal(decoded.pixels, pixels)
    assert decoded.pixels.dtype == np.uint8
    assert not decoded.resized


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_grey_image_of_the_size_is_not_fitted_again_for_the_colour_that_lossy_formats_add(
    format: str,
) -> None:
    smooth = Image.fromarray(random_grey()).resize((7, 7), Image.Resampling.BOX)
    image = Image.new("L", (28, 28))
    image.paste(smooth.resize((14, 24), Image.Resampling.BICUBIC), (7, 2))

    pixels = decode_image(encode(image.convert("RGB"), format, quality=90), ImageSpec(*SIZE)).pixels

    assert np.abs(pixels.astype(int) - np.asarray(image)).mean() < 5


def test_path_and_bytes_give_the_same(tmp_path: Path) -> None:
    content = encode(Image.fromarray(random_grey(50, 30)), "JPEG")
    (tmp_path / "a.jpg").write_bytes(content)

    by_path = decode_image(tmp_path / "a.jpg", ImageSpec(*SIZE))

    np.testing.assert_array_equal(by_path.pixels, decode_image(content, ImageSpec(*SIZE)).pixels)
    assert by_path.resized


@pytest.mark.parametrize(
    ("mode", "black", "colour", "expected"),
    [
        ("1", 0, 1, 255),
        ("L", 0, 77, 77),
        ("LA", (0, 255), (200, 255), 200),
        ("LA", (0, 255), (200, 0), 0),
        ("RGB", (0, 0, 0), (255, 0, 0), 76),
        ("RGBA", (0, 0, 0, 255), (255, 255, 255, 255), 255),
        ("RGBA", (0, 0, 0, 255), (255, 255, 255, 0), 0),
        ("RGBA", (0, 0, 0, 255), (255, 255, 255, 128), 128),
        ("I;16", 0, 65535, 255),
        ("I;16", 0, 32768, 128),
    ],
)
def test_colour_modes(mode: str, black: Any, colour: Any, expected: int) -> None:
    decoded = decode_image(encode(frame(mode, colour, black)), ImageSpec(*SIZE))

    assert np.all(decoded.pixels == expected)


def test_palette_with_a_transparent_colour() -> None:
    image = frame("P", 1)
    image.putpalette([0, 0, 0, 250, 250, 250, 60, 60, 60])
    image.paste(2, (20, 6, 34, 34))

    opaque = decode_image(encode(image), ImageSpec(*SIZE)).pixels
    transparent = decode_image(encode(image, transparency=1), ImageSpec(*SIZE)).pixels
    half = decode_image(encode(image, transparency=b"\xff\x80\xff"), ImageSpec(*SIZE)).pixels

    assert opaque[14, [2, 25]].tolist() == [250, 60]
    assert transparent[14, [0, 14]].tolist() == [0, 60], "the half that is left is centred"
    assert half[14, [2, 25]].tolist() == [125, 60]


def test_grey_with_a_transparent_value() -> None:
    decoded = decode_image(encode(frame("L", 90), transparency=90), ImageSpec(*SIZE))

    assert np.all(decoded.pixels == 0)


def test_cmyk_jpeg() -> None:
    image = frame("CMYK", (0, 0, 0, 0), (0, 0, 0, 255))

    pixels = decode_image(encode(image, "JPEG", quality=95), ImageSpec(*SIZE)).pixels

    assert pixels[4:-4, 4:-4].min() > 240


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_first_frame_of_an_animation(format: str) -> None:
    frames = [frame("RGB", (value,) * 3) for value in (200, 10)]
    options = {"lossless": True} if format == "WEBP" else {}
    content = encode(frames[0], format, save_all=True, append_images=frames[1:], **options)

    assert np.all(decode_image(content, ImageSpec(*SIZE)).pixels == 200)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_exif_turns_the_image_upright(format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was held so that the image must turn clockwise.
    image = frame("L", 200)
    image.paste(100, (6, 20, 34, 34))

    pixels = decode_image(encode(image, format, exif=exif), ImageSpec(*SIZE)).pixels

    assert pixels[4:-4, 18:-2].min() > 170
    assert 70 < pixels[4:-4, 2:10].min() <= pixels[4:-4, 2:10].max() < 130


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
@pytest.mark.parametrize("height", [28, 90])
def test_the_eight_orientations_of_one_image_give_one_answer(format: str, height: int) -> None:
    upright = Image.fromarray(random_grey(height, 28)).convert("RGB")
    turns = Image.Transpose
    undone = {
        1: None,
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_90,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_270,
    }
    expected = decode_image(encode(upright), ImageSpec(*SIZE)).pixels
    options = {"lossless": True} if format == "WEBP" else {}
    for orientation, turn in undone.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = upright if turn is None else upright.transpose(turn)
        content = encode(stored, format, exif=exif, **options)
        np.testing.assert_array_equal(decode_image(content, ImageSpec(*SIZE)).pixels, expected)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0no header", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12"])
def test_metadata_that_cannot_be_read_spoil_no_image(
    format: str, exif: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    path.write_bytes(encode(frame("RGB", (200, 200, 200)), format, exif=exif))

    assert abs(int(decode_image(path, ImageSpec(*SIZE)).pixels[14, 14]) - 200) <= 8
    assert read_size(path) == frame("L", 0).size


@pytest.mark.parametrize("size", [(3000, 4), (4, 3000), (60000, 1)])
def test_a_thin_jpeg_is_decoded(size: tuple[int, int]) -> None:
    content = encode(Image.new("RGB", size, "white"), "JPEG")

    assert decode_image(content, ImageSpec(*SIZE)).pixels.shape == SIZE
    assert decode_image(content, ImageSpec(*SIZE, 3)).pixels.min() > 250


def test_other_size_is_fitted_and_centred_on_black() -> None:
    image = Image.new("RGB", (440, 240), "black")
    image.paste("white", (20, 20, 420, 220))

    decoded = decode_image(encode(image), ImageSpec(*SIZE))

    assert decoded.resized
    np.testing.assert_array_equal(decoded.pixels[7:21], np.full((14, 28), 255))
    assert decoded.pixels[:7].max() == decoded.pixels[21:].max() == 0


def test_small_and_thin_images_are_enlarged_and_kept() -> None:
    small = Image.new("L", (9, 16), 0)
    small.paste(255, (1, 1, 8, 15))
    thin = Image.new("L", (3000, 3), 0)
    thin.paste(255, (100, 1, 2900, 2))

    enlarged = decode_image(encode(small), ImageSpec(*SIZE)).pixels
    line = decode_image(encode(thin), ImageSpec(*SIZE)).pixels

    assert np.all(enlarged[:, 7:21] == 255)
    assert enlarged[:, :7].max() == enlarged[:, 21:].max() == 0
    assert (line > 0).any(axis=1).sum() == 1


def test_size_is_height_then_width() -> None:
    assert decode_image(encode(Image.new("L", (40, 20), 9)), ImageSpec(20, 40)).pixels.shape == (
        20,
        40,
    )


def test_shrinking_averages_as_a_reference_does() -> None:
    smooth = Image.fromarray(random_grey()).resize((7, 7), Image.Resampling.BOX)
    image = smooth.resize((280, 280), Image.Resampling.BICUBIC)

    decoded = decode_image(encode(image), ImageSpec(*SIZE))

    reference = image.resize((28, 28), Image.Resampling.LANCZOS)
    difference = np.abs(decoded.pixels.astype(int) - np.asarray(reference).astype(int))
    assert difference.mean() < 4


def test_large_jpeg_by_draft_looks_like_the_whole_one() -> None:
    ramp = np.tile(np.linspace(100, 255, 2400).astype(np.uint8), (2400, 1))
    image = Image.fromarray(np.pad(ramp, 200)).convert("RGB")

    by_draft = decode_image(encode(image, "JPEG", quality=95), ImageSpec(*SIZE)).pixels.astype(int)
    whole = decode_image(encode(image), ImageSpec(*SIZE)).pixels.astype(int)

    assert np.abs(by_draft - whole).max() <= 3


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_size_is_that_of_the_upright_image(tmp_path: Path, format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a"
    path.write_bytes(encode(Image.new("RGB", (40, 30)), format, exif=exif))
    assert read_size(path) == read_image(path, ImageSpec(*SIZE)).size
    assert read_size(path) == ((30, 40) if orientation == 6 else (40, 30))


def test_size_of_no_image_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    for name in ("a.png", "missing.png"):
        with pytest.raises(ImageError, match=name):
            read_size(tmp_path / name)


def test_the_image_itself_is_upright_and_in_colour(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 20, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.new("RGB", (40, 20)).save(tmp_path / "b.jpg", exif=exif)

    np.testing.assert_array_equal(read_image(tmp_path / "a.png", ImageSpec(*SIZE)), pixels)
    assert read_image(tmp_path / "b.jpg", ImageSpec(*SIZE)).size == (20, 40)
    with pytest.raises(DataError, match="no such image file"):
        read_image(tmp_path / "nowhere.jpg", ImageSpec(*SIZE))
