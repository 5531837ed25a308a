"""Archives of arrays, ``.npz``: Keras' ``fashion_mnist.npz``, or any that holds images.

``x_train`` and ``y_train`` are the images and labels of a split. An archive is not trusted: no
array in it may be larger than it says, or an object.
"""

import itertools
import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.paths import is_file, list_some, make_printable, shorten
from hangtag.images.spec import FASHION_MNIST_SPEC
from hangtag.readers.arrays import images_a_block, stack_images
from hangtag.readers.record import (
    SPLIT_NAMES,
    ArraySource,
    Record,
    Source,
    SplitArrays,
    fail,
    find_split,
)
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES

NPZ_SUFFIX = ".npz"

_MOST_BYTES = 2**28
"""Bytes of the largest array that is read at once: an archive may unpack to anything."""

_SPLIT_ARRAY = re.compile(
    r"(?:(?P<content>x|y|images|labels|data|targets?)_(?P<split>[a-z]+)"
    r"|(?P<split2>[a-z]+)_(?P<content2>x|y|images|labels|data|targets?))",
    re.IGNORECASE,
)
_IMAGE_NAMES = ("x", "images", "data")


class NpzFile(Source):
    """All images in an archive; what cannot be read is a record of its error."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Record]:
        name = make_printable(self._path)
        try:
            for key in _list_images(self._path):
                blocks = _read_blocks(self._path, key)
                for index, image in enumerate(itertools.chain.from_iterable(blocks)):
                    place = f"{name}[{key}][{index}]"
                    yield Record(name=place, id=place, image=image, source=self._path)
        except ImageError as error:
            yield fail(self._path, error)
        except DataError as error:
            yield fail(self._path, ImageError(str(error), error_kind=ErrorKind.DAMAGED))

    @property
    def total(self) -> int | None:
        """The number of images that the arrays announce."""
        try:
            shapes = [_read_stand_in(self._path, key).shape for key in _list_images(self._path)]
        except DataError:  # Reading the file says what is wrong with it.
            return 1
        return sum(shape[0] if len(shape) > 2 else 1 for shape in shapes)


class NpzSplits(ArraySource):
    """The splits in an archive, such as ``x_train`` and ``y_train``, with Fashion-MNIST's classes.

    Raises:
        DataError: It is no archive, or holds no split with labels.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        found: dict[str, dict[bool, str]] = {}
        keys = _list_keys(self._path)
        for key in keys:
            split, is_image = _read_key(key)
            if split:
                found.setdefault(split, {})[is_image] = key
        pairs = {split: (two[True], two[False]) for split, two in found.items() if len(two) == 2}
        if not pairs:
            raise DataError(
                f"{path}: expected arrays such as x_train and y_train, received {list_some(keys)}"
            )
        self._pairs = {split: pairs[split] for split in SPLIT_NAMES if split in pairs}

    def read_splits(self) -> Iterator[SplitArrays]:
        """Gives the splits; raises DataError at the first thing that is wrong."""
        for split, (x, y) in self._pairs.items():
            images, labels = _read_array(self._path, x), _read_array(self._path, y)
            if images.shape[1:] == (*FASHION_MNIST_SPEC.size, 1):
                images = images[..., 0]
            _check_pair(f"{self._path}: {x}", images, labels.reshape(-1))
            yield SplitArrays(
                split, self._path, np.array(images), labels.reshape(-1).astype(np.int64)
            )

    @property
    def total(self) -> int | None:
        """The number of images that the arrays announce."""
        return sum(len(_read_stand_in(self._path, x)) for x, _ in self._pairs.values())

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten classes of Fashion-MNIST: the archive holds only their numbers."""
        return FASHION_MNIST_CLASSES


def _check_pair(name: str, images: NDArray[Any], labels: NDArray[Any]) -> None:
    """Raises DataError where arrays are no images and labels of Fashion-MNIST."""
    if images.dtype != np.uint8 or images.shape[1:] != FASHION_MNIST_SPEC.size:
        raise DataError(
            f"{name}: expected images (N, 28, 28) of type uint8, received {images.shape} of type "
            f"{images.dtype}; export other images as class folders"
        )
    if len(images) != len(labels) or not len(images):
        raise DataError(
            f"{name} holds {len(images)} images but there are {len(labels)} labels; get it again"
        )
    most = len(FASHION_MNIST_CLASSES) - 1
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > most:
        raise DataError(f"{name}: expected labels 0-{most}; check that it is Fashion-MNIST")


def _read_key(key: str) -> tuple[str, bool]:
    """Returns the split that an array belongs to, empty for none, and whether it holds images."""
    match = _SPLIT_ARRAY.fullmatch(key)
    if not match:
        return "", False
    split = find_split(match["split"] or match["split2"]) or ""
    return split, (match["content"] or match["content2"]).lower() in _IMAGE_NAMES


def _list_images(path: str) -> list[str]:
    """Returns the names of the arrays that have the shape of images, or of all where none has."""
    meant = {key: _read_key(key) for key in _list_keys(path)}
    keys = [key for key, (split, is_image) in meant.items() if is_image or not split]
    return [key for key in keys if _read_stand_in(path, key).ndim > 1] or keys


def _list_keys(path: str) -> list[str]:
    with _open(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
    if not names:
        raise DataError(f"{path} holds no array; give image files, or save arrays as .npy")
    return [name.removesuffix(".npy") for name in names]


def _open(path: str) -> zipfile.ZipFile:
    if not is_file(Path(path)):
        raise ImageError(f"{path}: no such file; check the path", error_kind=ErrorKind.MISSING)
    try:
        return zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no readable archive: {error}; get it again") from error


@dataclass(frozen=True, slots=True)
class _Header:
    """What an array in an archive says of itself."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self, stream: IO[bytes], shape: tuple[int, ...]) -> NDArray[Any]:
        """Reads the next numbers of `stream` as an array of `shape`."""
        content = stream.read(math.prod(shape) * self.dtype.itemsize)
        array = np.frombuffer(content, self.dtype)
        return array.reshape(shape, order="F" if self.is_fortran else "C")

    def read_all(self, stream: IO[bytes]) -> NDArray[Any]:
        """Reads the whole array; raises ValueError where it is too large for that."""
        if self.size > _MOST_BYTES:
            raise ValueError(f"{self.size:,} bytes, at most {_MOST_BYTES:,} are read at once")
        return self.read(stream, self.shape)


def _read_stand_in(path: str, key: str) -> NDArray[Any]:
    """Returns an array of the shape and type that are announced; it takes no memory."""
    with _open_array(path, key) as (_, header):
        return np.broadcast_to(np.zeros((), header.dtype), header.shape)


def _read_array(path: str, key: str) -> NDArray[Any]:
    with _open_array(path, key) as (stream, header):
        return header.read_all(stream)


def _read_blocks(path: str, key: str) -> Iterator[NDArray[np.uint8]]:
    """Reads images, (N, H, W) or (N, H, W, C), some at a time; nothing before their size fits."""
    images = stack_images(_read_stand_in(path, key))
    step = images_a_block(images)
    with _open_array(path, key) as (stream, header):
        if header.is_fortran or images.ndim > len(header.shape):
            yield stack_images(header.read_all(stream))
            return
        for start in range(0, len(images), step):
            yield header.read(stream, (min(step, len(images) - start), *header.shape[1:]))


@contextmanager
def _open_array(path: str, key: str) -> Iterator[tuple[IO[bytes], _Header]]:
    """Opens an array behind its header; raises DataError where it is not whole."""
    with _open(path) as archive:
        try:
            with archive.open(f"{key}.npy") as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0
                if version != (1, 0):
                    read = np.lib.format.read_array_header_2_0
                header = _Header(*read(stream))
                announced = archive.getinfo(f"{key}.npy").file_size
                if header.dtype.hasobject or header.size > announced:
                    raise ValueError(f"an array of {header.size:,} bytes of type {header.dtype}")
                yield stream, header
        except Exception as error:  # NumPy evaluates the header; a damaged one raises anything.
            reason = shorten(" ".join(str(error).split()) or type(error).__name__)
            raise DataError(f"{path}: the array {shorten(key)} cannot be read: {reason}") from error
