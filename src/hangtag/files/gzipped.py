"""Reads files that may be gzip, detected by their first two bytes.

Pipes and devices, which may never end, are refused, and so is a gzip that expands beyond belief.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from hangtag.errors import DataError
from hangtag.files.paths import require_file

MOST_EXPANDED = 200
"""How many times its size a gzip may expand: tables and pixels do 3 to 30 times, blank lines 1,000
times."""

_UNCHECKED_BYTES = 1 << 26
"""Bytes that a gzip may expand to in any case."""

_GZIP_MAGIC = b"\x1f\x8b"


class _BoundedGzip(gzip.GzipFile):
    """A gzip that stops expanding when it is no data."""

    def __init__(self, path: Path, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed)
        self._path, self._packed = path, packed

    def read(self, size: int | None = -1) -> bytes:
        return self._check(super().read(size))

    def read1(self, size: int = -1) -> bytes:
        return self._check(super().read1(size))

    def _check(self, content: bytes) -> bytes:
        expanded = self.tell()
        if expanded > _UNCHECKED_BYTES and expanded > MOST_EXPANDED * self._packed.tell():
            raise DataError(
                f"{self._path} is a gzip that expands more than {MOST_EXPANDED} times, as no data "
                "does; check where it comes from"
            )
        return content


def is_gzip(path: Path) -> bool:
    """Returns whether the content of `path` is gzip, whatever its name.

    Raises:
        DataError: It is a pipe or a device.
        OSError: It cannot be read.
    """
    require_file(path)
    with path.open("rb") as stream:
        return stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """Opens `path` for reading its plain content, decompressed on the way when it is gzip.

    Failures of the disk and of the decompression inside the block become DataErrors too.

    Raises:
        DataError: The file is missing, unreadable, empty, a pipe or a device, or a gzip that is
            damaged, cut off or expands beyond belief.
    """
    require_file(path)
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            if not magic:
                raise DataError(f"{path} is empty (0 bytes); get the file again")
            if magic != _GZIP_MAGIC:
                yield raw
                return
            with _BoundedGzip(path, raw) as plain:
                yield cast(BinaryIO, plain)
    except EOFError as error:
        raise DataError(
            f"{path} is a gzip that is cut off before its end; get the file again"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged gzip ({error}); get the file again") from error
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}; check the path and its permissions"
        ) from error


def read_plain(path: Path) -> bytes:
    """Returns the whole plain content of `path`; see `open_plain` for what it raises."""
    with open_plain(path) as stream:
        content = b"".join(iter(lambda: stream.read(_UNCHECKED_BYTES), b""))
    if not content:
        raise DataError(f"{path} is an empty gzip file (0 bytes); get the file again")
    return content
