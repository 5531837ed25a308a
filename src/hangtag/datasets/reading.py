"""How a dataset's image files become pixels: which shape, which decoder, which cache."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hangtag.errors import ImageError
from hangtag.images.decoding import DecodedImage, decode_image, read_size
from hangtag.images.spec import FASHION_MNIST_SPEC, PHOTO_SPEC, ImageSpec

MAX_BROKEN = 0.2
"""Fraction of broken images above which it is no accident."""

SAMPLE = 100
"""Number of files whose sizes tell whether a dataset holds photos."""

Outcome = DecodedImage | ImageError

Decode = Callable[[Sequence[Path], ImageSpec], Iterator[Outcome]]
"""Decodes image files, in order; an ImageError stands for one that cannot be read."""


def decode_here(paths: Sequence[Path], spec: ImageSpec) -> Iterator[Outcome]:
    """Decodes image files one after the other, in this process."""
    for path in paths:
        try:
            yield decode_image(path, spec)
        except ImageError as error:
            yield error


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How image files are decoded.

    Attributes:
        spec: Shape of the pixels; None decides by the size of the files, see `resolve`.
        decode: The decoder; by default this process.
        cache: Folder that keeps decoded pixels, see `hangtag.datasets.pixel_cache`; None keeps
            none.
        max_broken: Largest fraction of the files that may be broken, 0-1. These are left out and
            listed in the dataset; with 0 the first one is an error.
    """

    spec: ImageSpec | None = FASHION_MNIST_SPEC
    decode: Decode = decode_here
    cache: Path | None = None
    max_broken: float = 0.0

    def resolve(self, paths: Sequence[Path]) -> ImageSpec:
        """Returns the shape that suits image files.

        Where none is set, files are photos if one of about `SAMPLE` of them, spread over the list,
        is not 28x28 pixels.
        """
        if self.spec is not None:
            return self.spec
        sample = paths[:: max(1, len(paths) // SAMPLE)]
        height, width = FASHION_MNIST_SPEC.size
        return PHOTO_SPEC if are_photos(sample, width=width, height=height) else FASHION_MNIST_SPEC


def are_photos(paths: Iterable[Path], *, width: int, height: int) -> bool:
    """Returns whether one of the image files that can be read has another size, in pixels."""
    return any(_find_size(path) not in (None, (width, height)) for path in paths)


def _find_size(path: Path) -> tuple[int, int] | None:
    try:
        return read_size(path)
    except ImageError:
        return None
