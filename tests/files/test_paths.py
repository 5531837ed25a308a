import os
from pathlib import Path

import pytest

from hangtag.files.paths import is_file, is_folder, make_printable


@pytest.mark.parametrize("path", ["x" * 5000, "/".join("x" * 5000), "a\0b", "nowhere", "\ud800"])
def test_paths_that_nothing_can_have(path: str) -> None:
    assert not is_file(Path(path))
    assert not is_folder(Path(path))


def test_files_folders_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")

    assert [is_file(tmp_path / name) for name in ("file", "pipe", ".")] == [True, False, False]
    assert [is_folder(tmp_path / name) for name in ("file", "pipe", ".")] == [False, False, True]


def test_only_what_is_not_utf8_is_escaped() -> None:
    assert make_printable(Path(os.fsdecode(b"a/\xff b\xc3\xbc"))) == "a/\\xff bü"
