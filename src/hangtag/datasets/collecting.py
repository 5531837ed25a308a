"""Collects the records of a labelled source: checks them, decodes their images."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import (
    Broken,
    Dataset,
    Split,
    fold_name,
    number_ids,
    order_classes,
    tidy_class,
)
from hangtag.datasets.overview import describe_supplier_column
from hangtag.datasets.pixel_cache import (
    BROKEN,
    DAMAGES,
    RESIZED,
    Decode,
    decode_here,
    read_pixels,
)
from hangtag.errors import DataError, ImageError, OutputError
from hangtag.files.paths import describe_skipped, is_address, is_file, make_printable
from hangtag.images.mending import describe_damage
from hangtag.images.reading import read_size
from hangtag.images.spec import FASHION_MNIST_SPEC, PHOTO_SPEC, ImageSpec
from hangtag.progress import OnProgress
from hangtag.readers import SPLIT_ALIASES, SPLIT_NAMES, Record, Source
from hangtag.readers.record import ArraySource

MAX_BROKEN = 0.2
"""Fraction of broken images above which it is no accident."""

SAMPLE = 100
"""Number of files whose sizes tell whether a dataset holds photos."""


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How the image files of a dataset are decoded.

    Attributes:
        spec: Shape of the pixels; None decides by the size of the files, see `choose_spec`.
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


@dataclass(slots=True)
class _Columns:
    """What the records of image files say, one entry a record."""

    paths: list[Path] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    suppliers: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)

    def append(self, record: Record) -> None:
        self.paths.append(Path(str(record.image)))
        self.ids.append(record.id)
        self.labels.append(tidy_class(record.label or ""))
        self.suppliers.append(record.supplier or "")
        self.splits.append(record.split or "")
        self.products.append(record.product or "")


def collect_dataset(
    source: Source,
    *,
    name: str,
    path: str,
    options: DecodeOptions,
    on_progress: OnProgress | None = None,
) -> Dataset:
    """Reads all records of a labelled source.

    Args:
        source: What `hangtag.readers.open_labelled` returns.
        name: The dataset's name.
        path: The file or folder that messages name.
        options: How image files are decoded.
        on_progress: Called with the number of image files decoded and of all.

    Raises:
        DataError: The source cannot be read, a label or a split is missing or wrong, ids repeat,
            or more images are missing or broken than may be.
    """
    if isinstance(source, ArraySource):
        splits = {
            part.split: Split(part.images, part.labels, number_ids(part.split, len(part.labels)))
            for part in source.read_splits()
        }
        return Dataset(name, path, source.classes, splits, tuple(source.notes))
    columns = _Columns()
    for record in source:
        columns.append(record)
    _check_columns(path, columns)
    _check_files(path, columns.paths, max_missing=options.max_broken)
    return _decode_columns(source, columns, (name, path), options, on_progress)


def choose_spec(paths: Sequence[Path]) -> ImageSpec:
    """Returns the shape that suits image files: that of photos, or 28x28 grey pixels.

    They are photos if one of about `SAMPLE` of them, spread over the list, is not 28x28 pixels.
    """
    sample = paths[:: max(1, len(paths) // SAMPLE)]
    return PHOTO_SPEC if are_photos(sample) else FASHION_MNIST_SPEC


def are_photos(paths: Iterable[Path]) -> bool:
    """Returns whether one of the image files that can be read is not 28x28 pixels."""
    height, width = FASHION_MNIST_SPEC.size
    return any(_find_size(path) not in (None, (width, height)) for path in paths)


def unify_suppliers(names: Sequence[str]) -> tuple[list[str], str]:
    """Gives every supplier one spelling, that of most of its items.

    Otherwise ``Zara`` could be held out while ``ZARA`` is trained on.

    Args:
        names: The supplier of each item, (N,).

    Returns:
        The names (N,) to use, and a sentence that says what was unified; empty where nothing was.
    """
    spellings: dict[str, Counter[str]] = {}
    for name in names:
        spellings.setdefault(fold_name(name), Counter())[name] += 1
    several = [counts for counts in spellings.values() if len(counts) > 1]
    if not several:
        return list(names), ""
    chosen = {folded: counts.most_common(1)[0][0] for folded, counts in spellings.items()}
    example = " and ".join(map(repr, sorted(several[0])))
    note = (
        f"Suppliers spelled in several ways: {len(several):,}, such as {example}; each counts as "
        "one."
    )
    return [chosen[fold_name(name)] for name in names], note


def _find_size(path: Path) -> tuple[int, int] | None:
    try:
        return read_size(path)
    except ImageError:
        return None


def _decode_columns(
    source: Source,
    columns: _Columns,
    named: tuple[str, str],
    options: DecodeOptions,
    on_progress: OnProgress | None,
) -> Dataset:
    classes = order_classes({*columns.labels, *map(tidy_class, source.classes or ())})
    index = {name: position for position, name in enumerate(classes)}
    labels = np.array([index[label] for label in columns.labels], np.int64)
    suppliers, notes = _read_suppliers(source, columns)
    products = np.array(columns.products, np.str_) if any(columns.products) else None
    ids = np.array(columns.ids, np.str_)
    reader = _ImageReader(columns.paths, options, on_progress)
    names = np.array([SPLIT_ALIASES[split or "train"] for split in columns.splits])
    splits = {}
    for split in SPLIT_NAMES:
        rows = np.flatnonzero(names == split)
        if len(rows):
            splits[split] = reader.read(
                [columns.paths[row] for row in rows],
                labels=labels[rows],
                ids=ids[rows],
                suppliers=None if suppliers is None else suppliers[rows],
                products=None if products is None else products[rows],
            )
    skipped = describe_skipped(source.skipped, before="Skipped in the class folders: ")
    return Dataset(
        *named,
        classes,
        splits,
        (*source.notes, *notes, *reader.notices(), *([f"{skipped}."] if skipped else [])),
        tuple(reader.broken),
        resized=reader.resized,
    )


def _read_suppliers(
    source: Source, columns: _Columns
) -> tuple[NDArray[np.str_] | None, tuple[str, ...]]:
    """Returns the suppliers (N,), None where none is named, and what a reader should know."""
    notes = [describe_supplier_column(list(source.columns), columns.suppliers)]
    suppliers = None
    if any(columns.suppliers):
        unified, spelled = unify_suppliers(columns.suppliers)
        suppliers = np.array(unified, np.str_)
        notes.append(spelled)
    return suppliers, tuple(filter(None, notes))


def _check_columns(path: str, columns: _Columns) -> None:
    """Raises DataError where a label is empty, an id repeats or a split is unknown."""
    empty = [row for row, label in enumerate(columns.labels, start=1) if not label]
    if empty:
        raise DataError(
            f"{path}, row {empty[0]}: the column 'label' is empty (so it is in {len(empty):,} of "
            f"{len(columns.labels):,} rows); fill it in or leave the rows out"
        )
    _check_ids(path, columns.ids)
    if not any(columns.splits):
        return
    for row, split in enumerate(columns.splits, start=1):
        if split not in SPLIT_ALIASES:
            raise DataError(
                f"{path}, row {row}, column 'split': expected train, validation or test, received "
                f"{split!r}; mend the cell"
            )


def _check_ids(path: str, ids: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for row, value in enumerate(ids, start=1):
        first.setdefault(value, row)
    if len(first) == len(ids):
        return
    row, value = next((r, v) for r, v in enumerate(ids, start=1) if first[v] < r)
    raise DataError(
        f"{path}, row {row}: the id '{value}' is also that of row {first[value]} "
        f"({len(ids) - len(first)} rows repeat an id); give each row an id of its own"
    )


def _check_files(path: str, files: Sequence[Path], *, max_missing: float) -> None:
    missing = [row for row, file in enumerate(files, start=1) if not is_file(file)]
    if missing and is_address(str(files[missing[0] - 1])):
        raise DataError(
            f"{path}, row {missing[0]}: addresses are not fetched; download the images and name "
            "the files"
        )
    if len(missing) > max_missing * len(files):
        raise DataError(
            f"{path}, row {missing[0]}: no image file {files[missing[0] - 1]} "
            f"({len(missing)} of {len(files)} are missing); paths are relative to the table"
        )


class _ImageReader:
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
        self._spec = options.spec or choose_spec(paths)
        self._options = options
        self._on_progress = on_progress
        self._done = 0
        self._resized = 0
        self._damaged: Counter[str] = Counter()
        self._unkept: OutputError | None = None
        self.broken: list[Broken] = []

    def read(
        self,
        paths: Sequence[Path],
        *,
        labels: NDArray[np.int64],
        ids: NDArray[np.str_],
        suppliers: NDArray[np.str_] | None,
        products: NDArray[np.str_] | None,
    ) -> Split:
        """Returns a split of the image files (N,) that are not broken.

        Raises:
            DataError: More files are broken than may be.
        """
        decoded = read_pixels(
            paths,
            self._spec,
            decode=self._options.decode,
            cache=self._options.cache,
            on_image=self._count,
        )
        self._resized += int((decoded.states & RESIZED > 0).sum())
        for damage, state in DAMAGES.items():
            self._damaged[damage] += int((decoded.states & state > 0).sum())
        self._unkept = self._unkept or decoded.unkept
        files = np.array([str(path) for path in paths], np.str_)
        split = Split(decoded.pixels, labels, ids, suppliers, files, products)
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
        """Returns one sentence each for images that were resized, left out or damaged."""
        found = []
        if self._resized and self._spec.channels == 1:
            height, width = self._spec.size
            found.append(
                f"{self._resized:,} of the {self._total:,} images were not {width}x{height} "
                "pixels and were converted like photos (hangtag explore --photo FILE shows how)."
            )
        if self.broken:
            found.append(
                f"{len(self.broken):,} of the {self._total:,} images cannot be read and are left "
                f"out; the first: {self.broken[0].reason}"
            )
        found += describe_damage(+self._damaged)
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
            f"{self._options.max_broken:.0%}; fix the files; hangtag predict lists them; "
            f"the first: {first}"
        )
