"""Images that a Python program holds: paths, bytes, arrays and Pillow images, one or many."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import ErrorKind, ImageError
from hangtag.files.paths import is_folder
from hangtag.images.decoding import ImageInput, to_array
from hangtag.readers.arrays import stack_images
from hangtag.readers.image_files import ImageFolder, read_file
from hangtag.readers.record import Record

if TYPE_CHECKING:
    from PIL.Image import Image

AnyImage: TypeAlias = "str | os.PathLike[str] | bytes | NDArray[np.uint8] | Image"
"""A path of an image file, the bytes of one, an array (H, W) or (H, W, C), or a Pillow image."""

AnyImages: TypeAlias = "AnyImage | Iterable[AnyImage]"
"""One image; or many: a folder, a ``.npy`` file, an array (N, H, W) or (N, H, W, C), a list or an
iterator."""


def records_of(images: AnyImages) -> Iterator[Record]:
    """Gives a record for each image, in order; one that cannot be read carries its error.

    A path that is a folder stands for the images below it, one of a ``.npy`` or IDX file for the
    images in it. Arrays are uint8, 0-255, grey, colour (C 3) or colour with opacity (C 4), of any
    size. Images without a path are called ``image`` or ``images[INDEX]``.

    Raises:
        DataError: A folder holds no image.
        ImageError: An array of many images is of another shape or type.
        TypeError: Something else is among the images.
    """
    if isinstance(images, str | os.PathLike):
        yield from _read_path(images)
    elif isinstance(images, np.ndarray):
        stack = stack_images(images)
        single = stack.ndim > images.ndim
        for index, image in enumerate(stack):
            yield _name(image, "image" if single else f"images[{index}]")
    elif isinstance(images, bytes) or _is_pillow(images):
        yield _convert(images, "image")  # type: ignore[arg-type]  # told apart above
    else:
        for index, item in enumerate(images):  # type: ignore[arg-type]  # not one image: many
            if isinstance(item, str | os.PathLike):
                yield from _read_path(item)
            else:
                yield _convert(item, f"images[{index}]")


def _read_path(path: str | os.PathLike[str]) -> Iterator[Record]:
    text = os.fspath(path)
    yield from ImageFolder(text) if is_folder(Path(text)) else read_file(text)


def _convert(image: "bytes | NDArray[np.uint8] | Image", name: str) -> Record:
    if isinstance(image, bytes):
        return _name(image, name)
    if not isinstance(image, np.ndarray) and not _is_pillow(image):
        raise TypeError(
            f"{name}: expected a path, bytes, an array or a Pillow image, received "
            f"{type(image).__name__}"
        )
    try:
        pixels = _require_single(image) if isinstance(image, np.ndarray) else to_array(image)
    except ImageError as error:
        return Record(name=name, id=name, image=None, source=name, error=error)
    return _name(pixels, name)


def _require_single(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if stack_images(image).ndim == image.ndim:
        raise ImageError(
            f"expected one image, (H, W) or (H, W, C), received {image.shape}; pass it alone",
            error_kind=ErrorKind.MISSHAPEN,
        )
    return image


def _name(image: ImageInput, name: str) -> Record:
    return Record(name=name, id=name, image=image, source=name)


def _is_pillow(image: object) -> bool:
    from PIL.Image import Image

    return isinstance(image, Image)
