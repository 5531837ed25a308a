"""``hangtag taxonomy`` as people and scripts call it."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import Run


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A tree of three categories."""
    path = tmp_path / "own.csv"
    path.write_text("id,name,parent\n1,Everything,\n2,Frocks,1\n3,Footwear,1\n", encoding="utf-8")
    return path


def map_lines(content: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Runs ``hangtag taxonomy map -`` in a process of its own."""
    command = [sys.executable, "-m", "hangtag", "taxonomy", "map", "-", *arguments]
    return subprocess.run(command, input=content, capture_output=True, check=False, timeout=120)


def test_show(hangtag: Run) -> None:
    shown = json.loads(hangtag("taxonomy", "show", "aa-8", "--depth", 1, "--json").out)
    assert [item["id"] for item in shown["categories"]][:2] == ["aa-8", "aa-8-1"]
    assert len(shown["categories"]) == 9
    assert shown["categories"][1]["full_name"] == "Apparel & Accessories > Shoes > Athletic Shoes"
    assert len(json.loads(hangtag("taxonomy", "show", "--json").out)["categories"]) == 663
    outcome = hangtag("taxonomy", "show", "aa-8")
    assert "Sneakers aa-8-8" in outcome.out
    assert "categories of shopify_apparel.csv, release 2026-11" in outcome.err
    assert shown["release"] == "2026-11"
    assert hangtag("taxonomy", "show", "--depth", 0, "-q").out.strip() == "Apparel & Accessories aa"


def test_show_of_an_unknown_category(hangtag: Run) -> None:
    outcome = hangtag("taxonomy", "show", "zz")
    assert outcome.code == 2
    assert "there is no category zz" in outcome.err


def test_search(hangtag: Run) -> None:
    found = json.loads(hangtag("taxonomy", "search", "rain", "coat", "--json").out)["categories"]
    assert found[0]["id"] == "aa-1-10-2-10"
    assert all(0 < item["score"] <= 1 for item in found)
    assert json.loads(hangtag("taxonomy", "search", "Bottines", "--json").out)["categories"]
    assert "aa-1-10-3 " in hangtag("taxonomy", "search", "rain", "pants").out


def test_search_that_finds_nothing(hangtag: Run) -> None:
    outcome = hangtag("taxonomy", "search", "qwrtzp")
    assert outcome.code == 1
    assert "nothing in" in outcome.err


def test_map(hangtag: Run) -> None:
    outcome = hangtag("taxonomy", "map", "Jumpers & Cardigans", "Lipstick", "--json")
    mapped = json.loads(outcome.out)["labels"]
    assert outcome.code == 0
    assert [item["label"] for item in mapped] == ["Jumpers & Cardigans", "Lipstick"]
    best = mapped[0]["candidates"][0]
    assert (best["id"], best["name"]) == ("aa-1-13", "Clothing Tops")
    assert 0.5 < best["score"] <= 1
    assert len(mapped[0]["candidates"]) == 3
    assert best["google_id"] == "212"
    assert mapped[1]["outside"] > 0.9


def test_map_as_a_table(hangtag: Run) -> None:
    outcome = hangtag("taxonomy", "map", "=Robes", "Jupes", "Lipstick", "--count", 1)
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["label"] for row in rows] == ["'=Robes", "Jupes", "Lipstick"]
    assert rows[1]["id"] == "aa-1-15"
    assert float(rows[1]["score"]) > 0.9
    assert rows[2]["id"] == "" or float(rows[2]["score"]) < 0.1
    assert "3 labels" in outcome.err


def test_map_reads_standard_input() -> None:
    content = "\ufeffRobes\r\n\n  \nBottines\nJupes\nRöcke\n".encode()
    finished = map_lines(content, "--json", "--count", "1")
    assert finished.returncode == 0
    mapped = json.loads(finished.stdout)["labels"]
    assert [item["label"] for item in mapped] == ["Robes", "Bottines", "Jupes", "Röcke"]
    assert [item["candidates"][0]["id"] for item in mapped] == [
        "aa-1-4",
        "aa-8-3",
        "aa-1-15",
        "aa-1-15",
    ]


def test_map_bears_what_is_no_text() -> None:
    finished = map_lines(b"\xff\xfe\x00\nShirts\n", "--json")
    assert finished.returncode == 0
    assert len(json.loads(finished.stdout)["labels"]) == 2


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_map_of_nothing(arguments: tuple[str, ...]) -> None:
    finished = map_lines(b"\n\n", *arguments)
    assert finished.returncode == 2
    if arguments:
        assert json.loads(finished.stdout)["code"] == 2
    else:
        assert finished.stdout == b""
    assert b"there is no label on standard input" in finished.stderr


def test_a_tree_of_ones_own(hangtag: Run, own: Path) -> None:
    outcome = hangtag("taxonomy", "map", "Abendkleider", "Stivali", "--tree", own, "--json")
    mapped = json.loads(outcome.out)["labels"]
    assert [item["candidates"][0]["name"] for item in mapped] == ["Frocks", "Footwear"]
    assert "Frocks 2" in hangtag("taxonomy", "show", "--tree", own).out
    assert hangtag("taxonomy", "search", "shoes", "--tree", own).code == 0


def test_bad_input_is_one_line(hangtag: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("id,name\n1,A\n")
    for arguments in (
        ("map", "Robes", "--tree", broken),
        ("show", "--tree", tmp_path / "none.csv"),
        ("map", "Robes", "--language", "xx"),
    ):
        outcome = hangtag("taxonomy", *arguments)
        assert outcome.code == 2
        assert outcome.err.startswith("error: ")
        assert len(outcome.err.strip().splitlines()) == 1
    assert hangtag("taxonomy", "map").code == 2
    assert hangtag("taxonomy", "map", "x", "--count", 0).code == 2
