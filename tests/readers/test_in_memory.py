"""Images that a program holds: one or many, each becomes a record, in order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.images.spec import ImageSpec
from hangtag.readers import AnyImage, records_of
from tests.readers.reading import decode_all, make_pixels, write_png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images and an array of three."""
    for index, pixels in enumerate(make_pixels(2)):
        write_png(tmp_path / "in" / f"{index}.png", pixels)
    np.save(tmp_path / "in" / "2.npy", make_pixels(3))
    return tmp_path / "in"


def names_of(images: Any) -> list[str]:
    return [record.name for record in records_of(images)]


def test_one_image_is_one_record(folder: Path) -> None:
    path = folder / "0.png"
    assert names_of(str(path)) == names_of(path) == [str(path)]
    pixels = make_pixels(1)[0]
    with Image.open(path) as held:
        for image in (path.read_bytes(), pixels, pixels[..., None], held):
            assert names_of(image) == ["image"]


def test_folders_and_files_of_many_images_are_expanded(folder: Path) -> None:
    below = [str(folder / "0.png"), str(folder / "1.png")]
    below += [f"{folder / '2.npy'}[{index}]" for index in range(3)]
    assert names_of(folder) == below
    assert names_of([folder / "2.npy", folder]) == below[2:] + below
    assert names_of(make_pixels(2)) == ["images[0]", "images[1]"]
    assert names_of(np.zeros((2, 5, 6, 3), np.uint8)) == ["images[0]", "images[1]"]
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="holds no image"):
        names_of(folder / "empty")


def test_an_iterator_is_read_as_it_is_consumed() -> None:
    given = 0

    def give() -> Iterator[Any]:
        nonlocal given
        for pixels in make_pixels(100):
            given += 1
            yield pixels

    records = records_of(give())
    assert next(records).name == "images[0]"
    assert given == 1


def test_what_cannot_be_read_is_a_record_of_its_error(folder: Path) -> None:
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:-200])
    with Image.open(folder / "cut.png") as cut:
        images: list[AnyImage] = [folder / "gone.png", cut, b"x", "feed.csv"]
        kinds = [item.error_kind for item in decode_all(records_of(images))]
    assert kinds == [
        ErrorKind.MISSING,
        ErrorKind.DAMAGED,
        ErrorKind.NOT_AN_IMAGE,
        ErrorKind.NOT_AN_IMAGE,
    ]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_of_pillow_is_what_its_file_is(tmp_path: Path, mode: str, channels: int) -> None:
    random = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(random.integers(0, 65536, (40, 30), dtype=np.uint16))
    else:
        pixels = random.integers(0, 256, (40, 30, 4), dtype=np.uint8)
        image = Image.fromarray(pixels).convert("RGBA" if mode == "LA" else "RGB").convert(mode)
    (image.convert("RGB") if mode == "CMYK" else image).save(tmp_path / "a.png")
    held, file = decode_all(records_of([image, tmp_path / "a.png"]), ImageSpec(28, 28, channels))
    np.testing.assert_array_equal(held.pixels, file.pixels)


def test_a_photo_that_lies_on_its_side_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8))
    image.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as opened:
        held, file = decode_all(records_of([opened, tmp_path / "a.png"]))
    np.testing.assert_array_equal(held.pixels, file.pixels)


@pytest.mark.parametrize("images", [[3], [None], [["a.png"]]])
def test_what_is_no_image_is_refused(images: Any) -> None:
    with pytest.raises(DataError, match=r"images\[0\]: expected a path, bytes, a binary file"):
        list(records_of(images))


def test_arrays_of_another_shape_or_type(folder: Path) -> None:
    with pytest.raises(ImageError, match="of type float64; convert it first"):
        list(records_of(np.zeros((2, 28, 28))))
    (record,) = records_of([np.zeros((3, 28, 28, 9), np.uint8)])
    assert record.error is not None
    assert record.error.error_kind == ErrorKind.MISSHAPEN
