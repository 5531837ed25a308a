"""Files appear whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from hangtag.errors import OutputError
from hangtag.files.atomic import (
    atomic_path,
    make_folder,
    make_numbered_folder,
    new_folder,
    write_text,
)


def test_a_file_appears_with_its_folders(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "grün")
    assert (tmp_path / "a" / "b" / "c.txt").read_text(encoding="utf-8") == "grün"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["c.txt"]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_mode_is_that_of_an_ordinary_file(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write_text(tmp_path / "a.txt", "")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(OutputError, match="cannot make the folder"):
        make_folder(blocker / "sub")
    with pytest.raises(OutputError, match="cannot"):
        write_text(blocker / "sub" / "a.txt", "")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_text(tmp_path / "taken", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken"]


def test_a_folder_appears_whole_and_gives_way_only_when_asked(tmp_path: Path) -> None:
    target = tmp_path / "model"
    for content in ("old", "new"):
        with new_folder(target, replace=True) as temporary:
            (temporary / f"{content}.txt").write_text(content)
            assert not (target / f"{content}.txt").exists()
    assert [path.name for path in target.iterdir()] == ["new.txt"]
    with pytest.raises(OutputError, match="exists already"), new_folder(target):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.txt").write_text("old")

    def fail() -> None:
        with new_folder(target, replace=True) as temporary:
            (temporary / "half.txt").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.name for path in target.iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_rename_that_fails_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "old.txt").write_text("old")

    def refuse(source: object, destination: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)

    def write() -> None:
        with new_folder(target, replace=True) as temporary:
            (temporary / "new.txt").write_text("new")

    with pytest.raises(OutputError, match="No space left"):
        write()
    assert [path.name for path in target.iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "𠮷" * 62 + ".csv"])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    write_text(tmp_path / name, "text")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with new_folder(tmp_path / name.replace("c", "d")):
        pass
    assert len(list(tmp_path.iterdir())) == 2


def test_each_caller_gets_a_numbered_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "runs" / "explore-2").mkdir(parents=True)
    names = [make_numbered_folder(tmp_path / "runs", "explore").name for _ in range(3)]
    assert names == ["explore-1", "explore-3", "explore-4"]
