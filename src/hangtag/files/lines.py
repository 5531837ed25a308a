"""Lists of names as people pipe them: one a line, or with a NUL byte after each."""

from collections.abc import Iterator
from typing import TextIO

from hangtag.errors import DataError

LONGEST_NAME = 1 << 16
"""Characters of a name; no path of a file and no label is longer."""

MOST_BLANKS = 1 << 20
"""Characters in a row that name nothing, such as blank lines, before a list is refused."""


def read_names(stream: TextIO, *, what: str) -> Iterator[str]:
    """Gives the names of a list, as they come; blank ones are left out.

    Memory is bounded, whatever the stream holds: a device may have no end and no lines.

    Args:
        stream: The list, one name a line or with a NUL byte after each.
        what: What the stream is called in an error.

    Raises:
        DataError: A name is longer than `LONGEST_NAME`, or `MOST_BLANKS` pass without a name.
    """
    number, blanks, begun = 1, 0, ""
    while part := stream.readline(LONGEST_NAME):
        *names, begun = (begun + part.removesuffix("\n")).split("\0")
        ended = part.endswith("\n")
        if ended:
            names, begun = [*names, begun], ""
        for name in map(_strip, names):
            blanks = 0 if name else blanks + 1
            if name:
                yield name
        if len(begun) > LONGEST_NAME or blanks > MOST_BLANKS:
            raise DataError(
                f"{what}: line {number:,} is no name: expected one a line, of at most "
                f"{LONGEST_NAME:,} characters; pipe in a list of names"
            )
        number += ended
    if name := _strip(begun):
        yield name


def _strip(name: str) -> str:
    """Returns a name without the marks of the system that it was written on."""
    return name.removeprefix("\ufeff").rstrip("\r\n")
