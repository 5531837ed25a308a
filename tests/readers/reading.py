"""What the tests of readers share: read all, as `predict` does, in this process."""

import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hangtag.errors import ImageError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage
from hangtag.images.spec import ImageSpec
from hangtag.readers import Record, decode_records, open_source
from hangtag.tables.columns import Cell

SIZE = (28, 28)
SPEC = ImageSpec(28, 28)


@dataclass(frozen=True)
class DecodedRecord:
    """A record and what became of its image."""

    record: Record
    image: DecodedImage | ImageError

    @property
    def name(self) -> str:
        """What outputs call it."""
        return self.record.name

    @property
    def extras(self) -> Mapping[str, Cell]:
        """Cells of its row."""
        return self.record.extras

    @property
    def pixels(self) -> NDArray[np.uint8] | None:
        """Its pixels, None with an error."""
        return self.image.pixels if isinstance(self.image, DecodedImage) else None

    @property
    def resized(self) -> bool:
        """Whether it had another size."""
        return isinstance(self.image, DecodedImage) and self.image.resized

    @property
    def error(self) -> str:
        """What is wrong with it, empty where nothing is."""
        return str(self.image) if isinstance(self.image, ImageError) else ""

    @property
    def error_kind(self) -> str:
        """The kind of its error, empty where there is none."""
        return self.image.error_kind if isinstance(self.image, ImageError) else ""


def read_all(*arguments: object, listing: str | None = None) -> list[DecodedRecord]:
    """Reads all images as pixels of 28x28."""
    lines = None if listing is None else io.StringIO(listing)
    return decode_all(open_source([str(argument) for argument in arguments], listing=lines))


def decode_all(
    records: Iterable[Record],
    spec: ImageSpec = SPEC,
    *,
    grey_spec: ImageSpec | None = None,
    workers: int = 0,
) -> list[DecodedRecord]:
    """Decodes records."""
    with DecoderPool(workers) as pool:
        decoded = decode_records(records, pool, spec, grey_spec=grey_spec)
        return list(itertools.starmap(DecodedRecord, decoded))


def make_pixels(count: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """Makes images (N, 28, 28) of noise with a black border."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 26, 26), dtype=np.uint8)
    return np.pad(noise, ((0, 0), (1, 1), (1, 1)))


def write_png(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Writes pixels (H, W) as PNG, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="PNG")
    return path


def assert_pixels(decoded: Sequence[DecodedRecord], expected: NDArray[np.uint8]) -> None:
    """Compares the pixels of records, all of which must be readable."""
    assert [item.error for item in decoded] == [""] * len(expected)
    read = [item.pixels for item in decoded]
    np.testing.assert_array_equal(np.array(read).reshape(expected.shape), expected)
