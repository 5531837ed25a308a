"""Paths from users: whether they exist, and how to print them."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hangtag.errors import DataError

_ADDRESS = re.compile(
    r"(^|/)(https?|ftp|s3|gs|gcs|abfss?|wasbs?|hdfs|az):/|^//[\w-]+(\.[\w-]+)+/|^data:[\w/;+-]*,",
    re.IGNORECASE,
)
_SYSTEM_NAMES = frozenset(
    {
        "__macosx",
        "__pycache__",
        "@eadir",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "thumbs.db",
        "desktop.ini",
    }
)
_LONGEST_SHOWN = 80


def is_file(path: Path) -> bool:
    """Returns whether `path` is a regular file; False for a path that no file can have.

    Unlike ``Path.is_file`` this never raises: a path too long, with a NUL byte or in a folder
    that may not be entered is no file.
    """
    return os.path.isfile(path)


def is_folder(path: Path) -> bool:
    """Returns whether `path` is a folder; False for a path that no folder can have."""
    return os.path.isdir(path)


def explain_no_file(path: Path, *, what: str = "file") -> str:
    """Returns why `path`, which is no regular file, cannot be read, and what to do.

    Args:
        path: A folder, a device, an address, or nothing.
        what: What is expected there, such as ``image file``.
    """
    if is_folder(path):
        article = "an" if what[0] in "aeiou" else "a"
        return f"is a folder where {article} {what} is expected; name the files in it"
    if os.path.exists(path):
        return "is no ordinary file but a device, a pipe or a socket; copy it to a file"
    if is_address(str(path)):
        return "addresses are not fetched; download the file and give its path"
    return f"no such {what}; check the path"


def require_file(path: Path) -> None:
    """Raises DataError where `path` is something that opening or reading would wait for.

    A missing file is left to the one that opens it.
    """
    if not is_file(path) and os.path.exists(path):
        raise DataError(f"{path} {explain_no_file(path)}")


def is_address(text: str) -> bool:
    """Returns whether a text is an address of the web or of a store, also after it was made a path.

    That is ``https:``, ``s3:``, ``gs:`` and such, ``//host/``, and data in place of an address.
    """
    return _ADDRESS.search(text.strip()) is not None


def is_system_name(name: str) -> bool:
    """Returns whether a file or folder is hidden, or one that systems leave, as ``__MACOSX``."""
    return name.startswith(".") or name.casefold() in _SYSTEM_NAMES


def shorten(text: str) -> str:
    """Returns a text that a message quotes, cut off where it is long."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def list_visible(folder: Path) -> list[Path]:
    """Returns what `folder` holds, sorted, without hidden files and those that systems leave.

    Raises:
        DataError: The folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not is_system_name(path.name))
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror or error}") from error


def make_printable(text: str | Path) -> str:
    r"""Returns a path, or a text that names one, in a form that can be written as UTF-8.

    A file name is bytes; those that are not UTF-8 become escapes such as ``\xff``.
    """
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def describe_skipped(skipped: Mapping[str, int], *, before: str) -> str:
    """Returns `before` and counts of what was skipped, for people; empty where nothing was."""
    if not skipped:
        return ""
    kinds = sorted(skipped.items(), key=lambda kind: (-kind[1], kind[0]))
    return before + list_some([f"{count:,} {kind}" for kind, count in kinds])


def list_some(names: Sequence[str], *, most: int = 3, longest: int = 60) -> str:
    """Returns the first of some names for a message, and how many more there are.

    Args:
        names: The names; none gives an empty text.
        most: How many are named.
        longest: Characters of a name; the end of a longer one is left out.
    """
    shown = ", ".join(
        name if len(name) <= longest else f"{name[: longest - 3]}..." for name in names[:most]
    )
    rest = len(names) - most
    return f"{shown} and {rest:,} more" if rest > 0 else shown
