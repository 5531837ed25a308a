import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from hangtag.errors import DataError
from hangtag.readers.idx import read_idx_images, read_idx_labels, read_idx_pair
from tests.datasets.idx_files import write_idx_images, write_idx_labels
from tests.datasets.tiny_datasets import make_split


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_images_and_labels_round_trip(tmp_path: Path, suffix: str) -> None:
    split = make_split(7)
    write_idx_images(split.images, tmp_path / f"images{suffix}")
    write_idx_labels(split.labels, tmp_path / f"labels{suffix}")

    again = read_idx_pair(tmp_path / f"images{suffix}", tmp_path / f"labels{suffix}", split="train")

    np.testing.assert_array_equal(again.images, split.images)
    np.testing.assert_array_equal(again.labels, split.labels)
    assert again.images.flags.writeable


def test_layout_is_the_published_one(tmp_path: Path) -> None:
    write_idx_images(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8), tmp_path / "images")
    write_idx_labels(np.array([9, 0]), tmp_path / "labels")

    expected = bytes.fromhex("00000803 00000001 00000002 00000003 010203040506")
    assert (tmp_path / "images").read_bytes() == expected
    assert (tmp_path / "labels").read_bytes() == bytes.fromhex("00000801 00000002 0900")


def test_gzip_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    write_idx_labels(np.array([1, 2]), tmp_path / "labels.gz")
    (tmp_path / "labels.gz").rename(tmp_path / "labels")

    assert read_idx_labels(tmp_path / "labels", classes=10).tolist() == [1, 2]


def test_images_given_as_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "images"
    write_idx_images(make_split(2).images, path)

    with pytest.raises(DataError, match=r"images: expected an IDX label file \(magic number 2049"):
        read_idx_labels(path, classes=10)


def test_wrong_magic_number(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(struct.pack(">4I", 1234, 1, 28, 28) + bytes(784))

    with pytest.raises(DataError, match=r"magic number 2051\), received magic number 1234"):
        list(read_idx_images(path))


def test_truncated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    write_idx_images(make_split(9).images, path)
    path.write_bytes(path.read_bytes()[:-500])

    with pytest.raises(DataError, match=r"images\.gz is a gzip that is cut off before its end"):
        list(read_idx_images(path))


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    content = bytearray(gzip.compress(bytes(range(256)) * 40))
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(DataError, match="is a damaged gzip"):
        list(read_idx_images(path))


@pytest.mark.parametrize(
    ("change", "problem"),
    [(-1, "is cut off: .* announces 2 images, 1 are"), (1, "is too long: more follows the 2")],
)
def test_length_differs_from_the_header(tmp_path: Path, change: int, problem: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(struct.pack(">4I", 2051, 2, 28, 28) + bytes(2 * 784 + change))

    with pytest.raises(DataError, match=problem):
        list(read_idx_images(path))


def test_header_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(struct.pack(">2I", 2051, 2))

    with pytest.raises(DataError, match="expected an IDX header of 16 bytes, received 8 bytes"):
        list(read_idx_images(path))


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")], ids=["plain", "gz"])
def test_empty_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"\(0 bytes\)"):
        list(read_idx_images(path))


def test_no_items(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    write_idx_labels(np.empty(0, np.int64), path)

    with pytest.raises(DataError, match="holds no labels"):
        read_idx_labels(path, classes=10)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: No such file or directory"):
        list(read_idx_images(tmp_path / "nowhere"))


def test_label_outside_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    write_idx_labels(np.array([0, 9, 10, 11]), path)

    with pytest.raises(DataError, match=r"labels 0-9, received 10 at position 2.*2 such in all"):
        read_idx_labels(path, classes=10)


def test_counts_of_images_and_labels_differ(tmp_path: Path) -> None:
    write_idx_images(make_split(3).images, tmp_path / "images")
    write_idx_labels(make_split(4).labels, tmp_path / "labels")

    with pytest.raises(DataError, match=r"holds 3 images but .* holds 4 labels"):
        read_idx_pair(tmp_path / "images", tmp_path / "labels", split="train")


def test_other_image_size(tmp_path: Path) -> None:
    write_idx_images(np.zeros((2, 32, 30), np.uint8), tmp_path / "images")
    write_idx_labels(np.array([0, 1]), tmp_path / "labels")

    with pytest.raises(DataError, match="expected images of 28x28 pixels, received 32x30"):
        read_idx_pair(tmp_path / "images", tmp_path / "labels", split="train")
