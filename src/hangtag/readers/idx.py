"""IDX, the format of MNIST and Fashion-MNIST, gzip or not, block by block.

A file has a big-endian header of 32-bit integers (magic number, count, and for images rows and
columns), then one byte a pixel or label.
Source: http://yann.lecun.com/exdb/mnist/, "FILE FORMATS FOR THE MNIST DATABASE".
"""

import math
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.gzipped import open_plain
from hangtag.files.paths import is_file, is_folder, list_visible, make_printable
from hangtag.images.limits import require_size
from hangtag.images.spec import FASHION_MNIST_SPEC
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

IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049

_IDX_START = b"\x00\x00\x08"
"""How IDX files of bytes begin."""

_NAME = re.compile(
    r"(?P<prefix>train|training|validation|val|valid|t10k|test|testing)[-_. ]"
    r"(?P<content>images?|labels?)(?P<rest>[-_. ]?idx[13][-_. ]?ubyte)"
    r"(?P<copy>[-_. ]?\(\d+\)|[-_ ]copy)?(\.(?P<packed>gz)|\.bin|\.idx)?(?P<again>[-_ ]?\(\d+\))?",
    re.IGNORECASE,
)
"""What torchvision, Keras, Kaggle and browsers call a file of Fashion-MNIST."""

_INNER_FOLDERS = frozenset({"fashionmnist", "fashion-mnist", "fashion_mnist", "mnist", "raw"})
"""Folders in which libraries keep the files."""

_DEEPEST = 3
_SPLITS = {"t10k": "test"}
_CONTENTS = ("images", "labels")
_IMAGES_A_BLOCK = 256
_BLOCK_BYTES = 2**26


class IdxFile(Source):
    """The images of an IDX file; what cannot be read is a record of its error."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Record]:
        name = make_printable(self._path)
        try:
            for index, image in enumerate(read_idx_images(self._path)):
                place = f"{name}[{index}]"
                yield Record(name=place, id=place, image=image, source=self._path)
        except ImageError as error:
            yield fail(self._path, error)

    @property
    def total(self) -> int | None:
        """The number of images that the header announces."""
        try:
            with open_plain(Path(self._path)) as stream:
                return _read_header(self._path, stream, IMAGES_MAGIC)[0]
        except DataError:  # Reading the file says what is wrong with it.
            return 1


class IdxFolder(ArraySource):
    """The pairs of IDX files in a folder, by split, under any of the names that people have.

    Raises:
        DataError: A file lacks its partner.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pairs: dict[str, tuple[Path, Path]] = {}
        found = find_idx_files(folder)
        for split in SPLIT_NAMES:
            images, labels = (found.get((split, content)) for content in _CONTENTS)
            if images and labels:
                self._pairs[split] = images, labels
            elif images or labels:
                raise DataError(
                    f"{images or labels} has no partner; put {_name_partner(images or labels)} "
                    "(plain or with .gz) beside it"
                )

    def read_splits(self) -> Iterator[SplitArrays]:
        """Gives the splits; raises DataError at the first thing that is wrong."""
        for split, (images, labels) in self._pairs.items():
            yield read_idx_pair(images, labels, split=split)

    @property
    def total(self) -> int | None:
        """The number of images that the headers announce."""
        return sum(IdxFile(str(images)).total or 0 for images, _ in self._pairs.values())

    @property
    def classes(self) -> tuple[str, ...]:
        """The ten classes of Fashion-MNIST: the files hold only their numbers."""
        return FASHION_MNIST_CLASSES


def find_idx_files(folder: Path) -> Mapping[tuple[str, str], Path]:
    """Returns split and ``images`` or ``labels`` -> the IDX file, as Fashion-MNIST's are called.

    The files may lie in ``raw`` or ``FashionMNIST/raw``, as torchvision has them, or each in a
    folder of its own name, as Kaggle unpacks them. Of several copies the plainest name counts.
    """
    found: dict[tuple[str, str], list[Path]] = {}
    for path in _list_idx_files(folder, _DEEPEST):
        match = _NAME.fullmatch(path.name)
        assert match is not None, path
        split = _SPLITS.get(match["prefix"].lower()) or find_split(match["prefix"]) or ""
        content = match["content"].lower().removesuffix("s") + "s"
        found.setdefault((split, content), []).append(path)
    return {key: min(paths, key=_rank_copy) for key, paths in found.items()}


def _list_idx_files(folder: Path, depth: int) -> Iterator[Path]:
    for path in list_visible(folder):
        is_named = _NAME.fullmatch(path.name) is not None
        if is_named and is_file(path):
            yield path
        elif (is_named or path.name.lower() in _INNER_FOLDERS) and is_folder(path) and depth:
            yield from _list_idx_files(path, depth - 1)


def _rank_copy(path: Path) -> tuple[bool, bool, int, str]:
    """Orders copies of a file: the name without a number, then the unpacked one, then t10k."""
    match = _NAME.fullmatch(path.name)
    assert match is not None, path
    is_copy = bool(match["copy"] or match["again"])
    return is_copy, bool(match["packed"]), len(path.parts), path.name


def _name_partner(path: Path | None) -> str:
    """Returns what the file of labels is called beside that of images, or the other way round."""
    name = "" if path is None else path.name
    swapped = {"image": "label", "label": "image"}
    pattern = re.compile("image|label", re.IGNORECASE)
    partner = pattern.sub(lambda match: swapped[match[0].lower()], name)
    number = {"idx3": "idx1", "idx1": "idx3"}
    partner = re.sub(
        "idx[13]", lambda match: number[match[0].lower()], partner, flags=re.IGNORECASE
    )
    return partner.removesuffix(".gz")


def is_idx(path: str) -> bool:
    """Tells whether a file begins as IDX files of bytes do."""
    if not is_file(Path(path)):
        return False
    try:
        with open_plain(Path(path)) as stream:
            return stream.read(len(_IDX_START)) == _IDX_START
    except DataError:
        return False


def read_idx_images(path: str | Path) -> Iterator[NDArray[np.uint8]]:
    """Gives the images (H, W) uint8 of an IDX file, gzip or not.

    Raises:
        ImageError: The file is missing, not an IDX file of images, cut off or too long; what
            comes before the damage is given.
    """
    for block in _read_blocks(path):
        yield from block


def _read_blocks(path: str | Path) -> Iterator[NDArray[np.uint8]]:
    """Gives the images of an IDX file in blocks (M, H, W), as `read_idx_images`."""
    try:
        with open_plain(Path(path)) as stream:
            count, height, width = _read_header(path, stream, IMAGES_MAGIC)
            yield from _split_images(path, stream, count, (height, width))
    except ImageError:
        raise
    except DataError as error:
        raise ImageError(str(error), error_kind=ErrorKind.DAMAGED) from error


def read_idx_labels(path: Path, *, classes: int) -> NDArray[np.int64]:
    """Reads labels (N,), each 0 to `classes` - 1, from an IDX file, gzip or not.

    Raises:
        DataError: The file is missing, not an IDX file of labels, cut off or too long, or a label
            is outside the classes.
    """
    with open_plain(path) as stream:
        (count,) = _read_header(path, stream, LABELS_MAGIC)
        content = stream.read(count + 1)
    if len(content) != count:
        problem = "is cut off" if len(content) < count else "is too long"
        raise DataError(
            f"{path} {problem}: its header announces {count} labels; get the file again"
        )
    labels = np.frombuffer(content, np.uint8).astype(np.int64)
    outside = np.flatnonzero(labels >= classes)
    if len(outside):
        raise DataError(
            f"{path}: expected labels 0-{classes - 1}, received {labels[outside[0]]} at position "
            f"{outside[0]} (counted from 0), {len(outside)} such in all; check that the file "
            "belongs to this data set"
        )
    return labels


def read_idx_pair(images_path: Path, labels_path: Path, *, split: str) -> SplitArrays:
    """Reads a pair of IDX files with Fashion-MNIST's labels.

    Raises:
        DataError: One of the files cannot be read, the images are not 28x28, or the two files
            hold different counts.
    """
    count = _count_images(images_path)
    labels = read_idx_labels(labels_path, classes=len(FASHION_MNIST_CLASSES))
    if count != len(labels):
        raise DataError(
            f"{images_path} holds {count} images but {labels_path} holds {len(labels)} labels; "
            "the two must come from the same data set"
        )
    images = np.empty((len(labels), *FASHION_MNIST_SPEC.size), np.uint8)
    done = 0
    for block in _read_blocks(images_path):
        images[done : done + len(block)] = block
        done += len(block)
    return SplitArrays(split, str(images_path), images, labels)


def _count_images(path: Path) -> int:
    """Returns how many images an IDX file announces; raises DataError where they are not 28x28."""
    with open_plain(path) as stream:
        count, height, width = _read_header(path, stream, IMAGES_MAGIC)
    if (height, width) != FASHION_MNIST_SPEC.size:
        raise DataError(
            f"{path}: expected images of {FASHION_MNIST_SPEC} pixels, received {height}x{width}; "
            "export them as class folders instead"
        )
    return count


def _read_header(path: str | Path, stream: BinaryIO, expected: int) -> tuple[int, ...]:
    """Checks the magic number; returns the sizes of the dimensions, the count first."""
    content = "image" if expected == IMAGES_MAGIC else "label"
    dimensions = expected % 256
    header = stream.read(4 * (1 + dimensions))
    if not header:
        raise ImageError(
            f"{path} is an empty gzip file (0 bytes); get the file again",
            error_kind=ErrorKind.EMPTY,
        )
    magic = int.from_bytes(header[:4], "big")
    if len(header) >= 4 and magic != expected:
        raise ImageError(
            f"{path}: expected an IDX {content} file (magic number {expected}), received magic "
            f"number {magic}; give the file of the {content}s",
            error_kind=ErrorKind.MISSHAPEN,
        )
    if len(header) < 4 * (1 + dimensions):
        raise ImageError(
            f"{path}: expected an IDX header of {4 * (1 + dimensions)} bytes, received "
            f"{len(header)} bytes in all; get the file again",
            error_kind=ErrorKind.DAMAGED,
        )
    sizes: tuple[int, ...] = struct.unpack(f">{dimensions}I", header[4:])
    if not all(sizes):
        raise ImageError(
            f"{path} holds no {content}s; get the file again", error_kind=ErrorKind.EMPTY
        )
    if expected == IMAGES_MAGIC:
        require_size(sizes[2], sizes[1], name=f"{path}: an image")
    return sizes


def _split_images(
    path: str | Path, stream: BinaryIO, count: int, size: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    pixels = math.prod(size)
    step = max(1, min(_IMAGES_A_BLOCK, _BLOCK_BYTES // pixels))
    for start in range(0, count, step):
        wanted = min(step, count - start)
        content = stream.read(wanted * pixels)
        present = len(content) // pixels
        block = bytearray(content[: present * pixels])  # a copy that may be written to
        yield np.frombuffer(block, np.uint8).reshape(-1, *size)
        if present < wanted:
            raise ImageError(
                f"{path} is cut off: its header announces {count} images, {start + present} are "
                "there; get the file again",
                error_kind=ErrorKind.DAMAGED,
            )
    if stream.read(1):
        raise ImageError(
            f"{path} is too long: more follows the {count} images that its header announces; "
            "get the file again",
            error_kind=ErrorKind.DAMAGED,
        )
