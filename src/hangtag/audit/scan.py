"""The first pass: every image through the model once, what it says kept on disk.

Of each item a row goes to a temporary Parquet file, its fingerprints too; in memory is only what
`evidence` keeps.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.evidence import EvidenceTable
from hangtag.audit.feed import Feed, FeedItem
from hangtag.audit.groups import NO_GROUP, Groups
from hangtag.images.hashing import WORDS, difference_hash, hash_pixels
from hangtag.images.items import Shape
from hangtag.models.classifier import Classifier
from hangtag.progress import OnProgress
from hangtag.readers import Decoders

_BATCH = 256
_ROWS_A_GROUP = 4096
_COLUMNS = ["id", "image", "path", "group", "probabilities", "strange"]
"""What `read_scan` reads; the fingerprints are read apart."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the first pass leaves.

    Attributes:
        path: The temporary file of the items.
        groups: The words of the brands.
        evidence: What the model saw under each.
        items: How many items there are.
        errors: How many of them have no readable image.
        first_error: What is wrong with the first of those.
        classes: K.
    """

    path: Path
    groups: Groups
    evidence: EvidenceTable
    items: int
    errors: int
    first_error: str
    classes: int


@dataclass(frozen=True, slots=True)
class ScannedItems:
    """Some items after the first pass, N of them.

    Attributes:
        ids: What the suppliers call them.
        images: Their images, as the feed names them.
        paths: Where those lie.
        groups: Numbers of their groups, (N,).
        probabilities: Calibrated, (N, K).
        strange: Whether they are unlike what the model knows, (N,).
        positions: Their positions among the items with a readable image, (N,).
    """

    ids: list[str]
    images: list[str]
    paths: list[str]
    groups: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    strange: NDArray[np.bool_]
    positions: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)


def find_shape(classifier: Classifier) -> Shape:
    """Returns the shape of the images that a model takes."""
    size = classifier.card.input
    return size.height, size.width, size.channels


def scan_feed(
    feed: Feed,
    classifier: Classifier,
    decoders: Decoders,
    path: Path,
    *,
    on_progress: OnProgress | None = None,
) -> Scan:
    """Sends every image of a feed through the model.

    Args:
        feed: What to scan.
        classifier: The model.
        decoders: Decode the images.
        path: The temporary file to write.
        on_progress: Called with the items done and, where known, all items.
    """
    classes = len(classifier.classes)
    groups, evidence = Groups(), EvidenceTable(classifier.card.class_prior)
    total, done, errors, first = feed.count(), 0, 0, ""
    items = feed.read(decoders, shape=find_shape(classifier))
    with _Writer(path, classes) as writer:
        while batch := list(itertools.islice(items, _BATCH)):
            numbers = [groups.count(one.supplier, one.label) for one in batch]
            readable = [index for index, one in enumerate(batch) if one.pixels is not None]
            bad = [one.error for one in batch if one.pixels is None]
            errors, first = errors + len(bad), first or next(iter(bad), "")
            if readable:
                kept = [batch[index] for index in readable]
                group_of = np.array([numbers[index] for index in readable], dtype=np.int64)
                pixels = np.stack([one.pixels for one in kept if one.pixels is not None])
                probabilities, strange = classifier.classify(pixels)
                labelled = group_of != NO_GROUP
                evidence.add(group_of[labelled], probabilities[labelled], strange[labelled])
                writer.write(kept, group_of, probabilities, strange)
            done += len(batch)
            if on_progress:
                on_progress(done, total)
    return Scan(path, groups, evidence, done, errors, first, classes)


def read_scan(scan: Scan) -> Iterator[ScannedItems]:
    """Gives the items with a readable image, in order, some thousands at a time."""
    from pyarrow import parquet

    start = 0
    with parquet.ParquetFile(scan.path) as file:
        for batch in file.iter_batches(_ROWS_A_GROUP, use_threads=False, columns=_COLUMNS):
            columns = {name: batch.column(name) for name in batch.schema.names}
            flat = columns["probabilities"].flatten().to_numpy()
            yield ScannedItems(
                ids=columns["id"].to_pylist(),
                images=columns["image"].to_pylist(),
                paths=columns["path"].to_pylist(),
                groups=columns["group"].to_numpy().astype(np.int64),
                probabilities=flat.reshape(-1, scan.classes).astype(np.float64),
                strange=columns["strange"].to_numpy(zero_copy_only=False),
                positions=start + np.arange(len(batch)),
            )
            start += len(batch)


def read_at(scan: Scan, positions: Sequence[int]) -> Iterator[tuple[int, ScannedItems, int]]:
    """Gives some items: position, the items it was read with, and its row among them."""
    wanted = np.unique(np.array(positions, dtype=np.int64))
    for items in read_scan(scan):
        first, last = np.searchsorted(wanted, [items.positions[0], items.positions[-1] + 1])
        for position in wanted[first:last].tolist():
            yield position, items, position - int(items.positions[0])


def read_fingerprints(scan: Scan) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Returns the hashes (N,) and sketches (N, `WORDS`) of the items with a readable image."""
    from pyarrow import parquet

    table = parquet.read_table(scan.path, columns=["hash", "sketch"], use_threads=False)
    sketches = b"".join(table["sketch"].to_pylist())
    return table["hash"].to_numpy(), np.frombuffer(sketches, np.uint64).reshape(-1, WORDS)


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
                ("strange", pa.bool_()),
                ("hash", pa.int64()),
                ("sketch", pa.binary(8 * WORDS)),
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
        strange: NDArray[np.bool_],
    ) -> None:
        """Writes items with what the model says of them."""
        import pyarrow as pa

        flat = pa.array(probabilities.astype(np.float32).ravel())
        pixels = [one.pixels for one in items if one.pixels is not None]
        columns = [
            pa.array([one.id for one in items]),
            pa.array([one.image for one in items]),
            pa.array([one.path for one in items]),
            pa.array(groups.astype(np.int32)),
            pa.FixedSizeListArray.from_arrays(flat, probabilities.shape[1]),
            pa.array(strange),
            pa.array([hash_pixels(one) for one in pixels], pa.int64()),
            pa.array([difference_hash(one) for one in pixels], pa.binary(8 * WORDS)),
        ]
        self._waiting.append(pa.record_batch(columns, schema=self._schema))
        if sum(len(one) for one in self._waiting) >= _ROWS_A_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._file.write_table(pa.Table.from_batches(self._waiting))
            self._waiting.clear()
