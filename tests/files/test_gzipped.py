"""Files that never end, or expand beyond belief, are refused soon; others are read whole."""

import gzip
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hangtag.errors import DataError
from hangtag.files.gzipped import is_gzip, open_plain, read_plain
from hangtag.readers import open_labelled, open_source
from hangtag.tables.csv_text import MOST_BLANKS

MEGABYTE = 1 << 20


@contextmanager
def soon(seconds: float = 20) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def write_gzip(path: Path, unit: bytes, *, megabytes: int, before: bytes = b"") -> Path:
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(before)
        for _ in range(megabytes):
            stream.write(unit * (MEGABYTE // len(unit)))
    return path


@pytest.mark.parametrize("read", [is_gzip, read_plain])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_never_ends_is_refused(
    tmp_path: Path, kind: str, read: Callable[[Path], object]
) -> None:
    path = tmp_path / "x.csv"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with soon(), pytest.raises(DataError, match="is no ordinary file but a device, a pipe"):
        read(path)


@pytest.mark.parametrize("name", ["fashion-mnist_train.csv", "x.npy", "x.jpg", "manifest.csv"])
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with soon():
        records = list(open_source(tmp_path))
        assert [record.name for record in records if record.error is None][:1] == [
            str(tmp_path / "a.jpg")
        ]
        with pytest.raises(DataError):
            list(open_labelled(tmp_path))


@pytest.mark.parametrize("before", [b"", b"image,label\n"])
@pytest.mark.parametrize("unit", [b"\n", b"\r\n", b"x"])
def test_a_gzip_that_expands_beyond_belief_is_refused(
    tmp_path: Path, unit: bytes, before: bytes
) -> None:
    path = write_gzip(tmp_path / "x.csv.gz", unit, megabytes=80, before=before)
    with soon(), pytest.raises(DataError, match="expands more than 200 times"):
        read_plain(path)
    with soon(), pytest.raises(DataError):
        list(open_labelled(path))


def test_blank_lines_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"image,label\n" + b"\n" * (MOST_BLANKS + 2))
    with soon(), pytest.raises(DataError, match="blank lines in a row"):
        list(open_labelled(path))


def test_a_gzip_of_data_is_read_whole(tmp_path: Path) -> None:
    row = ",".join(str(number % 256) for number in range(784)).encode() + b"\n"
    path = write_gzip(tmp_path / "x.csv.gz", row, megabytes=2)
    assert len(read_plain(path)) == 2 * (MEGABYTE // len(row)) * len(row)
    with open_plain(path) as stream:
        assert stream.readline() == row


def test_a_gzip_of_few_blank_pixels_is_read(tmp_path: Path) -> None:
    assert len(read_plain(write_gzip(tmp_path / "x.gz", b"\0", megabytes=50))) == 50 * MEGABYTE
