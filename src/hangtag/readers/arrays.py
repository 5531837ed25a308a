"""Arrays of images in ``.npy`` files, block by block.

A file holds one image, (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), or N of them, (N, H, W) or
(N, H, W, C). Grey, colour and colour with opacity may be of any size, 0-255, uint8.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import ErrorKind, ImageError
from hangtag.files.paths import is_file, make_printable
from hangtag.images.limits import require_size
from hangtag.readers.record import Record, Source, fail

ARRAY_SUFFIX = ".npy"

_EXPECTED = "(H, W), (N, H, W), (H, W, C) or (N, H, W, C) with C 1, 3 or 4, of type uint8"
_CHANNELS = (1, 3, 4)
_FLAT_WIDTH = 784
"""Width of a matrix that holds an image of 28x28 in each row."""

_IMAGES_A_BLOCK = 256
_BLOCK_BYTES = 2**26


class ArrayFile(Source):
    """The images of a ``.npy`` file; one that cannot be read is a record of its error."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Record]:
        try:
            yield from self._read()
        except ImageError as error:
            yield fail(self._path, error)

    @property
    def total(self) -> int | None:
        """The number of images that the file announces."""
        if not is_file(Path(self._path)):
            return 1  # Reading it would wait for ever where it is a pipe.
        try:
            return len(stack_images(np.load(self._path, mmap_mode="r", allow_pickle=False)))
        except Exception:  # Reading the array says what is wrong with it.
            return 1

    def _read(self) -> Iterator[Record]:
        name = make_printable(self._path)
        array = _map_array(self._path)
        images = stack_images(array)
        if images.ndim > array.ndim:
            yield Record(name=name, id=name, image=np.array(array), source=self._path)
            return
        step = images_a_block(images)
        for start in range(0, len(images), step):
            # A block is mapped, copied and released, so that the pages of a large file are not
            # kept in memory.
            block = np.array(_map_array(self._path)[start : start + step])
            for index, image in enumerate(block, start):
                place = f"{name}[{index}]"
                yield Record(name=place, id=place, image=image, source=self._path)


def images_a_block(images: NDArray[np.uint8]) -> int:
    """Returns how many of a stack of images are read at a time."""
    return max(1, min(_IMAGES_A_BLOCK, _BLOCK_BYTES // math.prod(images.shape[1:])))


def stack_images(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns one image or many as a stack, (N, H, W) or (N, H, W, C), without copying.

    Raises:
        ImageError: The array has another shape or type, is empty, or an image is too large.
    """
    if array.ndim == 2 and array.shape[1] == _FLAT_WIDTH:
        raise ImageError(
            f"expected {_EXPECTED}, received {array.shape}, which looks like an image of 28x28 in "
            "each row; reshape it to (N, 28, 28), or one image of this size to (H, W, 1)",
            error_kind=ErrorKind.MISSHAPEN,
        )
    single = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in _CHANNELS)
    images = array[None] if single else array
    fits = images.ndim == 3 or (images.ndim == 4 and images.shape[-1] in _CHANNELS)
    if images.dtype != np.uint8 or not fits:
        raise ImageError(
            f"expected {_EXPECTED}, received {array.shape} of type {array.dtype}; convert it first "
            "(values from 0 to 1: times 255, rounded, to uint8)",
            error_kind=ErrorKind.MISSHAPEN,
        )
    if not images.size:
        raise ImageError(f"holds no image; expected {_EXPECTED}", error_kind=ErrorKind.EMPTY)
    require_size(images.shape[2], images.shape[1], name="an image")
    return images


def _map_array(path: str) -> NDArray[np.uint8]:
    """Maps an array of images into memory; raises ImageError where it cannot."""
    if not is_file(Path(path)):
        raise ImageError(
            f"{path}: no such array file; check the path", error_kind=ErrorKind.MISSING
        )
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # NumPy evaluates the header; a damaged one raises anything.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{path} is not a readable .npy array: {reason}; save it again as numbers",
            error_kind=ErrorKind.DAMAGED,
        ) from error
    if not isinstance(array, np.ndarray):
        raise ImageError(
            f"{path} is an archive; expected one .npy array {_EXPECTED}",
            error_kind=ErrorKind.MISSHAPEN,
        )
    try:
        stack_images(array)
    except ImageError as error:
        raise ImageError(f"{path}: {error}", error_kind=error.error_kind) from error
    return array
