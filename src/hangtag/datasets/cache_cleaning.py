"""Deletes what the cache of decoded pixels keeps, the longest unused first.

Safe beside processes that use the cache: a file that is mapped stays until its readers let go, one
that is being written has another name, and one that is missing is decoded again. Folders stay, as a
process may be about to write into one.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hangtag.datasets.pixel_cache import SUFFIX
from hangtag.errors import OutputError

ABANDONED = 86_400.0
"""Seconds after which an unfinished file is taken for that of a process that was killed."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a cleaning did.

    Attributes:
        deleted: Datasets whose pixels were deleted.
        freed: Bytes that were deleted.
        left: Bytes that are still kept.
    """

    deleted: int
    freed: int
    left: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """The pixels of a dataset on disk."""

    used: float
    bytes: int
    path: Path


def clean_pixels(folder: Path, *, keep: int = 0) -> Cleaned:
    """Deletes kept pixels until at most `keep` bytes are left, and what killed processes left.

    Args:
        folder: The cache, see `hangtag.datasets.pixel_cache`; it may be missing.
        keep: Bytes that may stay, those used last.

    Raises:
        OutputError: A file cannot be deleted.
    """
    kept = sorted(_list_kept(folder), key=lambda one: one.used)
    left = sum(one.bytes for one in kept)
    deleted = freed = 0
    try:
        for one in kept:
            if left <= keep:
                break
            one.path.unlink(missing_ok=True)
            deleted, freed, left = deleted + 1, freed + one.bytes, left - one.bytes
        freed += _delete_abandoned(folder)
    except OSError as error:
        raise OutputError(
            f"cannot delete {error.filename}: {error.strerror}; check the permissions"
        ) from error
    return Cleaned(deleted, freed, left)


def _list_kept(folder: Path) -> list[_Kept]:
    found = []
    for path in folder.glob(f"*/[!.]*{SUFFIX}"):
        with suppress(FileNotFoundError):  # another process was faster
            status = path.stat()
            found.append(_Kept(status.st_mtime, status.st_size, path))
    return found


def _delete_abandoned(folder: Path) -> int:
    """Deletes what was never finished; returns bytes."""
    freed, now = 0, time.time()
    for path in folder.glob("*/.*"):
        with suppress(FileNotFoundError):
            found = path.stat()
            if now - found.st_mtime > ABANDONED:
                path.unlink()
                freed += found.st_size
    return freed
