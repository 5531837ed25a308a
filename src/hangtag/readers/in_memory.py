"""Images that a Python program holds: paths, bytes, files, arrays, Pillow images; one or many."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.paths import is_folder
from hangtag.images.decoding import ImageInput, to_array
from hangtag.readers.arrays import stack_images
from hangtag.readers.image_files import ImageFolder, read_file
from hangtag.readers.opening import LISTING, open_source
from hangtag.readers.record import Record

if TYPE_CHECKING:
    from PIL.Image import Image

AnyImage: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | NDArray[np.uint8] | Image"
)
"""A path of an image file, the bytes of one, a binary file that is open, an array (H, W) or
(H, W, C), or a Pillow image."""

AnyImages: TypeAlias = "AnyImage | Iterable[AnyImage]"
"""One image; or many: a folder, a table, a ``.npy`` file, a pattern such as ``photos/*.jpg``, an
array (N, H, W) or (N, H, W, C), a list or an iterator."""


def records_of(images: AnyImages) -> Iterator[Record]:
    """Gives a record for each image, in order; one that cannot be read carries its error.

    A path alone is read as `open_source` reads it: an image, a folder, a table, an array, or a
    pattern. In a list, a path is an image, a folder or an array. Arrays are uint8, 0-255, grey,
    colour (C 3) or colour with opacity (C 4), of any size. Images without a path are called
    ``image`` or ``images[INDEX]``.

    Raises:
        DataError: A path alone does not exist, a folder holds no image, or something that is no
            image is among the images.
        ImageError: An array of many images is of another shape or type.
    """
    if isinstance(images, str | os.PathLike):
        path = os.fspath(images)
        yield from open_source(path if path != LISTING else os.path.join(os.curdir, path))
    elif isinstance(images, np.ndarray):
        stack = stack_images(images)
        single = stack.ndim > images.ndim
        for index, image in enumerate(stack):
            yield _name(image, "image" if single else f"images[{index}]")
    elif not isinstance(images, Iterable) or _is_single(images):
        yield _convert(images, "image")
    else:
        for index, item in enumerate(images):
            if isinstance(item, str | os.PathLike):
                yield from _read_path(item)
            else:
                yield _convert(item, f"images[{index}]")


def _read_path(path: str | os.PathLike[str]) -> Iterator[Record]:
    text = os.fspath(path)
    yield from ImageFolder(text) if is_folder(Path(text)) else read_file(text)


def _is_single(images: object) -> bool:
    """Tells whether something that can be iterated over is one image."""
    single = isinstance(images, bytes | bytearray | memoryview) or _is_pillow(images)
    return single or hasattr(images, "read")


def _convert(image: object, name: str) -> Record:
    if isinstance(image, bytes | bytearray | memoryview):
        return _name(bytes(image), name)
    if hasattr(image, "read") and not _is_pillow(image):
        return _convert(image.read(), name)
    try:
        if isinstance(image, np.ndarray):
            return _name(_require_single(image), name)
        if _is_pillow(image):
            return _name(to_array(image), name)
    except ImageError as error:
        return Record(name=name, id=name, image=None, source=name, error=error)
    raise DataError(
        f"{name}: expected a path, bytes, a binary file, an array or a Pillow image, received "
        f"{type(image).__name__}"
    )


def _require_single(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if stack_images(image).ndim == image.ndim:
        raise ImageError(
            f"expected one image, (H, W) or (H, W, C), received {image.shape}; pass it alone",
            error_kind=ErrorKind.MISSHAPEN,
        )
    return image


def _name(image: ImageInput, name: str) -> Record:
    return Record(name=name, id=name, image=image, source=name)


def _is_pillow(image: object) -> "TypeGuard[Image]":
    from PIL.Image import Image

    return isinstance(image, Image)
