"""The standard streams of a command: closed, cut off or on a full disk.

Results go to stdout and must not be lost in silence: where they cannot be written, the command ends
with an error. A reader that closes the pipe, such as ``head``, has all it wants: the command ends
quietly with 0, as ripgrep does. Messages go to stderr: where they cannot be written, they are
dropped and the command goes on.
"""

import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

from hangtag.errors import OutputError

_STDIN, _STDOUT, _STDERR = 0, 1, 2


class ReaderGoneError(Exception):
    """Whoever reads stdout has closed it."""


def prepare_streams() -> None:
    """Makes stdout and stderr of this process behave as this module says."""
    # The wrong mode: using a closed stdin or stdout stays an error.
    for number, mode in ((_STDIN, os.O_WRONLY), (_STDOUT, os.O_RDONLY), (_STDERR, os.O_WRONLY)):
        _reserve(number, mode)
    sys.stdout = _open_text(_ResultFile(_STDOUT, "w", closefd=False), sys.stdout)
    sys.stderr = _open_text(_MessageFile(_STDERR, "w", closefd=False), sys.stderr)


class _StreamFile(io.FileIO):
    """A stream that waits for a reader who is slow, also where the pipe does not block."""

    def write(self, content: Any) -> int:
        """Writes bytes; returns how many."""
        while (written := super().write(content)) is None:
            select.select([], [self], [])
        return written


class _ResultFile(_StreamFile):
    """Stdout; the first failure is an error, what is written after it is dropped."""

    _failed = False

    def write(self, content: Any) -> int:
        """Writes bytes; returns how many."""
        if self._failed:
            return len(content)
        try:
            return super().write(content)
        except BrokenPipeError:
            self._failed = True
            raise ReaderGoneError from None
        except OSError as error:
            self._failed = True
            raise OutputError(
                f"cannot write to standard output: {error.strerror or error}; check where the "
                "output goes"
            ) from error


class _MessageFile(_StreamFile):
    """Stderr; what cannot be written is dropped."""

    def write(self, content: Any) -> int:
        """Writes bytes; returns how many."""
        with suppress(OSError):
            return super().write(content)
        return len(content)


def _reserve(number: int, mode: int) -> None:
    """Opens a closed stream on the null device, so that no other file takes its number."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, mode)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)


def _open_text(file: io.FileIO, replaced: TextIO | None) -> TextIO:
    """Returns the text stream to `file`, in the encoding of the one that it replaces."""
    encoding = "utf-8" if replaced is None else replaced.encoding
    errors = "strict" if replaced is None else replaced.errors
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding,
        "backslashreplace" if errors == "strict" else errors,
        line_buffering=file.fileno() == _STDERR or file.isatty(),
    )
