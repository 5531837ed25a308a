"""Turns images of any kind into batches of pixels of the size of a model."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import DataError, ImageError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage
from hangtag.images.spec import ImageSpec
from hangtag.readers import AnyImages, Record, decode_records, records_of

MAX_BATCH = 256
"""Decoded images that are in memory at a time."""

FEW = 8
"""So few images are decoded in this process: others would take longer to start."""


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Images on their way to a model.

    Attributes:
        names: What the images are called, N of them.
        pixels: Those that were read, (M, H, W) or (M, H, W, C) uint8.
        resized: Which of them had another size, (M,).
        errors: Why the others cannot be read, by their index in `names`.
    """

    names: list[str]
    pixels: NDArray[np.uint8]
    resized: NDArray[np.bool_]
    errors: dict[int, ImageError]

    def require_all(self) -> None:
        """Raises the first error, where there is one."""
        for error in self.errors.values():
            raise error


def read_batches(images: AnyImages, spec: ImageSpec) -> Iterator[ImageBatch]:
    """Reads images of any kind, resized to `spec`, in batches; see `records_of`.

    An array (N, H, W) or (N, H, W, C) of the model's own size is one batch, and is not copied.

    Raises:
        DataError: A folder holds no image, or an array cannot hold images.
    """
    if isinstance(images, np.ndarray):
        _check_type(images)
        if images.ndim > 2 and images.shape[1:] in (spec.shape, spec.batch_shape):
            names = [f"images[{index}]" for index in range(len(images))]
            yield ImageBatch(names, images, np.zeros(len(images), np.bool_), {})
            return
    first, records = split_off(images)
    with DecoderPool(0 if len(first) <= FEW else None) as pool:
        decoded = decode_records(records, pool, spec)
        while batch := list(itertools.islice(decoded, MAX_BATCH)):
            yield _stack(batch, spec)


def split_off(images: AnyImages) -> tuple[list[Record], Iterator[Record]]:
    """Returns the first `FEW` + 1 records of images, and all of them.

    Raises:
        DataError: A folder holds no image, or an array cannot hold images.
    """
    if isinstance(images, np.ndarray):
        _check_type(images)
    records = records_of(images)
    first = list(itertools.islice(records, FEW + 1))
    return first, itertools.chain(first, records)


def _check_type(images: NDArray[np.generic]) -> None:
    if images.dtype != np.uint8:
        raise DataError(
            f"expected an array of type uint8 with values 0-255, received {images.dtype}; where "
            "its values are 0-1, pass (255 * images).round().astype('uint8')"
        )


def _stack(batch: list[tuple[Record, DecodedImage | ImageError]], spec: ImageSpec) -> ImageBatch:
    images = [image for _, image in batch if isinstance(image, DecodedImage)]
    blank = np.zeros((0, *spec.shape), np.uint8)
    return ImageBatch(
        names=[record.name for record, _ in batch],
        pixels=np.stack([image.pixels for image in images]) if images else blank,
        resized=np.array([image.resized for image in images], np.bool_),
        errors={
            index: image for index, (_, image) in enumerate(batch) if isinstance(image, ImageError)
        },
    )
