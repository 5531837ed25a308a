"""Image files by their paths: one file, those below a folder, those that a list names."""

import codecs
import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TextIO

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.files.lines import read_names
from hangtag.files.paths import describe_skipped, is_system_name, shorten
from hangtag.images.sniffing import IMAGE_SUFFIXES, READ_FORMATS, UNREAD_SUFFIXES, is_image_file
from hangtag.readers.arrays import ARRAY_SUFFIX, ArrayFile
from hangtag.readers.idx import IdxFile, is_idx
from hangtag.readers.record import Record, Source, fail, name_file

_TABLE_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".tab", ".parquet")

_READ = (*IMAGE_SUFFIXES, *UNREAD_SUFFIXES, ARRAY_SUFFIX)
"""Suffixes of the files that are read below a folder, whatever they hold; so is every image under
another name, such as ``a.jpg?v=1``."""


class ImageFile(Source):
    """One image file; what is wrong with it shows when it is decoded."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Record]:
        yield name_file(self._path)

    @property
    def total(self) -> int | None:
        """Always 1: a single file."""
        return 1

    @property
    def files(self) -> int:
        """Always 1: a single file."""
        return 1


class ImageFolder(Source):
    """The images and arrays below a folder, by path. The names of one folder are in memory.

    Raises:
        DataError: There is none.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._skipped: Counter[str] = Counter()
        self._total: int | None = 0
        for path in _walk(folder, self._skipped):
            count = open_file(path).total if isinstance(path, str) else 1
            self._total = None if self._total is None or count is None else self._total + count
        if self._total == 0:
            raise DataError(
                f"the folder {folder} holds no image ({READ_FORMATS}) and no .npy array"
                f"{describe_skipped(self._skipped, before=', but ')}; IDX files and tables are "
                "read when they are named"
            )

    def __iter__(self) -> Iterator[Record]:
        """Gives the images; a folder that cannot be entered is a record of its error."""
        for path in _walk(self._folder, Counter()):
            if isinstance(path, str):
                yield from read_file(path)
            else:
                yield fail(path.folder, path.error)

    @property
    def total(self) -> int | None:
        """The number of images."""
        return self._total

    @property
    def files(self) -> int:
        """About the number of images."""
        return self._total or 0

    @property
    def skipped(self) -> Counter[str]:
        """Files that are no images, by suffix; hidden ones and links to folders."""
        return self._skipped


class PathList(Source):
    """The image files that a stream names, one a line or with a NUL byte after each.

    One that does not exist is a record of its error. The stream is read once. What is no list of
    names, such as a device without an end, raises a DataError; see `read_names`.
    """

    def __init__(self, lines: TextIO) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Record]:
        if isinstance(self._lines, io.TextIOWrapper):
            _set_encoding(self._lines)
        for path in read_names(self._lines, what="the list of paths"):
            yield from read_file(path if os.path.lexists(path) else _unquote(path))

    @property
    def total(self) -> int | None:
        """None: the list may still be growing."""
        return None


def _set_encoding(lines: io.TextIOWrapper) -> None:
    """Sets the encoding of a list: UTF-16 where it begins so, as PowerShell writes it."""
    buffer = lines.buffer
    start = buffer.peek(2)[:2] if isinstance(buffer, io.BufferedReader) else b""
    if isinstance(buffer, io.BytesIO):
        start = buffer.getvalue()[:2]
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        lines.reconfigure(encoding="utf-16", errors="replace")
    else:
        lines.reconfigure(errors="surrogateescape")  # A file name need not be UTF-8.


def _unquote(path: str) -> str:
    """Returns a listed path without the blanks and quotes around it."""
    plain = path.strip()
    quoted = len(plain) > 1 and plain[0] == plain[-1] and plain[0] in "\"'"
    return plain[1:-1] if quoted else plain or path


def open_file(path: str) -> Source:
    """Opens a file that is no table: an image, a ``.npy`` array or an IDX file."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ARRAY_SUFFIX:
        return ArrayFile(path)
    return IdxFile(path) if suffix not in IMAGE_SUFFIXES and is_idx(path) else ImageFile(path)


def read_file(path: str) -> Iterator[Record]:
    """Gives the images of a file that is no table; a table is a record of an error."""
    if path.lower().endswith(_TABLE_SUFFIXES):
        problem = "is a table, which is not read from a list of paths; give it as an argument"
        yield fail(path, ImageError(f"{path} {problem}", error_kind=ErrorKind.NOT_AN_IMAGE))
    else:
        yield from open_file(path)


@dataclass(frozen=True, slots=True)
class _Closed:
    """A folder that cannot be entered."""

    folder: str
    error: ImageError


def _walk(folder: str, skipped: Counter[str]) -> Iterator[str | _Closed]:
    """Gives the files to read below `folder` in the order of their paths; follows no folder link.

    Counts in `skipped` what it does not give.
    """
    waiting = [(folder, True)]  # in reverse order; folders may be nested more deeply than calls
    while waiting:
        path, is_folder = waiting.pop()
        if not is_folder:
            yield path
            continue
        try:
            with os.scandir(path) as entries:
                found = sorted(_keep(entries, skipped), reverse=True)
        except OSError as error:
            reason = f"cannot read the folder {shorten(path)}: {error.strerror or error}"
            yield _Closed(path, ImageError(reason, error_kind=ErrorKind.UNREADABLE))
            continue
        prefix = "" if path == os.curdir else os.path.join(path, "")
        waiting += [(prefix + name, inner) for name, inner in found]


def _keep(entries: Iterable[os.DirEntry[str]], skipped: Counter[str]) -> Iterator[tuple[str, bool]]:
    """Gives name and whether it is a folder, of folders and files to read; none that is hidden."""
    for entry in entries:
        if is_system_name(entry.name):
            skipped["hidden"] += 1
        elif _is_folder(entry):
            if entry.is_symlink():
                skipped["links to folders"] += 1
            else:
                yield entry.name, True
        elif entry.name.lower().endswith(_READ) or is_image_file(entry.path):
            yield entry.name, False
        else:
            skipped[os.path.splitext(entry.name)[1].lower() or "without a suffix"] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
