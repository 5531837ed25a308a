"""The scan of a feed: every image goes through the model once, and the results stay on disk.

    scan = scan_feed(feed, classifier, decoders, folder)
    scan.groups, scan.evidence      what the dictionary is built from, in memory
    for items in scan.read(): ...   the items again, some thousands at a time

The dictionary needs the evidence of all items, and judging an item needs the dictionary. So the
model runs once, and what it said is read back as often as it is needed: memory grows with the
number of labels, not of items.
"""

import hashlib
import itertools
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.feed import Feed, FeedItem
from hangtag.audit.posterior import EvidenceTable
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.hashing import WORDS, difference_hash, hash_pixels
from hangtag.models.classifier import Classifier
from hangtag.progress import OnProgress
from hangtag.taxonomy.spelling import fold_label

NO_GROUP = -1
"""Number of the label group of an item without a label."""

_BATCH = 256
_ROWS_A_GROUP = 4096
_ITEM_COLUMNS = ["id", "image", "path", "group", "probabilities", "is_ood"]


@dataclass(slots=True)
class LabelGroup:
    """The items of one supplier with one label.

    Attributes:
        supplier: The supplier.
        label: The label, as it was first spelled.
        items: Number of items, those without a readable image included.
    """

    supplier: str
    label: str
    items: int = 0


class LabelGroups:
    """All label groups of a feed, numbered in the order in which they first appear.

    Attributes:
        all: By number.
        unlabelled: Number of items without a label.
    """

    def __init__(self) -> None:
        self.all: list[LabelGroup] = []
        self.unlabelled = 0
        self._numbers: dict[tuple[str, str], int] = {}

    def count(self, supplier: str, label: str) -> int:
        """Counts an item; returns the number of its group, `NO_GROUP` without a label."""
        if not label:
            self.unlabelled += 1
            return NO_GROUP
        number = self._numbers.setdefault((supplier, fold_label(label)), len(self.all))
        if number == len(self.all):
            self.all.append(LabelGroup(supplier, label))
        self.all[number].items += 1
        return number

    def by_supplier(self) -> dict[str, list[int]]:
        """Returns supplier -> the numbers of its groups."""
        numbers: dict[str, list[int]] = {}
        for number, group in enumerate(self.all):
            numbers.setdefault(group.supplier, []).append(number)
        return numbers


@dataclass(frozen=True, slots=True)
class ScannedItems:
    """Some scanned items, N of them.

    Attributes:
        ids: Ids within their suppliers.
        images: Images, as the feed names them.
        paths: Paths of the image files.
        groups: Numbers of their label groups, (N,).
        probabilities: Calibrated, (N, K).
        is_ood: Whether they are OOD, (N,).
        positions: Positions among the items with a readable image, (N,).
    """

    ids: list[str]
    images: list[str]
    paths: list[str]
    groups: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    is_ood: NDArray[np.bool_]
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, chosen: NDArray[np.bool_]) -> "ScannedItems":
        """Returns the items where `chosen` (N,) is true."""
        if chosen.all():
            return self
        return ScannedItems(
            ids=list(itertools.compress(self.ids, chosen)),
            images=list(itertools.compress(self.images, chosen)),
            paths=list(itertools.compress(self.paths, chosen)),
            groups=self.groups[chosen],
            probabilities=self.probabilities[chosen],
            is_ood=self.is_ood[chosen],
            positions=self.positions[chosen],
        )


@dataclass(frozen=True, slots=True)
class DuplicateIds:
    """Ids that a supplier gave to several items.

    Attributes:
        count: Items whose id their supplier used before.
        first: The id of the first of them; empty where there is none.
    """

    count: int = 0
    first: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """A scanned feed.

    Attributes:
        path: Temporary Parquet file, one row an item with a readable image.
        groups: The labels of the suppliers.
        evidence: What the model said about the items of each label.
        items: Number of items.
        errors: Number of items without a readable image.
        first_error: The error of the first of those.
        classes: K.
    """

    path: Path
    groups: LabelGroups
    evidence: EvidenceTable
    items: int
    errors: int
    first_error: str
    classes: int

    def read(self) -> Iterator[ScannedItems]:
        """Yields the items with a readable image, in order, some thousands at a time."""
        from pyarrow import parquet

        start = 0
        with parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_ROWS_A_GROUP, use_threads=False, columns=_ITEM_COLUMNS):
                columns = {name: batch.column(name) for name in batch.schema.names}
                flat = columns["probabilities"].flatten().to_numpy()
                yield ScannedItems(
                    ids=columns["id"].to_pylist(),
                    images=columns["image"].to_pylist(),
                    paths=columns["path"].to_pylist(),
                    groups=columns["group"].to_numpy().astype(np.int64),
                    probabilities=flat.reshape(-1, self.classes).astype(np.float64),
                    is_ood=columns["is_ood"].to_numpy(zero_copy_only=False),
                    positions=start + np.arange(len(batch)),
                )
                start += len(batch)

    def read_labelled(self) -> Iterator[ScannedItems]:
        """Yields the items that have a label too, as `read` does."""
        for items in self.read():
            labelled = items.select(items.groups != NO_GROUP)
            if len(labelled):
                yield labelled

    def read_at(self, positions: Sequence[int]) -> Iterator[tuple[int, ScannedItems, int]]:
        """Yields position, items and the row of the position among them, in rising order."""
        wanted = np.unique(np.array(positions, dtype=np.int64))
        for items in self.read():
            first, last = np.searchsorted(wanted, [items.positions[0], items.positions[-1] + 1])
            for position in wanted[first:last].tolist():
                yield position, items, position - int(items.positions[0])

    def read_hashes(self) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Returns pixel hashes (N,) and difference hashes (N, `WORDS`) of the readable images."""
        from pyarrow import parquet

        table = parquet.read_table(
            self.path, columns=["pixel_hash", "difference_hash"], use_threads=False
        )
        flat = b"".join(table["difference_hash"].to_pylist())
        return table["pixel_hash"].to_numpy(), np.frombuffer(flat, np.uint64).reshape(-1, WORDS)

    def find_duplicate_ids(self) -> DuplicateIds:
        """Finds ids that come again within a supplier, among the items of `read_labelled`.

        Takes 8 bytes an item, and what sorting them takes.
        """
        hashes = np.array(array("Q", map(_hash_key, self._read_keys())), dtype=np.uint64)
        firsts = np.unique(hashes, return_index=True)[1]
        again = np.ones(len(hashes), dtype=np.bool_)
        again[firsts] = False
        if not again.any():
            return DuplicateIds()
        first = int(again.argmax())
        _, identifier = next(itertools.islice(self._read_keys(), first, None))
        return DuplicateIds(int(again.sum()), identifier)

    def _read_keys(self) -> Iterator[tuple[str, str]]:
        """Yields supplier and id of each labelled item."""
        for items in self.read_labelled():
            for identifier, group in zip(items.ids, items.groups.tolist(), strict=True):
                yield self.groups.all[group].supplier, identifier


def _hash_key(key: tuple[str, str]) -> int:
    digest = hashlib.blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


def scan_feed(
    feed: Feed,
    classifier: Classifier,
    pool: DecoderPool,
    folder: Path,
    *,
    on_broken: Callable[[FeedItem], None],
    on_progress: OnProgress | None = None,
) -> Scan:
    """Runs the model on every image of a feed.

    Args:
        feed: What to scan.
        classifier: The model.
        pool: Decodes the images.
        folder: Where the temporary file goes.
        on_broken: Called with each item whose image cannot be read.
        on_progress: Called with the items done and, where known, all items.
    """
    path, classes = folder / "scan.parquet", len(classifier.classes)
    groups, evidence = LabelGroups(), EvidenceTable(classifier.card.class_prior)
    total, done, errors, first_error = feed.total, 0, 0, ""
    items = feed.read(pool, classifier.card.input)
    with _Writer(path, classes) as writer:
        while batch := list(itertools.islice(items, _BATCH)):
            numbers = [groups.count(item.supplier, item.label) for item in batch]
            readable = [index for index, item in enumerate(batch) if item.pixels is not None]
            for item in batch:
                if item.pixels is None:
                    on_broken(item)
                    errors, first_error = errors + 1, first_error or item.error
            if readable:
                kept = [batch[index] for index in readable]
                group_of = np.array([numbers[index] for index in readable], dtype=np.int64)
                pixels = np.stack([item.pixels for item in kept if item.pixels is not None])
                probabilities, is_ood = classifier.classify(pixels)
                labelled = group_of != NO_GROUP
                evidence.add(group_of[labelled], probabilities[labelled], is_ood[labelled])
                writer.write(kept, group_of, probabilities, is_ood)
            done += len(batch)
            if on_progress:
                on_progress(done, total)
    return Scan(path, groups, evidence, done, errors, first_error, classes)


class _Writer:
    """Writes scanned items to Parquet, a row group at a time."""

    def __init__(self, path: Path, classes: int) -> None:
        import pyarrow as pa

        self._schema = pa.schema(
            [
                ("id", pa.string()),
                ("image", pa.string()),
                ("path", pa.string()),
                ("group", pa.int32()),
                ("probabilities", pa.list_(pa.float32(), classes)),
                ("is_ood", pa.bool_()),
                ("pixel_hash", pa.int64()),
                ("difference_hash", pa.binary(8 * WORDS)),
            ]
        )
        self._path = path
        self._waiting: list[Any] = []

    def __enter__(self) -> "_Writer":
        from pyarrow import parquet

        self._file = parquet.ParquetWriter(self._path, self._schema, compression="zstd")
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._file.close()

    def write(
        self,
        items: list[FeedItem],
        groups: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        is_ood: NDArray[np.bool_],
    ) -> None:
        """Writes items with what the model said about them."""
        import pyarrow as pa

        flat = pa.array(probabilities.astype(np.float32).ravel())
        pixels = [item.pixels for item in items if item.pixels is not None]
        columns = [
            pa.array([item.id for item in items]),
            pa.array([item.image for item in items]),
            pa.array([item.path for item in items]),
            pa.array(groups.astype(np.int32)),
            pa.FixedSizeListArray.from_arrays(flat, probabilities.shape[1]),
            pa.array(is_ood),
            pa.array([hash_pixels(image) for image in pixels], pa.int64()),
            pa.array([difference_hash(image) for image in pixels], pa.binary(8 * WORDS)),
        ]
        self._waiting.append(pa.record_batch(columns, schema=self._schema))
        if sum(len(batch) for batch in self._waiting) >= _ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._file.write_table(pa.Table.from_batches(self._waiting))
            self._waiting.clear()
