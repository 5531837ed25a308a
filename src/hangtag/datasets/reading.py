"""How a dataset's image files become pixels: of which shape, by whom, kept where."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hangtag.errors import ImageError
from hangtag.images.decoding import DecodedImage, decode_image, read_size
from hangtag.images.spec import FASHION_MNIST_SPEC, ImageSpec

MOST_BROKEN = 0.2
"""Share of the images above which broken ones are no accident."""

SAMPLE = 100
"""So many files tell by their size whether images are photos."""

Outcome = DecodedImage | ImageError

Decode = Callable[[Sequence[Path], ImageSpec], Iterator[Outcome]]
"""Decodes image files, in order; an ImageError stands for one that cannot be read."""


def decode_here(paths: Sequence[Path], format: ImageSpec) -> Iterator[Outcome]:
    """Decodes image files one after the other, in this process."""
    for path in paths:
        try:
            yield decode_image(path, size=format.size, channels=format.channels)
        except ImageError as error:
            yield error


@dataclass(frozen=True, slots=True)
class Reading:
    """How image files are read.

    Attributes:
        format: The shape their pixels get.
        photos: The shape they get instead where they are photos; None takes them as any others.
        decode: Who decodes them; by default this process.
        cache: The folder that keeps decoded pixels, see `hangtag.datasets.pixel_cache`; None
            keeps none.
        most_broken: Largest share of the files that may be broken, 0-1. These are left out and
            listed in the dataset; with 0 the first is an error.
    """

    format: ImageSpec = FASHION_MNIST_SPEC
    photos: ImageSpec | None = None
    decode: Decode = decode_here
    cache: Path | None = None
    most_broken: float = 0.0

    def settle(self, paths: Sequence[Path]) -> "Reading":
        """Returns the reading that suits image files, which has nothing left to choose.

        They are photos when one of them, of about `SAMPLE` spread over the list, is larger or
        smaller than `format`.
        """
        if self.photos is None:
            return self
        sample = paths[:: max(1, len(paths) // SAMPLE)]
        is_photos = are_photos(sample, width=self.format.width, height=self.format.height)
        return replace(self, format=self.photos if is_photos else self.format, photos=None)


def are_photos(paths: Iterable[Path], *, width: int, height: int) -> bool:
    """Returns whether one of the image files that can be read has another size, in pixels."""
    return any(_find_size(path) not in (None, (width, height)) for path in paths)


def _find_size(path: Path) -> tuple[int, int] | None:
    try:
        return read_size(path)
    except ImageError:
        return None
