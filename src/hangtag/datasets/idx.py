"""Reads IDX, the format of MNIST and Fashion-MNIST, gzip or not.

Big-endian 32-bit header (magic number, count, and for images rows and columns), then one byte a
pixel or label. Source: http://yann.lecun.com/exdb/mnist/, "FILE FORMATS FOR THE MNIST DATABASE".
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import IMAGE_SIZE, Split, number_ids
from hangtag.errors import DataError
from hangtag.files.gzipped import read_plain
from hangtag.readers.idx import IMAGES_MAGIC

LABELS_MAGIC = 2049


def read_idx_images(path: Path) -> NDArray[np.uint8]:
    """Reads images (N, H, W), 0-255, from the IDX file `path`, gzip or not.

    Raises:
        DataError: The file is missing, empty, not an IDX image file, cut off or too long.
    """
    content = read_plain(path)
    count, height, width = _read_header(path, content, IMAGES_MAGIC, "image")
    pixels = _read_body(path, content, 16, count * height * width)
    return pixels.reshape(count, height, width)


def read_idx_labels(path: Path, *, classes: int) -> NDArray[np.int64]:
    """Reads labels (N,), each 0 to `classes` - 1, from the IDX file `path`, gzip or not.

    Raises:
        DataError: The file is missing, empty, not an IDX label file, cut off or too long, or a
            label is outside the classes.
    """
    content = read_plain(path)
    (count,) = _read_header(path, content, LABELS_MAGIC, "label")
    labels = _read_body(path, content, 8, count).astype(np.int64)
    outside = np.flatnonzero(labels >= classes)
    if len(outside):
        raise DataError(
            f"{path}: expected labels 0-{classes - 1}, received {labels[outside[0]]} "
            f"at position {outside[0]} (counted from 0), {len(outside)} such in all; "
            "check that the file belongs to this data set"
        )
    return labels


def read_idx_split(images_path: Path, labels_path: Path, *, name: str, classes: int) -> Split:
    """Reads a pair of IDX files as the split `name`, with ids ``NAME/00000``, ...

    Raises:
        DataError: One of the files cannot be read, the images are not 28x28, or the two files
            hold different counts.
    """
    images = read_idx_images(images_path)
    labels = read_idx_labels(labels_path, classes=classes)
    if images.shape[1:] != IMAGE_SIZE:
        raise DataError(
            f"{images_path}: expected images of {IMAGE_SIZE[0]}x{IMAGE_SIZE[1]} pixels, "
            f"received {images.shape[1]}x{images.shape[2]}; export them as class folders instead"
        )
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images)} images but {labels_path} holds "
            f"{len(labels)} labels; the two must come from the same data set"
        )
    return Split(images, labels, number_ids(name, len(labels)))


def _read_header(path: Path, content: bytes, expected: int, what: str) -> tuple[int, ...]:
    """Checks the magic number; returns the sizes of the dimensions."""
    dimensions = expected % 256
    length = 4 * (1 + dimensions)
    magic = int.from_bytes(content[:4], "big")
    if len(content) >= 4 and magic != expected:
        raise DataError(
            f"{path}: expected an IDX {what} file (magic number {expected}), received magic "
            f"number {magic}; check that it is the right file and not swapped with its pair"
        )
    if len(content) < length:
        raise DataError(
            f"{path}: expected an IDX header of {length} bytes, received {len(content)} bytes "
            "in all; get the file again"
        )
    sizes: tuple[int, ...] = struct.unpack(f">{dimensions}I", content[4:length])
    if not all(sizes):
        raise DataError(f"{path} holds no {what}s; get the file again")
    return sizes


def _read_body(path: Path, content: bytes, header: int, expected: int) -> NDArray[np.uint8]:
    """Returns the bytes after the header as an array of its own, which torch may write to."""
    received = len(content) - header
    if received != expected:
        problem = "is cut off" if received < expected else "is too long"
        raise DataError(
            f"{path} {problem}: its header announces {expected} bytes of content, "
            f"received {received}; get the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).copy()
