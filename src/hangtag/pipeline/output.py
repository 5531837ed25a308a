"""Writes an output file that appears whole; an interrupted run can be resumed.

Rows are appended to ``OUT.part``. Every two seconds and at the end of the block the part is
flushed to the disk, then ``OUT.part.json`` records the settings of the run, how many rows and bytes
are valid, and a fingerprint of the images that they came from: their names and, for each file, its
size and time of change. A resumed run skips as many images, compares the fingerprint, cuts the part
to the valid bytes and appends. Batches are those of an uninterrupted run, and so are the bytes at
the end.
"""

import fcntl
import hashlib
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from hangtag.errors import OutputError
from hangtag.files.atomic import make_folder, unwritable, write_text
from hangtag.pipeline.formats import OutputFormat, require_format
from hangtag.pipeline.rows import Layout, PredictionRow
from hangtag.pipeline.summary import Summary
from hangtag.readers import Record

SECONDS_A_COMMIT = 2.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run was asked for; only a run with the same settings resumes it.

    Attributes:
        inputs: The arguments.
        total: How many inputs they announce, None where unknown.
        model: sha256 of the card of each model.
        precision: Target precision of accepted predictions, in (0, 1).
        explained: Whether a saliency map is drawn for each row.
        version: The version of Hangtag.
    """

    inputs: Sequence[str]
    total: int | None
    model: Sequence[str]
    precision: float
    explained: bool
    version: str


_MEANINGS = {
    "inputs": "other inputs",
    "total": "another number of inputs",
    "model": "another model",
    "precision": "another precision",
    "explained": "another choice of --explain",
    "version": "another version of hangtag",
    "columns": "other columns in its inputs",
}


class Output:
    """An output under way; `open_output` makes it.

    Attributes:
        summary: Counts of all its rows, those of the interrupted run included.
    """

    def __init__(
        self, path: Path, layout: Layout, asked: Mapping[str, Any], file: IO[bytes]
    ) -> None:
        self.summary = Summary()
        self._path, self._layout, self._asked, self._file = path, layout, asked, file
        self._format: OutputFormat = require_format(path)
        self._fingerprint = Fingerprint()
        self._expected = ""
        self._done = _Done(0, "", self.summary.to_json())
        self._grown = False
        self._committed = time.monotonic()

    def begin(self) -> None:
        """Empties the part and writes what stands before the rows."""
        self._file.truncate(0)
        self._append(self._format.begin(self._layout), bytes_before=0)

    def take_up(self, state: Mapping[str, Any]) -> None:
        """Goes on after the rows that `state` vouches for."""
        self.summary = Summary.from_json(state["summary"])
        self._done = _Done(state["bytes"], state["digest"], state["summary"])
        self._expected = self._done.digest
        if self._file.seek(0, os.SEEK_END) < self._done.bytes:
            raise OutputError(
                f"{part_of(self._path)} is shorter than it was; leave --resume out to start again"
            )
        self._file.truncate(self._done.bytes)
        self._file.seek(self._done.bytes)

    def skip_done(self, records: Iterable[Record]) -> Iterator[Record]:
        """Skips the records whose rows are there; gives the others.

        Raises:
            OutputError: They are not the records that the interrupted run had.
        """
        iterator = iter(records)
        if self._expected:
            for record in itertools.islice(iterator, self.summary.rows):
                self._fingerprint.add(record)
            if self._fingerprint.digest() != self._expected:
                raise OutputError(
                    f"{part_of(self._path)}: of its first {self.summary.rows:,} inputs some were "
                    "added, removed or changed since; leave --resume out to start again"
                )
        yield from iterator

    def write(self, rows: Sequence[PredictionRow]) -> None:
        """Appends rows.

        Raises:
            OutputError: They cannot be written.
        """
        self._grown = True
        text = self._format.encode(self._layout, rows)
        for row in rows:
            self._fingerprint.add(row.record)
        self.summary.add(rows)
        self._append(text, bytes_before=self._done.bytes)
        if time.monotonic() - self._committed >= SECONDS_A_COMMIT:
            self.commit()

    def commit(self) -> None:
        """Brings the rows to the disk and says that they are there."""
        self._file.flush()
        os.fsync(self._file.fileno())
        state = {"asked": self._asked, **asdict(self._done)}
        write_text(state_of(self._path), json.dumps(state, indent=1) + "\n")
        self._committed = time.monotonic()

    def keep(self) -> None:
        """Leaves what can be resumed: whole batches only, and no part where nothing was done."""
        if self._grown and self._done.summary["rows"]:
            self._file.flush()
            self._file.truncate(self._done.bytes)
            self.commit()
        elif not self._expected:
            discard_part(self._path)

    def finish(self) -> None:
        """Makes the file; the part is gone."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._format.finish(self._layout, part_of(self._path), self._path)
        discard_part(self._path)

    def _append(self, text: str, *, bytes_before: int) -> None:
        content = text.encode()
        self._file.write(content)
        # One assignment, so that Ctrl-C finds either all of a batch or nothing of it.
        self._done = _Done(
            bytes_before + len(content), self._fingerprint.digest(), self.summary.to_json()
        )


class Fingerprint:
    """A digest of records, in order: names, cells, and of each file size and time of change."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._source = ""

    def add(self, record: Record) -> None:
        """Adds a record."""
        self._hash.update(record.name.encode() + b"\0")
        if record.extras:
            self._hash.update(repr(list(record.extras.items())).encode() + b"\0")
        if record.source != self._source:
            self._source = record.source
            self._hash.update(_describe_file(record.source))

    def digest(self) -> str:
        """Returns the digest of all records so far."""
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class _Done:
    """What a part holds for certain: bytes, the digest of the inputs, counts of the rows."""

    bytes: int
    digest: str
    summary: Mapping[str, Any]


@contextmanager
def open_output(
    path: Path, layout: Layout, settings: RunSettings, *, resume: bool = False
) -> Iterator[Output]:
    """Opens the file `path` for rows; it appears whole when the block ends.

    When the block raises, Ctrl-C included, the rows that are done stay beside it in a part, with
    which `resume` goes on; without `resume` such a part is begun again.

    Raises:
        OutputError: The suffix is no format, the place cannot be written, another run is writing
            it, or with `resume` there is no part or it is of another request.
    """
    asked = {**asdict(settings), "columns": layout.columns}
    state = _read_state(path, json.loads(json.dumps(asked))) if resume else None
    try:
        with _open_part(path) as file:
            output = Output(path, layout, asked, file)
            if state is None:
                output.begin()
            else:
                output.take_up(state)
            try:
                yield output
                output.finish()
            except BaseException:
                with suppress(OSError, OutputError):  # a full disk: the last commit stands
                    output.keep()
                raise
    except OSError as error:
        raise unwritable(path, error) from error


def part_of(path: Path) -> Path:
    """Returns where the rows of an output wait until all are there."""
    return path.with_name(f"{path.name}.part")


def state_of(path: Path) -> Path:
    """Returns where it is written down what the part holds."""
    return path.with_name(f"{path.name}.part.json")


def discard_part(path: Path) -> None:
    """Removes the part of the output `path`, if there is one."""
    part_of(path).unlink(missing_ok=True)
    state_of(path).unlink(missing_ok=True)


@contextmanager
def _open_part(path: Path) -> Iterator[IO[bytes]]:
    """Opens the part for writing, for this process only."""
    make_folder(path.parent)
    part = part_of(path)
    handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
    with os.fdopen(handle, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(handle), part.stat()):
                raise BlockingIOError  # It became the output between the opening and the lock.
        except (BlockingIOError, FileNotFoundError) as error:
            raise OutputError(
                f"{part} is being written by another run; wait for it, or choose another --out"
            ) from error
        yield file


def _read_state(path: Path, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Reads what an interrupted run left; refuses that of another request.

    Returns None where the run was interrupted before its first commit: no row counts as done.
    """
    if not part_of(path).exists():
        raise OutputError(
            f"--resume: there is no interrupted run {part_of(path)}; leave --resume out to start"
        )
    if not state_of(path).exists():
        return None
    try:
        state: dict[str, Any] = json.loads(state_of(path).read_text(encoding="utf-8"))
        before = state["asked"]
        Summary.from_json(state["summary"])
        _ = state["bytes"], state["digest"]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutputError(
            f"{state_of(path)} is damaged; leave --resume out to start again"
        ) from error
    for key, meaning in _MEANINGS.items():
        if before.get(key) != asked[key]:
            raise OutputError(
                f"{part_of(path)} was begun with {meaning} ({_shorten(before.get(key))} then, "
                f"{_shorten(asked[key])} now); leave --resume out to start again"
            )
    return state


def _shorten(value: Any) -> str:
    if isinstance(value, list | dict):
        value = " ".join(map(str, value))
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _describe_file(path: str) -> bytes:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a path with a NUL byte
        return b"missing\0"
    return f"{found.st_size} {found.st_mtime_ns}\0".encode()
