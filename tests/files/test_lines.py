"""Lists of names: every way in which people pipe them, and streams that are no lists."""

import io
from pathlib import Path

import pytest

from hangtag.errors import DataError
from hangtag.files.lines import LONGEST_NAME, read_names


@pytest.mark.parametrize(
    "text",
    ["a\nb c\nd", "a\nb c\nd\n", "\ufeffa\r\nb c\r\n\r\nd\r\n", "a\0b c\0d\0", "a\0\0b c\nd"],
)
def test_names_are_read_however_they_are_separated(text: str) -> None:
    assert list(read_names(io.StringIO(text, newline=""), what="the list")) == ["a", "b c", "d"]


def test_a_long_name_and_one_across_the_blocks_are_whole() -> None:
    names = ["x" * LONGEST_NAME, "y" * 70, "z" * (LONGEST_NAME - 5), "end"]
    for separator in ("\n", "\0"):
        assert list(read_names(io.StringIO(separator.join(names)), what="the list")) == names


def test_a_name_without_an_end_is_refused_with_its_line() -> None:
    with pytest.raises(DataError, match="the list: line 2 is no name"):
        list(read_names(io.StringIO("a\n" + "x" * 10 * LONGEST_NAME), what="the list"))


@pytest.mark.parametrize("content", [b"\0", b"\n"])
def test_a_stream_of_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "zeros").write_bytes(content * (1 << 22))
    with (tmp_path / "zeros").open() as stream, pytest.raises(DataError, match="is no name"):
        list(read_names(stream, what="the list"))
