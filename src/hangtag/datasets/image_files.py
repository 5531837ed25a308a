"""Image files of a dataset: reads many into one array, writes one as PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Broken, Split
from hangtag.datasets.pixel_cache import BROKEN, RESIZED, read_pixels
from hangtag.datasets.reading import DecodeOptions
from hangtag.errors import DataError, OutputError
from hangtag.files.paths import make_printable
from hangtag.progress import OnProgress


class ImageReader:
    """Decodes image files into splits, counting those that are resized or broken.

    Args:
        paths: All files that the calls of `read` together will decode.
        options: How they are decoded.
        on_progress: Called with the number of images decoded and of all.

    Attributes:
        broken: The files that were left out.
    """

    def __init__(
        self, paths: Sequence[Path], options: DecodeOptions, on_progress: OnProgress | None
    ) -> None:
        self._total = len(paths)
        self._spec = options.resolve(paths)
        self._options = options
        self._on_progress = on_progress
        self._done = 0
        self._resized = 0
        self._unkept: OutputError | None = None
        self.broken: list[Broken] = []

    def read(
        self,
        paths: Sequence[Path],
        labels: NDArray[np.int64],
        ids: NDArray[np.str_],
        suppliers: NDArray[np.str_] | None = None,
    ) -> Split:
        """Returns a split of the image files (N,) that are not broken.

        Raises:
            DataError: More files are broken than may be.
        """
        decoded = read_pixels(paths, self._spec, self._options, on_image=self._count)
        self._resized += int((decoded.states == RESIZED).sum())
        self._unkept = self._unkept or decoded.unkept
        files = np.array([str(path) for path in paths], np.str_)
        split = Split(decoded.pixels, labels, ids, suppliers, files)
        if not decoded.errors:
            return split
        for position, error in sorted(decoded.errors.items()):
            self.broken.append(Broken(str(ids[position]), make_printable(str(error))))
        if len(self.broken) > self._options.max_broken * self._total:
            raise self._explain()
        return split.take(np.flatnonzero(decoded.states != BROKEN))

    @property
    def resized(self) -> bool:
        """Whether most of the images were resized."""
        return 2 * self._resized > self._total

    def notices(self) -> tuple[str, ...]:
        """Returns one sentence each for images that were resized, left out or could not be kept."""
        found = []
        if self._resized and self._spec.channels == 1:
            height, width = self._spec.size
            found.append(
                f"{self._resized:,} of the {self._total:,} images were not {width}x{height} "
                "pixels: they went through the steps of a photo (hangtag explore --photo FILE "
                "shows them)."
            )
        if self.broken:
            found.append(
                f"{len(self.broken):,} of the {self._total:,} images cannot be read and are left "
                f"out; the first: {self.broken[0].reason}"
            )
        if self._unkept:
            found.append(f"The pixels are not kept, so the next run decodes anew: {self._unkept}.")
        return tuple(found)

    def _count(self) -> None:
        self._done += 1
        if self._on_progress:
            self._on_progress(self._done, self._total)

    def _explain(self) -> DataError:
        first, count = self.broken[0].reason, len(self.broken)
        if not self._options.max_broken:
            return DataError(first)
        return DataError(
            f"{count:,} of the {self._total:,} images cannot be read, more than "
            f"{self._options.max_broken:.0%}; mend the data, of which hangtag predict lists each; "
            f"the first: {first}"
        )


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Writes pixels (H, W) or (H, W, 3) to `path` as PNG; raises OSError when that fails."""
    from PIL import Image

    Image.fromarray(pixels).save(path, format="PNG", compress_level=1)
