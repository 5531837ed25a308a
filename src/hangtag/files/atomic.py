"""Files and folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from hangtag.errors import OutputError

_LONGEST_PREFIX = 200
"""Bytes of a temporary name; file systems allow 255 in all."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block succeeds.

    The file is flushed to the disk before the rename and the folder after it, so a crash leaves
    the old file or the new one, never a part. When the block raises, the temporary file is
    removed and `path` is left as it was. Missing parent folders are made.

    Raises:
        OutputError: The folder or the file cannot be written.
    """
    temporary = _temporary_beside(path)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; renames it to `path` when the block succeeds.

    Args:
        path: The folder to be.
        replace: Whether a folder that is there already gives way; otherwise it is an error.

    Raises:
        OutputError: `path` holds something already, or cannot be written.
    """
    if not replace:
        require_free(path)
    make_folder(path.parent)
    temporary, retired = None, None
    try:
        temporary = Path(
            tempfile.mkdtemp(dir=path.parent, prefix=_hidden_prefix(path), suffix=".part")
        )
        temporary.chmod(0o755)
        yield temporary
        if replace and path.exists():
            retired = path.rename(temporary.with_suffix(".old"))
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if retired is not None and not path.exists():
            retired.rename(path)
        for leftover in filter(None, (temporary, retired)):
            shutil.rmtree(leftover, ignore_errors=True)


def require_free(path: Path) -> None:
    """Raises OutputError when `path` is a file or a folder with something in it."""
    try:
        occupied = any(path.iterdir()) if path.is_dir() else path.exists()
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}") from error
    if occupied:
        raise OutputError(f"{path} exists already; remove it or choose another folder")


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path` atomically; raises OutputError when that fails."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes `content` to `path` as UTF-8, atomically; raises OutputError when that fails."""
    write_bytes(path, content.encode())


def reserve_space(path: Path) -> None:
    """Takes the space on the disk that a file announces; raises OSError where it is not there.

    A write to a full disk through a memory map would end the process (SIGBUS) instead.
    """
    with path.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if size and hasattr(os, "posix_fallocate"):  # not on macOS
            os.posix_fallocate(file.fileno(), 0, size)


def make_folder(path: Path) -> Path:
    """Makes the folder `path` with its parents; raises OutputError when that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, FileExistsError):
            reason = "there is a file of that name"
        raise OutputError(
            f"cannot make the folder {path}: {reason}; choose another place"
        ) from error
    return path


def make_numbered_folder(root: Path, name: str) -> Path:
    """Makes and returns the first of ``root/name-1``, ``root/name-2`` and so on that is not there.

    Made at once, so that two processes that start together get a folder each.

    Raises:
        OutputError: The folder cannot be made.
    """
    make_folder(root)
    folders = (root / f"{name}-{number}" for number in count(1))
    return next(folder for folder in folders if _make_new(folder))


def _make_new(folder: Path) -> bool:
    """Makes `folder`; returns whether it was not there yet."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {folder}: {error.strerror}; choose a place with --out"
        ) from error
    return True


def _temporary_beside(path: Path) -> Path:
    make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=_hidden_prefix(path), suffix=f".part{path.suffix}"
        )
    except OSError as error:
        raise unwritable(path, error) from error
    os.close(handle)
    return Path(name)


def _hidden_prefix(path: Path) -> str:
    """Returns how a temporary name beside `path` begins; cut, so that it fits where `path` does."""
    return f".{cut_name(path.name, _LONGEST_PREFIX)}."


def cut_name(name: str, most: int) -> str:
    """Returns the beginning of a file name, of at most `most` bytes, no character cut in two."""
    return os.fsencode(name)[:most].decode("utf-8", "ignore")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def unwritable(path: Path, error: OSError) -> OutputError:
    """Returns the error to raise when `path` cannot be written."""
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; "
        "check the free space and the permissions, or choose another place"
    )


def sync(path: Path) -> None:
    """Brings a file, or what a folder lists, to the disk; raises OSError when that fails."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
