"""Lines of a text table that may be gzipped, and that nobody vouches for."""

from pathlib import Path

from hangtag.files.gzipped import is_gzip, open_plain

_BYTES_A_COUNT = 1 << 20


def count_lines(path: Path) -> int | None:
    """Counts the lines of a file, a last one without an end too; None for gzip, which takes long.

    Raises:
        DataError: The file cannot be read.
    """
    if is_gzip(path):
        return None
    lines, last = 0, b"\n"
    with open_plain(path) as stream:
        for block in iter(lambda: stream.read(_BYTES_A_COUNT), b""):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")
