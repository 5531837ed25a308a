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
    number_ids,
    tidy_class,
)
from hangtag.datasets.names import (
    name_fashion_classes,
    read_products,
    unify_labels,
    unify_suppliers,
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
from hangtag.files.paths import describe_skipped, is_file, make_printable, shorten
from hangtag.images.mending import describe_damage
from hangtag.images.reading import read_size
from hangtag.images.spec import FASHION_MNIST_SPEC, PHOTO_SPEC, ImageSpec
from hangtag.progress import OnProgress
from hangtag.readers import SPLIT_NAMES, Record, Source, find_split
from hangtag.readers.folder_tables import SplitTables
from hangtag.readers.listed_files import suggest_file
from hangtag.readers.record import ArraySource
from hangtag.readers.tables import Table

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
    """What the records of image files say, one entry a record that could be read.

    Attributes:
        rows: The number of each record, from 1, among all.
        unread: Records that cannot be read.
    """

    paths: list[Path] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    suppliers: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    unread: list[Broken] = field(default_factory=list)

    def append(self, record: Record) -> None:
        if record.error is not None:
            self.unread.append(Broken(record.id, str(record.error)))
            return
        self.rows.append(len(self.rows) + len(self.unread) + 1)
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
    _check_unread(columns, max_broken=options.max_broken)
    _check_columns(path, columns)
    _check_files(path, columns, max_missing=options.max_broken)
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
    reader = _ImageReader(columns, options, on_progress)
    named_labels, classes, spelled = unify_labels(
        columns.labels, map(tidy_class, source.classes or ())
    )
    if reader.spec == FASHION_MNIST_SPEC and not are_photos(columns.paths[:SAMPLE]):
        named_labels, classes, numbered = name_fashion_classes(named_labels, classes)
        spelled = (*spelled, *numbered)
    index = {name: position for position, name in enumerate(classes)}
    labels = np.array([index[label] for label in named_labels], np.int64)
    suppliers, notes = _read_suppliers(source, columns)
    products, grouped = read_products(_find_product_column(source), columns.products)
    notes = (*spelled, *notes, *grouped)
    ids = np.array(columns.ids, np.str_)
    names = np.array([find_split(split or "train") for split in columns.splits])
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


def _find_product_column(source: Source) -> str:
    """Returns what a table calls the column of products; empty where it has none."""
    return source.roles.get("product", "") if isinstance(source, Table | SplitTables) else ""


def _check_columns(path: str, columns: _Columns) -> None:
    """Raises DataError where a label is empty, an id repeats or a split is unknown."""
    empty = [row for row, label in zip(columns.rows, columns.labels, strict=True) if not label]
    if empty:
        raise DataError(
            f"{path}, row {empty[0]}: the column 'label' is empty (so it is in {len(empty):,} of "
            f"{len(columns.labels):,} rows); fill it in or leave the rows out"
        )
    _check_ids(path, columns)
    if not any(columns.splits):
        return
    for row, split in zip(columns.rows, columns.splits, strict=True):
        if find_split(split) is None:
            raise DataError(
                f"{path}, row {row}, column 'split': expected train, validation or test, received "
                f"{split[:40]!r}; mend the cell"
            )


def _check_ids(path: str, columns: _Columns) -> None:
    first: dict[str, int] = {}
    for row, value in zip(columns.rows, columns.ids, strict=True):
        first.setdefault(value, row)
    repeats = len(columns.ids) - len(first)
    if not repeats:
        return
    numbered = zip(columns.rows, columns.ids, strict=True)
    row, value = next((row, value) for row, value in numbered if first[value] < row)
    raise DataError(
        f"{path}, row {row}: the id '{shorten(value)}' is also that of row {first[value]} "
        f"({repeats} rows repeat an id); give each row an id of its own, and call the column "
        "'product' where it names products"
    )


def _check_unread(columns: _Columns, *, max_broken: float) -> None:
    """Raises DataError where more rows cannot be read than may be."""
    count, total = len(columns.unread), len(columns.unread) + len(columns.rows)
    if count <= max_broken * total and columns.rows:
        return
    first = columns.unread[0].reason
    if not max_broken or count == 1:
        raise DataError(first)
    raise DataError(f"{count:,} of the {total:,} rows cannot be read; the first: {first}")


def _check_files(path: str, columns: _Columns, *, max_missing: float) -> None:
    files = columns.paths
    missing = [position for position, file in enumerate(files) if not is_file(file)]
    if len(missing) <= max_missing * len(files):
        return
    first = missing[0]
    near = suggest_file(str(files[first]), path)
    hint = f"; {shorten(near)} is there" if near else ""
    raise DataError(
        f"{path}, row {columns.rows[first]}: no image file {shorten(str(files[first]))} "
        f"({len(missing)} of {len(files)} are missing); paths are relative to the table{hint}"
    )


class _ImageReader:
    """Decodes image files into splits, counting those that are resized or broken.

    Args:
        columns: All files that the calls of `read` together will decode.
        options: How they are decoded.
        on_progress: Called with the number of images decoded and of all.

    Attributes:
        spec: Shape of the pixels.
        broken: The files and rows that were left out.
    """

    def __init__(
        self, columns: _Columns, options: DecodeOptions, on_progress: OnProgress | None
    ) -> None:
        self._files = len(columns.paths)
        self._total = self._files + len(columns.unread)
        self.spec = options.spec or choose_spec(columns.paths)
        self._options = options
        self._on_progress = on_progress
        self._done = 0
        self._resized = 0
        self._damaged: Counter[str] = Counter()
        self._unkept: OutputError | None = None
        self.broken: list[Broken] = list(columns.unread)

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
            self.spec,
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
        if self._resized and self.spec.channels == 1:
            height, width = self.spec.size
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
            self._on_progress(self._done, self._files)

    def _explain(self) -> DataError:
        first, count = self.broken[0].reason, len(self.broken)
        if not self._options.max_broken:
            return DataError(first)
        return DataError(
            f"{count:,} of the {self._total:,} images cannot be read, more than "
            f"{self._options.max_broken:.0%}; fix the files; hangtag predict lists them; "
            f"the first: {first}"
        )
