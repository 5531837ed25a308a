"""What `predict` is given: image files, folders, arrays, or a list of paths.

Every input ends as pixels or as an error; nothing is left out and the order is kept.
"""

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.decoding import IMAGE_SUFFIXES, decode_grey
from hangtag.catalogue.paths import is_file, is_folder, make_printable
from hangtag.errors import DataError

_ARRAY_SUFFIX = ".npy"
_UNREAD_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".heic", ".tif", ".tiff"})
"""Images in formats that are not read: in a folder each becomes a recorded error."""


@dataclass(frozen=True, slots=True)
class Input:
    """One image to categorise.

    Attributes:
        name: Its path, or ``FILE.npy[INDEX]``; bytes that are not UTF-8 are escaped.
        pixels: (H, W) uint8, or None when it could not be read.
        error: Why not, one line; empty when it could.
        resized: Whether it had another size and was fitted.
    """

    name: str
    pixels: NDArray[np.uint8] | None
    error: str = ""
    resized: bool = False


def list_sources(arguments: Sequence[str], *, listing: TextIO | None = None) -> list[Path]:
    """Turns the arguments of `predict` into files, in order.

    A folder stands for the images and arrays below it, by name; ``-`` stands for the paths that
    `listing` (standard input by default) names, one a line. A path from the listing that does not
    exist is kept, to become a recorded error.

    Raises:
        DataError: An argument is empty or does not exist, or a folder holds no image.
    """
    sources: list[Path] = []
    for argument in arguments:
        if argument == "-":
            sources.extend(_read_listing(listing or sys.stdin))
        else:
            sources.extend(_expand(argument))
    return sources


def read_inputs(sources: Sequence[Path], *, size: tuple[int, int]) -> Iterator[Input]:
    """Reads image files and ``.npy`` arrays as grey pixels of `size` (height, width)."""
    for source in sources:
        if source.suffix.lower() == _ARRAY_SUFFIX:
            yield from _read_array(source, size)
        else:
            yield _read_image(source, size)


def _read_listing(listing: TextIO | None) -> list[Path]:
    if listing is None:
        raise DataError("'-' reads paths from standard input, which is closed; pipe a list into it")
    if isinstance(listing, io.TextIOWrapper):
        listing.reconfigure(errors="surrogateescape")  # A file name need not be UTF-8.
    lines = (line.rstrip("\r\n") for line in listing)
    return [Path(line) for line in lines if line]


def _expand(argument: str) -> list[Path]:
    if not argument:
        raise DataError("the path of an input is empty; write . for the current folder")
    path = Path(argument)
    if is_file(path):
        return [path]
    if not is_folder(path):
        raise DataError(f"there is no file or folder {path}; check the path")
    wanted = {*IMAGE_SUFFIXES, _ARRAY_SUFFIX, *_UNREAD_SUFFIXES}
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in wanted and not is_folder(p))
    if not found:
        read = ", ".join(sorted({*IMAGE_SUFFIXES, _ARRAY_SUFFIX}))
        raise DataError(f"the folder {path} holds no image ({read})")
    return found


def _read_image(path: Path, size: tuple[int, int]) -> Input:
    try:
        decoded = decode_grey(path, size=size)
    except DataError as error:
        return _fail(path, error)
    return Input(make_printable(path), decoded.pixels, resized=decoded.resized)


def _read_array(path: Path, size: tuple[int, int]) -> Iterator[Input]:
    try:
        images = _open_array(path, size)
    except DataError as error:
        yield _fail(path, error)
        return
    name = make_printable(path)
    if images.ndim == 2:
        yield Input(name, np.array(images))
        return
    for index, image in enumerate(images):
        yield Input(f"{name}[{index}]", np.array(image))


def _fail(path: Path, error: DataError) -> Input:
    return Input(make_printable(path), None, make_printable(str(error)))


def _open_array(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Maps an array file into memory, (H, W) or (N, H, W); raises DataError when it cannot."""
    height, width = size
    expected = f"({height}, {width}), (N, {height}, {width}) or (N, {height}, {width}, 1) uint8"
    if not is_file(path):
        raise DataError(f"{path}: no such array file; check the path")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # NumPy evaluates the header, and a damaged one raises nearly anything.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path} is not a readable .npy array: {reason}") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} is an archive; expected one .npy array {expected}")
    images = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or images.shape[-2:] != size:
        raise DataError(
            f"{path}: expected an array {expected}, received {array.shape} {array.dtype}; "
            "convert it first"
        )
    if not images.size:
        raise DataError(f"{path} holds no image; expected an array {expected}")
    return images
