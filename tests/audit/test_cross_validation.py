"""Planted errors of a dataset that no model was trained on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hangtag.tables.csv_cells import read_csv_rows
from tests.tiny import Run, make_split

pytest.importorskip("cleanlab", reason="the audit extra is not installed")


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, set[str]]:
    """180 items of three labels, twelve of them wrong, and two of a label of their own."""
    table, wrong = plant(tmp_path, right=168, wrong=12)
    spelled = [
        f" {label.upper()} " if row == 0 else label for row, label in enumerate(table["label"])
    ]
    table["label"] = spelled
    rare = pd.DataFrame({"image": table["image"][:2], "label": "Rare"})
    pd.concat([table, rare]).to_csv(tmp_path / "feed.csv", index=False)
    return tmp_path / "feed.csv", wrong


def plant(folder: Path, *, right: int, wrong: int) -> tuple[pd.DataFrame, set[str]]:
    """Writes images of three labels; returns the feed and the images whose label is wrong."""
    count = right + wrong
    split = make_split(count, classes=3, seed=5)
    chosen = np.random.default_rng(0).choice(count, wrong, replace=False)
    labels = split.labels.copy()
    labels[chosen] = (labels[chosen] + 1) % 3
    images = [f"{index}.png" for index in range(count)]
    for name, image in zip(images, split.images, strict=True):
        Image.fromarray(image).save(folder / name)
    names = np.array(["Wide", "Tall", "Square"])[labels]
    return pd.DataFrame({"image": images, "label": names}), {images[item] for item in chosen}


def test_planted_errors_are_found(
    hangtag: Run, planted: tuple[Path, set[str]], tmp_path: Path
) -> None:
    feed, wrong = planted
    outcome = hangtag("audit", feed, "--out", tmp_path / "out", "--cross-validate", "--json")
    assert outcome.code == 1, outcome.err
    found = json.loads(outcome.out)
    assert (found["items"], found["labels"], found["rare"]) == (180, 3, 2)
    rows = list(read_csv_rows(tmp_path / "out" / "issues.csv"))
    assert {row["automatic"] for row in rows} == {"no"}
    assert len(rows) == found["issues"]
    listed = [row["image"] for row in rows]
    assert len(wrong & set(listed)) >= 8
    assert len(wrong & set(listed[:10])) >= 8
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_labels_of_other_suppliers_do_not_contradict(hangtag: Run, tmp_path: Path) -> None:
    """Three suppliers say Wide, Breit and Large, and so on: only their own words can be meant."""
    table, wrong = plant(tmp_path, right=420, wrong=30)
    words = [
        {"Wide": "Wide", "Tall": "Tall", "Square": "Square"},
        {"Wide": "Breit", "Tall": "Hoch", "Square": "Quadrat"},
        {"Wide": "Large", "Tall": "Haut", "Square": "Carre"},
    ]
    table["label"] = [words[row % 3][label] for row, label in enumerate(table["label"])]
    table["supplier"] = [str(row % 3) for row in range(len(table))]
    table.to_csv(tmp_path / "feed.csv", index=False)
    feed, out = tmp_path / "feed.csv", tmp_path / "out"
    outcome = hangtag("audit", feed, "--out", out, "--cross-validate")
    assert outcome.code == 1, outcome.err
    assert "labels of its own supplier" in outcome.err
    rows = list(read_csv_rows(out / "issues.csv"))
    assert len({row["image"] for row in rows} & wrong) >= 22
    assert len(rows) <= 45
    assert all(row["suggested"] in words[int(row["supplier"])].values() for row in rows)


@pytest.mark.parametrize("option", ["--rules", "--before", "--reference", "--taxonomy"])
def test_what_cross_validation_does_not_use_is_refused(
    hangtag: Run, planted: tuple[Path, set[str]], tmp_path: Path, option: str
) -> None:
    more = ("--cross-validate", option, tmp_path)
    outcome = hangtag("audit", planted[0], "--out", tmp_path / "out", *more)
    assert outcome.code == 2
    assert f"leave out {option}" in outcome.err


def test_one_label_is_refused(hangtag: Run, planted: tuple[Path, set[str]], tmp_path: Path) -> None:
    table = pd.read_csv(planted[0])
    table.assign(label="All").to_csv(planted[0], index=False)
    outcome = hangtag("audit", planted[0], "--out", tmp_path / "out", "--cross-validate")
    assert outcome.code == 2
    assert "at least two labels" in outcome.err


def test_the_folder_of_an_audit_by_a_model_is_refused(
    hangtag: Run, planted: tuple[Path, set[str]], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "audit.html").write_text("")
    outcome = hangtag("audit", planted[0], "--out", tmp_path / "out", "--cross-validate")
    assert outcome.code == 2
    assert "holds an audit by a model" in outcome.err
