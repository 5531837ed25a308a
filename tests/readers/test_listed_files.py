"""Files that a table names, spelled as people and systems spell them."""

import unicodedata
from pathlib import Path

import pytest

from hangtag.readers.listed_files import ListedFiles, suggest_file

NAME = "Größe 38.jpg"


@pytest.fixture
def table(tmp_path: Path) -> str:
    folder = tmp_path / "img"
    folder.mkdir()
    for name in (unicodedata.normalize("NFD", NAME), "Dress_07.jpg", "0108775.jpg", "50%.png"):
        (folder / name).touch()
    return str(tmp_path / "feed.csv")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"img/{NAME}", unicodedata.normalize("NFD", NAME)),
        ("img/Dress_07.JPG", "Dress_07.jpg"),
        ("IMG/DRESS_07.jpg", "Dress_07.jpg"),
        ("  img/Dress_07.jpg ", "Dress_07.jpg"),
        ('"img/Dress_07.jpg"', "Dress_07.jpg"),
        ("img\\dress_07.jpg", "Dress_07.jpg"),
        ("./img/../img/Dress_07.jpg", "Dress_07.jpg"),
        ("img/0108775", "0108775.jpg"),
        ("img/Dress%5F07.jpg", "Dress_07.jpg"),
        ("img/Dress_07.jpg?v=123", "Dress_07.jpg"),
        ("file://{folder}/img/Dress_07.jpg", "Dress_07.jpg"),
        ("file:///{folder}/img/Dress%5F07.jpg", "Dress_07.jpg"),
        ("img/50%.png", "50%.png"),
    ],
)
def test_a_file_is_found_under_another_spelling(table: str, text: str, found: str) -> None:
    files = ListedFiles(table)
    path = Path(files.find(text.format(folder=Path(table).parent)))
    assert path.is_file()
    assert path.name == found
    assert bool(files.notes) != (Path(table).parent / text).is_file()


def test_what_is_not_there_is_not_guessed(table: str, tmp_path: Path) -> None:
    files = ListedFiles(table)
    assert files.find("img/Dress_08.jpg") == str(tmp_path / "img/Dress_08.jpg")
    (tmp_path / "img" / "dress_07.jpg").touch()
    files = ListedFiles(table)
    assert files.find("img/DRESS_07.jpg") == str(tmp_path / "img/DRESS_07.jpg"), "two fit"
    for text in ("a\0b.jpg", "x" * 5000, "..", "/", ""):
        files.find(text)
    assert [note.partition("; ")[2] for note in files.notes] == [
        "img/Dress_07.jpg is there. Paths are relative to the table."
    ]


def test_the_file_that_nearly_fits_is_suggested(table: str) -> None:
    assert suggest_file("0108775", table) == "img/0108775.jpg"
    assert suggest_file("C:\\Users\\me\\Dress_07.jpg", table) == "img/Dress_07.jpg"
    assert suggest_file("gone.jpg", table) == ""
