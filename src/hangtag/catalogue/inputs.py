"""What `predict` is given: image files, folders, arrays, or a list of paths.

Every input ends as pixels or as an error; nothing is left out and the order is kept.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.decoding import IMAGE_SUFFIXES, decode_grey
from hangtag.errors import DataError


@dataclass(frozen=True, slots=True)
class Input:
    """One image to categorise.

    Attributes:
        name: Its path, or ``FILE.npy[INDEX]``.
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
        DataError: An argument does not exist, or a folder holds no image.
    """
    sources: list[Path] = []
    for argument in arguments:
        if argument == "-":
            lines = (line.rstrip("\r\n") for line in listing or sys.stdin)
            sources.extend(Path(line) for line in lines if line)
        else:
            sources.extend(_expand(Path(argument)))
    return sources


def read_inputs(sources: Sequence[Path], *, size: tuple[int, int]) -> Iterator[Input]:
    """Reads image files and ``.npy`` arrays as grey pixels of `size` (height, width)."""
    for source in sources:
        if source.suffix == ".npy":
            yield from _read_array(source, size)
        else:
            yield _read_image(source, size)


def _expand(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no file or folder {path}; check the path")
    wanted = {*IMAGE_SUFFIXES, ".npy"}
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in wanted and p.is_file())
    if not found:
        raise DataError(f"the folder {path} holds no image ({', '.join(sorted(wanted))})")
    return found


def _read_image(path: Path, size: tuple[int, int]) -> Input:
    try:
        decoded = decode_grey(path, size=size)
    except DataError as error:
        return Input(str(path), None, str(error))
    return Input(str(path), decoded.pixels, resized=decoded.resized)


def _read_array(path: Path, size: tuple[int, int]) -> Iterator[Input]:
    try:
        images = _open_array(path, size)
    except DataError as error:
        yield Input(str(path), None, str(error))
        return
    if images.ndim == 2:
        yield Input(str(path), np.array(images))
        return
    for index, image in enumerate(images):
        yield Input(f"{path}[{index}]", np.array(image))


def _open_array(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Maps an array file into memory, (H, W) or (N, H, W); raises DataError when it cannot."""
    height, width = size
    expected = f"({height}, {width}), (N, {height}, {width}) or (N, {height}, {width}, 1) uint8"
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not a readable .npy array: {error}") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} is an archive; expected one .npy array {expected}")
    images = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or images.shape[-2:] != size:
        raise DataError(
            f"{path}: expected an array {expected}, received {array.shape} {array.dtype}; "
            "convert it first"
        )
    return images
