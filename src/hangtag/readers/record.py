"""What every reader gives: records, one an image, from a source that can be iterated over."""

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import ImageError
from hangtag.files.paths import make_printable
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage, ImageInput
from hangtag.images.spec import ImageSpec
from hangtag.tables.columns import Cell, ColumnKind

SPLIT_NAMES = ("train", "validation", "test")
"""The splits that a data set may have, in the order in which they are listed."""

SPLIT_ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(
        ("validation", "val", "valid", "validate", "dev", "development", "eval", "evaluation"),
        "validation",
    ),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a source may call a split, in any case -> what we call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One image and what its source says about it.

    Attributes:
        name: What outputs and messages call it: its path, or ``FILE[INDEX]``. Bytes of a path that
            are not UTF-8 are escaped, here and in `id`.
        id: What its source calls it: the cell of the column ``id`` or ``image``, the path below a
            folder of class folders, ``SPLIT/NUMBER``; the name where the source says nothing.
        image: A path, the bytes of a file, or pixels; None where `error` says why there is none.
        source: The file that it comes from, which is the image itself or holds it or names it.
        label: What the supplier calls it; None where the source does not say.
        supplier: Who sent it; None where the source does not say.
        split: The split that it belongs to, as the source spells it; None where it does not say.
        product: What it is a view of; None where the source does not say.
        extras: Cells of its row, by column, to be passed through.
        error: Why it cannot be read.
    """

    name: str
    id: str
    image: ImageInput | None
    source: str
    label: str | None = None
    supplier: str | None = None
    split: str | None = None
    product: str | None = None
    extras: Mapping[str, Cell] = field(default_factory=dict)
    error: ImageError | None = None

    def with_split(self, split: str) -> "Record":
        """Returns the record in `split`, where it does not say its own."""
        return self if self.split or self.error else replace(self, split=split)


def find_split(text: str) -> str | None:
    """Returns the split that a source means by `text`, in any case; None where it is none."""
    return SPLIT_ALIASES.get(text.strip().casefold())


class Source(ABC):
    """Records of one outside format; each iteration reads it anew from the start.

    Attributes:
        remarks: What whoever opened it found beside it, a sentence each.
    """

    remarks: Sequence[str] = ()

    @abstractmethod
    def __iter__(self) -> Iterator[Record]:
        """Gives the records in order; only what is under way is in memory."""

    @property
    @abstractmethod
    def total(self) -> int | None:
        """About how many records there are; None where counting takes long."""

    @property
    def files(self) -> int:
        """About how many of them are image files, which have to be decoded."""
        return 0

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns of the table, in order; none where the source is no table."""
        return {}

    @property
    def classes(self) -> tuple[str, ...] | None:
        """All labels that may occur, where the source fixes them; some may not occur."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """What a reader should know of the source, a sentence each."""
        return self.remarks

    @property
    def skipped(self) -> Counter[str]:
        """Files that are no images and were left out, by kind, such as ``.txt`` or ``hidden``."""
        return Counter()


@dataclass(frozen=True, slots=True)
class SplitArrays:
    """Images and labels of a split that are small enough to be read at once.

    Attributes:
        split: Its name.
        source: The file of the images.
        images: (N, H, W) uint8; may be written to.
        labels: Indices of the classes of the source, (N,).
    """

    split: str
    source: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


class ArraySource(Source):
    """A labelled source of arrays, split by split."""

    @abstractmethod
    def read_splits(self) -> Iterator[SplitArrays]:
        """Reads one split after the other; raises DataError at the first thing that is wrong."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """The classes; their positions are the labels."""

    def __iter__(self) -> Iterator[Record]:
        for part in self.read_splits():
            name, labels = make_printable(part.source), part.labels.tolist()
            for number, (image, label) in enumerate(zip(part.images, labels, strict=True)):
                yield Record(
                    name=f"{name}[{number}]",
                    id=f"{part.split}/{number:05d}",
                    image=image,
                    source=part.source,
                    label=self.classes[label],
                    split=part.split,
                )


def decode_records(
    records: Iterable[Record],
    pool: DecoderPool,
    spec: ImageSpec,
    *,
    grey_spec: ImageSpec | None = None,
) -> Iterator[tuple[Record, DecodedImage | ImageError]]:
    """Gives records with their decoded images, or with the error of the record or of the decoder.

    Args:
        records: They are read some chunks ahead.
        pool: Decodes the images.
        spec: Size and channels of the results, see `DecoderPool.decode`.
        grey_spec: Images of this size without colour stay grey and of this size.
    """
    under_way: deque[Record] = deque()

    def give_images() -> Iterator[ImageInput | ImageError]:
        for record in records:
            under_way.append(record)
            image = record.image if record.error is None else record.error
            assert image is not None, record
            yield image

    for outcome in pool.decode(give_images(), spec, grey_spec=grey_spec):
        record = under_way.popleft()
        yield record, _make_printable(outcome) if isinstance(outcome, ImageError) else outcome


def name_file(path: str) -> Record:
    """Returns the record of an image file."""
    name = make_printable(path)
    return Record(name=name, id=name, image=path, source=path)


def fail(path: str, error: ImageError, *, name: str = "") -> Record:
    """Returns a record that says why there is no image; its name is the path by default."""
    name = name or make_printable(path)
    return Record(name=name, id=name, image=None, source=path, error=_make_printable(error))


def _make_printable(error: ImageError) -> ImageError:
    """Returns an error that names a path such that it can be written as UTF-8."""
    message = str(error)
    if message.isascii():
        return error
    return ImageError(make_printable(message), error_kind=error.error_kind)
