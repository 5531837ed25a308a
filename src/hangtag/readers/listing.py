"""Sources that name image files: one file, the folders below a folder, a list of paths."""

import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.paths import describe_skipped
from hangtag.images.decoding import IMAGE_SUFFIXES, UNREAD_SUFFIXES
from hangtag.images.items import ImageFile, Item, Size, fail
from hangtag.readers.old_arrays import ARRAY_SUFFIX, count_rows, is_array, read_array_file
from hangtag.tables.columns import ColumnKind

TABLE_SUFFIXES = (".csv", ".csv.gz", ".parquet")

_WANTED = (*IMAGE_SUFFIXES, *UNREAD_SUFFIXES, ARRAY_SUFFIX)


def read_file(path: str, sizes: Sequence[Size]) -> Iterator[Item]:
    """Gives the images of one file that is no table: an image, an array or IDX file."""
    if is_array(path):
        yield from read_array_file(path, sizes)
    elif path.lower().endswith(TABLE_SUFFIXES):
        yield fail(path, ImageError(f"{path} {_NO_TABLE}", error_kind=ErrorKind.NOT_AN_IMAGE))
    else:
        yield ImageFile(path)


_NO_TABLE = "is a table, which is not read from a list of paths; give it as an argument"


@dataclass(frozen=True, slots=True)
class FileSource:
    """One image, array or IDX file."""

    path: str
    columns: Mapping[str, ColumnKind] = field(default_factory=dict)

    def count(self) -> int | None:
        """Returns how many images the file announces."""
        return count_rows(self.path) if is_array(self.path) else 1

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives its images."""
        return read_file(self.path, sizes)

    @property
    def names_files(self) -> bool:
        """Whether it is an image."""
        return not is_array(self.path)


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The images and arrays below a folder, by name. The names of a folder are in memory.

    Attributes:
        folder: The folder.
        columns: None.
        names_files: Its items are image files.
        skipped: What `count` found beside the images, by kind.
    """

    folder: str
    columns: Mapping[str, ColumnKind] = field(default_factory=dict)
    names_files: bool = True
    skipped: Counter[str] = field(default_factory=Counter, compare=False)

    def count(self) -> int | None:
        """Counts the images; raises DataError when there is none."""
        self.skipped.clear()
        total: int | None = 0
        nothing = True
        for path in _walk(self.folder, self.skipped):
            nothing = False
            more = count_rows(path) if isinstance(path, str) and is_array(path) else 1
            total = None if total is None or more is None else total + more
        if nothing:
            read = ", ".join(sorted({*IMAGE_SUFFIXES, ARRAY_SUFFIX}))
            raise DataError(
                f"the folder {self.folder} holds no image ({read})"
                f"{describe_skipped(self.skipped, before=', but ')}; IDX files and tables "
                "are read when they are named"
            )
        return total

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives its images; a folder that cannot be entered becomes a recorded error."""
        for path in _walk(self.folder, Counter()):
            if isinstance(path, str):
                yield from read_file(path, sizes)
            else:
                yield fail(path.folder, path.error)


@dataclass(frozen=True, slots=True)
class ListSource:
    """The paths that a stream names, one a line or with a NUL byte after each.

    One that does not exist is a recorded error.
    """

    lines: TextIO
    columns: Mapping[str, ColumnKind] = field(default_factory=dict)
    names_files: bool = True

    def count(self) -> int | None:
        """Returns None: the list may still be growing."""
        return None

    def read(self, *sizes: Size) -> Iterator[Item]:
        """Gives the images of the files, as they are named."""
        if isinstance(self.lines, io.TextIOWrapper):
            self.lines.reconfigure(errors="surrogateescape")  # A file name need not be UTF-8.
        for number, line in enumerate(self.lines):
            text = line.removeprefix("\ufeff") if number == 0 else line
            for path in text.rstrip("\r\n").split("\0"):
                if path:
                    yield from read_file(path, sizes)


@dataclass(frozen=True, slots=True)
class _Closed:
    """A folder that cannot be entered."""

    folder: str
    error: ImageError


def _walk(folder: str, skipped: Counter[str]) -> Iterator[str | _Closed]:
    """Gives the wanted files below `folder` in the order of their paths; follows no folder link.

    Counts in `skipped` what it does not give.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(_keep(entries, skipped))
    except OSError as error:
        reason = f"cannot read the folder {folder}: {error.strerror or error}"
        yield _Closed(folder, ImageError(reason, error_kind=ErrorKind.UNREADABLE))
        return
    prefix = "" if folder == os.curdir else os.path.join(folder, "")
    for name, is_folder in found:
        if is_folder:
            yield from _walk(prefix + name, skipped)
        else:
            yield prefix + name


def _keep(entries: Iterable[os.DirEntry[str]], skipped: Counter[str]) -> Iterator[tuple[str, bool]]:
    """Gives name and whether it is a folder, of folders and wanted files; none that is hidden."""
    for entry in entries:
        if entry.name.startswith("."):
            skipped["hidden"] += 1
        elif entry.is_dir(follow_symlinks=False):
            yield entry.name, True
        elif entry.is_dir():
            skipped["links to folders"] += 1
        elif entry.name.lower().endswith(_WANTED):
            yield entry.name, False
        else:
            skipped[os.path.splitext(entry.name)[1].lower() or "without a suffix"] += 1
