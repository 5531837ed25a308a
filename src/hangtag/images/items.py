"""One image on its way to the model, before and after it is decoded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import ImageError
from hangtag.files.paths import make_printable
from hangtag.tables.columns import Cell, ColumnKind

Pixels = NDArray[np.uint8]
Size = tuple[int, int]
"""Height and width in pixels."""

Shape = tuple[int, int, int]
"""Height, width and channels of the images that a model takes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What image files are decoded to.

    Attributes:
        size: Height and width in pixels.
        channels: 1 for grey, 3 for colour.
        grey: Height and width of grey images that stay what they are, or None where all get
            `size` and `channels`.
    """

    size: Size
    channels: int = 1
    grey: Size | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels of an image: (H, W), in colour (H, W, C)."""
        return self.size if self.channels == 1 else (*self.size, self.channels)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file that is still to be decoded.

    Attributes:
        path: The file, as the user wrote it.
        extras: Cells of its row in a table, to be passed through.
    """

    path: str
    extras: Mapping[str, Cell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Input:
    """One image to categorise, or why there is none.

    Attributes:
        name: Its path, or ``FILE[INDEX]``; bytes that are not UTF-8 are escaped.
        source: The file it comes from.
        pixels: (H, W) uint8, in colour (H, W, 3) and of any size until it is resized, or None when
            it could not be read.
        error: Why not, one line; empty when it could.
        error_kind: The kind of that error, such as ``damaged``.
        resized: Whether it had another size and was resized.
        extras: Cells of its row in a table, to be passed through.
    """

    name: str
    source: str
    pixels: Pixels | None
    error: str = ""
    error_kind: str = ""
    resized: bool = False
    extras: Mapping[str, Cell] = field(default_factory=dict)


Item = ImageFile | Input


class Source(Protocol):
    """Where items come from."""

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns that it passes through, in order."""

    @property
    def names_files(self) -> bool:
        """Whether its items are image files, which are still to be decoded."""

    def count(self) -> int | None:
        """Returns how many items there are, about, or None where counting takes long."""

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives the items in order; arrays and tables must hold pixels of one of `sizes`."""


def describe_sizes(sizes: Sequence[Size]) -> str:
    """Returns sizes for people, such as ``28x28 or 224x224 pixels``."""
    return " or ".join(f"{height}x{width}" for height, width in sizes) + " pixels"


def fail(
    path: str, error: ImageError, *, name: str = "", extras: Mapping[str, Cell] | None = None
) -> Input:
    """Returns an input that says why there are no pixels; `name` is by default its path."""
    return Input(
        name=name or make_printable(path),
        source=path,
        pixels=None,
        error=make_printable(str(error)),
        error_kind=str(error.error_kind),
        extras=extras or {},
    )
