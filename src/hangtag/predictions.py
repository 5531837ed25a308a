"""Rows of predictions: from inputs through the model to CSV, JSON lines or Parquet."""

import csv
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TextIO

import numpy as np

from hangtag.catalogue.inputs import Input
from hangtag.categoriser import BATCH, Categoriser, Prediction
from hangtag.errors import OutputError
from hangtag.files import atomic_path

DIGITS = 6
"""Decimals of a confidence in a row: more would tell of the processor, not of the image."""

Write = Callable[["Row"], None]


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one input; an input that could not be read has only an error.

    Attributes:
        input: Its path, or ``FILE.npy[INDEX]``.
        category: The most probable class.
        confidence: Its calibrated probability, 0-1.
        decision: ``accept``, ``review`` or ``error``.
        runner_up: The second most probable class.
        runner_up_confidence: Its calibrated probability, 0-1.
        error: Why the input could not be read.
    """

    input: str
    category: str | None
    confidence: float | None
    decision: str
    runner_up: str | None
    runner_up_confidence: float | None
    error: str | None


COLUMNS = [field.name for field in fields(Row)]


def predict_rows(categoriser: Categoriser, inputs: Iterable[Input]) -> Iterator[Row]:
    """Gives one row for each input, in order, a batch at a time."""
    iterator = iter(inputs)
    while batch := list(itertools.islice(iterator, BATCH)):
        readable = [one.pixels for one in batch if one.pixels is not None]
        predictions = iter(categoriser.predict(np.stack(readable)) if readable else [])
        for one in batch:
            yield _failed(one) if one.pixels is None else _done(one, next(predictions))


def open_writer(path: Path) -> AbstractContextManager[Write]:
    """Opens a file for rows, by its suffix: ``.csv``, ``.jsonl`` or ``.parquet``.

    The file appears whole when the block ends, or not at all.

    Raises:
        OutputError: Another suffix, or a place that cannot be written.
    """
    writers = {".csv": _write_csv_file, ".jsonl": _write_json_lines, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise OutputError(
            f"--out {path}: expected a name ending in {', '.join(writers)}, received "
            f"'{path.suffix}'"
        )
    return writers[path.suffix](path)


def csv_writer(stream: TextIO) -> Write:
    """Writes the header to `stream` and returns the function that writes a row."""
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    return lambda row: writer.writerow(asdict(row))


@contextmanager
def _write_csv_file(path: Path) -> Iterator[Write]:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        yield csv_writer(file)


@contextmanager
def _write_json_lines(path: Path) -> Iterator[Write]:
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:

        def write(row: Row) -> None:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")

        yield write


@contextmanager
def _write_parquet(path: Path) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = {"confidence", "runner_up_confidence"}
    schema = pa.schema(
        [(name, pa.float64() if name in numbers else pa.string()) for name in COLUMNS]
    )
    rows: list[dict[str, object]] = []
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema) as file:

        def flush() -> None:
            file.write_table(pa.Table.from_pylist(rows, schema=schema))
            rows.clear()

        def write(row: Row) -> None:
            rows.append(asdict(row))
            if len(rows) == 10_000:
                flush()

        yield write
        flush()


def _done(one: Input, prediction: Prediction) -> Row:
    return Row(
        input=one.name,
        category=prediction.category,
        confidence=round(prediction.confidence, DIGITS),
        decision=prediction.decision,
        runner_up=prediction.runner_up,
        runner_up_confidence=round(prediction.runner_up_confidence, DIGITS),
        error=None,
    )


def _failed(one: Input) -> Row:
    return Row(one.name, None, None, "error", None, None, one.error)
