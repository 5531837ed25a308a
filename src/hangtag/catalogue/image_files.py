"""Image files of a catalogue: reads many into one array, writes one as PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.decoding import decode_grey
from hangtag.catalogue.items import IMAGE_SIZE
from hangtag.progress import Tick


class ImageReader:
    """Reads image files into arrays, counting those that had to be resized.

    Args:
        total: How many images all calls of `read` together will read, for the progress.
        on_progress: Called with the number of images read and `total`.
    """

    def __init__(self, total: int, on_progress: Tick | None) -> None:
        self._total = total
        self._on_progress = on_progress
        self._done = 0
        self._resized = 0

    def read(self, paths: Sequence[Path]) -> NDArray[np.uint8]:
        """Returns the pixels (N, 28, 28) of the image files; raises DataError for a bad one."""
        images = np.empty((len(paths), *IMAGE_SIZE), np.uint8)
        for position, path in enumerate(paths):
            decoded = decode_grey(path, size=IMAGE_SIZE)
            images[position] = decoded.pixels
            self._resized += decoded.resized
            self._done += 1
            if self._on_progress:
                self._on_progress(self._done, self._total)
        return images

    def notices(self) -> tuple[str, ...]:
        """Returns one sentence when images had to be resized, else nothing."""
        if not self._resized:
            return ()
        height, width = IMAGE_SIZE
        return (
            f"{self._resized:,} of the {self._total:,} images were not {width}x{height} pixels: "
            "they went through the steps of a photo (hangtag explore --photo FILE shows them).",
        )


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Writes grey pixels (H, W) to `path` as PNG; raises OSError when that fails."""
    from PIL import Image

    Image.fromarray(pixels).save(path, format="PNG", compress_level=1)
