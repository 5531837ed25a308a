"""Arrays of images: ``.npy`` files and the image files of IDX, row by row."""

import math
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.gzipped import open_plain
from hangtag.files.paths import is_file, make_printable
from hangtag.images.decoding import IMAGE_SUFFIXES
from hangtag.images.items import Input, Pixels, Size, describe_sizes, fail

ARRAY_SUFFIX = ".npy"
IMAGES_MAGIC = 2051
"""How an IDX file of images begins."""

_IDX_START = b"\x00\x00\x08"
"""How IDX files of bytes begin."""

_IDX_HEADER = struct.Struct(">4I")
_BLOCK = 256
"""Images read at a time, fewer where they are large."""

_BLOCK_BYTES = 2**26

_COLOURS = 3


def is_array(path: str) -> bool:
    """Tells whether `path` is an array: by its name, or an IDX file by its first bytes."""
    suffix = _find_suffix(path)
    if suffix == ARRAY_SUFFIX:
        return True
    return suffix not in IMAGE_SUFFIXES and _starts_like_idx(path)


def count_rows(path: str) -> int | None:
    """Returns how many images the array at `path` announces, or None where it cannot say."""
    try:
        if _find_suffix(path) != ARRAY_SUFFIX:
            with open_plain(Path(path)) as stream:
                return int(_IDX_HEADER.unpack(stream.read(_IDX_HEADER.size))[1])
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        return 1 if _is_single(array) else len(array)
    except Exception:  # What is wrong with it is said where it is read.
        return 1


def read_array_file(path: str, sizes: Sequence[Size]) -> Iterator[Input]:
    """Gives the images of an array file, or one recorded error that says what is wrong with it.

    They must be of one of `sizes`.
    """
    suffix = _find_suffix(path)
    rows = _read_npy(path, sizes) if suffix == ARRAY_SUFFIX else _read_idx(path, sizes)
    try:
        yield from rows
    except ImageError as error:
        yield fail(path, error)


def _read_npy(path: str, sizes: Sequence[Size]) -> Iterator[Input]:
    images = _open_npy(path, sizes)
    name = make_printable(path)
    if _is_single(images):
        yield Input(name, path, np.array(images))
        return
    step = max(1, min(_BLOCK, _BLOCK_BYTES // images[0].size))
    for start in range(0, len(images), step):
        # A block is mapped, copied and let go, so that the pages of a large file are not kept.
        block = np.array(_open_npy(path, sizes)[start : start + step])
        for index, image in enumerate(block, start):
            yield Input(f"{name}[{index}]", path, image)


def _open_npy(path: str, sizes: Sequence[Size]) -> NDArray[np.uint8]:
    """Maps an array file into memory; raises ImageError when it cannot.

    Returns:
        Grey (H, W) or (N, H, W) of one of `sizes`, or colour of any size with a last axis of 3.
    """
    shapes = [f"({h}, {w}), (N, {h}, {w}), (N, {h}, {w}, 1)" for h, w in sizes]
    expected = f"{', '.join(shapes)} or, in colour and of any size, (N, H, W, 3) uint8"
    if not is_file(Path(path)):
        raise ImageError(
            f"{path}: no such array file; check the path", error_kind=ErrorKind.MISSING
        )
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # NumPy evaluates the header, and a damaged one raises nearly anything.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{path} is not a readable .npy array: {reason}; save it again as numbers",
            error_kind=ErrorKind.DAMAGED,
        ) from error
    if not isinstance(array, np.ndarray):
        raise ImageError(
            f"{path} is an archive; expected one .npy array {expected}",
            error_kind=ErrorKind.MISSHAPEN,
        )
    images = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    fits = _is_colour(images) or (images.ndim in (2, 3) and images.shape[-2:] in sizes)
    if images.dtype != np.uint8 or not fits:
        raise ImageError(
            f"{path}: expected an array {expected}, received {array.shape} {array.dtype}; "
            "convert it first (values from 0 to 1: times 255, rounded, to uint8)",
            error_kind=ErrorKind.MISSHAPEN,
        )
    if not images.size:
        raise ImageError(
            f"{path} holds no image; expected an array {expected}", error_kind=ErrorKind.EMPTY
        )
    return images


def _is_colour(array: NDArray[np.uint8]) -> bool:
    return array.ndim in (3, 4) and array.shape[-1] == _COLOURS


def _is_single(array: NDArray[np.uint8]) -> bool:
    """Tells whether an array is one image: (H, W), or (H, W, 3) in colour."""
    return array.ndim == (3 if _is_colour(array) else 2)


def _find_suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _starts_like_idx(path: str) -> bool:
    if not is_file(Path(path)):
        return False
    try:
        with open_plain(Path(path)) as stream:
            return stream.read(len(_IDX_START)) == _IDX_START
    except DataError:
        return False


def _read_idx(path: str, sizes: Sequence[Size]) -> Iterator[Input]:
    try:
        with open_plain(Path(path)) as stream:
            count, size = _read_idx_header(path, stream, sizes)
            yield from _read_idx_rows(path, stream, count, size)
    except ImageError:
        raise
    except DataError as error:
        raise ImageError(str(error), error_kind=ErrorKind.DAMAGED) from error


def _read_idx_header(path: str, stream: BinaryIO, sizes: Sequence[Size]) -> tuple[int, Size]:
    """Returns how many images follow, and their size."""
    header = stream.read(_IDX_HEADER.size)
    if int.from_bytes(header[:4], "big") != IMAGES_MAGIC:
        raise ImageError(
            f"{path}: expected an IDX image file (magic number {IMAGES_MAGIC}), received magic "
            f"number {int.from_bytes(header[:4], 'big')}; give the file of the images",
            error_kind=ErrorKind.MISSHAPEN,
        )
    if len(header) < _IDX_HEADER.size:
        raise ImageError(
            f"{path}: is cut off in its header; get it again", error_kind=ErrorKind.DAMAGED
        )
    _, count, height, width = _IDX_HEADER.unpack(header)
    if (height, width) not in sizes:
        raise ImageError(
            f"{path}: expected images of {describe_sizes(sizes)}, received {height}x{width}; "
            "export them as image files",
            error_kind=ErrorKind.MISSHAPEN,
        )
    if not count:
        raise ImageError(f"{path} holds no images; get the file again", error_kind=ErrorKind.EMPTY)
    return count, (height, width)


def _read_idx_rows(path: str, stream: BinaryIO, count: int, size: Size) -> Iterator[Input]:
    name, pixels = make_printable(path), math.prod(size)
    for start in range(0, count, _BLOCK):
        content = stream.read(min(_BLOCK, count - start) * pixels)
        images: Pixels = np.frombuffer(content[: len(content) // pixels * pixels], np.uint8)
        for index, image in enumerate(images.reshape(-1, *size), start):
            yield Input(f"{name}[{index}]", path, image)
        if len(content) < min(_BLOCK, count - start) * pixels:
            present = start + len(content) // pixels
            raise ImageError(
                f"{path} is cut off: its header announces {count} images, {present} are there; "
                "get the file again",
                error_kind=ErrorKind.DAMAGED,
            )
    if stream.read(1):
        raise ImageError(
            f"{path} is too long: more follows the {count} images that its header announces; "
            "get the file again",
            error_kind=ErrorKind.DAMAGED,
        )
