"""Keras' fashion_mnist.npz, and archives that are not what they say."""

import io
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from hangtag.errors import DataError
from tests.datasets.tiny_datasets import read_here
from tests.readers.reading import assert_pixels, make_pixels, read_all

LABELS = np.arange(12) % 10


def save(path: Path, **arrays: object) -> Path:
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return path


def test_the_archive_of_keras_is_a_data_set(tmp_path: Path) -> None:
    pixels = make_pixels(20)
    path = save(
        tmp_path / "fashion_mnist.npz",
        x_train=pixels[:12],
        y_train=LABELS.astype(np.uint8),
        x_test=pixels[12:, ..., None],
        y_test=LABELS[:8, None],
    )
    for data in (path, tmp_path):
        dataset = read_here(data)
        assert {name: len(split) for name, split in dataset.splits.items()} == {
            "train": 12,
            "test": 8,
        }
        np.testing.assert_array_equal(dataset.splits["test"].images, pixels[12:])
        np.testing.assert_array_equal(dataset.splits["train"].labels, LABELS)
    assert len(read_all(path)) == 20


def test_any_archive_of_images_is_predicted(tmp_path: Path) -> None:
    pixels = make_pixels(7)
    path = tmp_path / "images.npz"
    np.savez(path, pixels)
    assert_pixels(read_all(path), pixels)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"x_train": make_pixels(3)}, "expected arrays such as x_train and y_train"),
        ({"x_train": make_pixels(3), "y_train": LABELS[:2]}, "3 images but there are 2 labels"),
        ({"x_train": make_pixels(3), "y_train": LABELS[:3] + 9}, "expected labels 0-9"),
        ({"x_train": make_pixels(3) / 255, "y_train": LABELS[:3]}, "of type float64"),
        ({"x_train": np.array([{}]), "y_train": LABELS[:1]}, "cannot be read"),
    ],
)
def test_what_is_no_such_archive_is_refused(
    tmp_path: Path, arrays: dict[str, object], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        read_here(save(tmp_path / "a.npz", **arrays))


def claim(path: Path, shape: tuple[int, ...]) -> Path:
    """Writes an archive of an array that says it has `shape`, and holds 100 bytes."""
    header = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", header.getvalue() + b"\0" * 100)
    return path


@pytest.mark.parametrize("shape", [(1 << 40, 28, 28), (-1, 28, 28), (0, 1 << 62, 1 << 62)])
def test_a_header_that_says_what_cannot_be_is_not_believed(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    (record,) = read_all(claim(tmp_path / "bomb.npz", shape))
    assert "cannot be read" in record.error


def test_a_file_that_only_begins_like_an_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    path.write_bytes(b"PK\x03\x04 not really")
    (record,) = read_all(path)
    assert "no readable archive" in record.error


@pytest.mark.parametrize("order", ["C", "F"])
def test_images_are_the_same_in_any_order_and_number(
    tmp_path: Path, order: Literal["C", "F"]
) -> None:
    pixels = make_pixels(600)
    path = tmp_path / "images.npz"
    np.savez(path, np.asarray(pixels, order=order))
    assert_pixels(read_all(path), pixels)


def test_one_image_is_one_record(tmp_path: Path) -> None:
    path = tmp_path / "image.npz"
    np.savez(path, make_pixels(1)[0])
    assert_pixels(read_all(path), make_pixels(1))
