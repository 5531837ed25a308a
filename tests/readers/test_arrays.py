"""Arrays: .npy and IDX, row by row; what is wrong with them is a recorded error."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.images.spec import ImageSpec
from hangtag.readers import open_source
from tests.readers.reading import SPEC, assert_pixels, decode_all, make_pixels, read_all, write_png


def make_npy(header: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(784)


def make_idx(count: int, *, magic: int = 2051, announced: int | None = None) -> bytes:
    header = struct.pack(">4I", magic, count if announced is None else announced, 28, 28)
    return header + make_pixels(count).tobytes()


@pytest.mark.parametrize(
    "content",
    [
        make_npy("(((("),
        make_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-3, 28, 28)}"),
        make_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9" + "0" * 30 + ", 28, 28)}"),
        make_npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9, 28, 28)}"),
        make_npy("{'descr': '|O', 'fortran_order': False, 'shape': (1, 28, 28)}"),
        b"",
        b"text",
    ],
)
def test_a_damaged_array_is_a_recorded_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    (read,) = read_all(tmp_path / "a.npy")
    assert read.error_kind == "damaged"
    assert "a.npy is not a readable .npy array: " in read.error
    assert "\n" not in read.error


@pytest.mark.parametrize(
    "shape", [(28, 28), (300, 28, 28), (3, 28, 28, 1)], ids=["one", "many", "with a channel"]
)
def test_arrays_read_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = make_pixels(300)
    array = pixels.reshape(-1)[: int(np.prod(shape))].reshape(shape)
    np.save(tmp_path / "A.npy", array)
    (tmp_path / "A.npy").rename(tmp_path / "A.NPY")
    inputs = read_all(tmp_path)
    assert_pixels(inputs, array.reshape(-1, 28, 28))
    names = [f"A.NPY[{index}]" for index in range(len(array))] if len(shape) > 2 else ["A.NPY"]
    assert [Path(item.name).name for item in inputs] == names


@pytest.mark.parametrize("shape", [(0, 28, 28), (784,), (2, 28, 28, 5), (0, 9, 9, 3)])
def test_arrays_of_another_shape_are_recorded_errors(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    (read,) = read_all(tmp_path / "a.npy")
    assert read.error_kind == ("of another shape or type" if 0 not in shape else "empty")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "shape", [(28, 28, 3), (40, 50, 3), (5, 40, 30, 3), (40, 50, 4), (3, 28, 28, 4)]
)
def test_a_colour_array_is_what_an_image_file_of_its_pixels_is(
    tmp_path: Path, shape: tuple[int, ...], channels: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    images = pixels.reshape(-1, *shape[-3:])
    np.save(tmp_path / "a.npy", pixels)
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    files = [str(tmp_path / f"{number}.png") for number in range(len(images))]
    records = open_source([str(tmp_path / "a.npy"), *files])
    read = decode_all(records, ImageSpec(28, 28, channels))
    assert len(read) == 2 * len(images)
    for array, file in zip(read, read[len(images) :], strict=False):
        np.testing.assert_array_equal(array.pixels, file.pixels)
        assert array.resized == file.resized == (shape[-3:-1] != (28, 28))
    assert open_source([str(tmp_path / "a.npy")]).total == len(images)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(40, 50), (5, 40, 30), (3, 27, 28), (50, 40, 1), (2, 9, 8, 1)])
def test_a_grey_array_of_another_size_is_what_an_image_file_of_its_pixels_is(
    tmp_path: Path, shape: tuple[int, ...], channels: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    grey = pixels[..., 0] if shape[-1] == 1 else pixels
    images = grey.reshape(-1, *grey.shape[-2:])
    np.save(tmp_path / "a.npy", pixels)
    for number, image in enumerate(images):
        write_png(tmp_path / f"{number}.png", image)
    files = [tmp_path / f"{number}.png" for number in range(len(images))]
    read = decode_all(open_source([tmp_path / "a.npy", *files]), ImageSpec(28, 28, channels))
    assert len(read) == 2 * len(images)
    for array, file in zip(read, read[len(images) :], strict=False):
        np.testing.assert_array_equal(array.pixels, file.pixels)
        assert array.resized
        assert file.resized


def test_a_matrix_of_flat_images_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.zeros((60, 784), np.uint8))
    (read,) = read_all(tmp_path / "flat.npy")
    assert read.error_kind == "of another shape or type"
    assert "reshape it to (N, 28, 28)" in read.error


def test_arrays_and_idx_files_of_too_large_images_are_refused(tmp_path: Path) -> None:
    """Also one of few pixels in many rows, each of which costs more memory than its pixel."""
    for size in ((60_000, 1_200), (49_999_999, 1)):
        np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.uint8, (1, *size))
        (tmp_path / "idx").write_bytes(struct.pack(">4I", 2051, 1, *size) + bytes(4))
        for name in ("a.npy", "idx"):
            (read,) = read_all(tmp_path / name)
            assert read.error_kind == "too large"


def test_a_colour_array_without_colour_stays_grey_as_a_file_does(tmp_path: Path) -> None:
    """So that ``--model auto`` sends both to the same model."""
    grey = np.pad(np.random.default_rng(0).integers(0, 256, (26, 26), dtype=np.uint8), 1)
    pixels = np.repeat(grey[..., None], 3, axis=2)
    np.save(tmp_path / "a.npy", pixels)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    paths = [str(tmp_path / "a.npy"), str(tmp_path / "a.png")]
    array, file = decode_all(open_source(paths), ImageSpec(224, 224, 3), grey_spec=SPEC)
    assert array.pixels is not None
    assert array.pixels.shape == (28, 28)
    np.testing.assert_array_equal(array.pixels, file.pixels)
    assert array.resized == file.resized


@pytest.mark.parametrize("name", ["t10k-images-idx3-ubyte", "x.idx", "images-idx3-ubyte.gz"])
def test_idx_files_read_back(tmp_path: Path, name: str) -> None:
    content = make_idx(300)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    inputs = read_all(tmp_path / name)
    assert_pixels(inputs, make_pixels(300))
    assert inputs[-1].name == f"{tmp_path / name}[299]"
    assert open_source([str(tmp_path / name)]).total == 300


@pytest.mark.parametrize(
    ("content", "rows", "message"),
    [
        (make_idx(300)[:-1], 299, "announces 300 images, 299 are there"),
        (make_idx(300) + b"x", 300, "is too long"),
        (make_idx(3, announced=2**32 - 1), 3, "announces 4294967295 images, 3 are there"),
        (make_idx(0), 0, "holds no images"),
        (make_idx(1)[:9], 0, "expected an IDX header of 16 bytes, received 9 bytes"),
        (struct.pack(">2I", 2049, 1) + b"\x01" * 20, 0, "expected an IDX image file"),
        (struct.pack(">4I", 2051, 1, 9999, 9999) + bytes(4), 0, "at most 64 megapixels"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_idx_file_keeps_the_rows_before(
    tmp_path: Path, content: bytes, rows: int, message: str, packed: bool
) -> None:
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(content) if packed else content)
    inputs = read_all(path)
    assert_pixels(inputs[:-1], make_pixels(rows))
    assert message in inputs[-1].error


def test_a_cut_off_gzip_is_a_recorded_error(tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(gzip.compress(make_idx(2000))[:-200_000])
    inputs = read_all(tmp_path / "images.gz")
    assert len(inputs) > 1
    assert [item.error_kind for item in inputs if item.error] == ["damaged"]
