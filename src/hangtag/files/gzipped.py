"""Reads files that may be gzip, detected by their first two bytes."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from hangtag.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Returns whether the content of `path` is gzip, whatever its name; raises OSError."""
    with path.open("rb") as stream:
        return stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """Opens `path` for reading its plain content, decompressed on the way when it is gzip.

    Failures of the disk and of the decompression inside the block become DataErrors too.

    Raises:
        DataError: The file is missing, unreadable, empty, or a damaged or cut off gzip.
    """
    try:
        with path.open("rb") as raw:
            magic = raw.read(2)
            raw.seek(0)
            if not magic:
                raise DataError(f"{path} is empty (0 bytes); get the file again")
            if magic != _GZIP_MAGIC:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as plain:
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
        content = stream.read()
    if not content:
        raise DataError(f"{path} is a gzip of nothing (0 bytes); get the file again")
    return content
