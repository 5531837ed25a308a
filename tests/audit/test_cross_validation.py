"""Planted errors of a catalogue that no model was trained on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hangtag.csv_rows import read_csv_rows
from tests.tiny import Run, make_split

pytest.importorskip("cleanlab", reason="the audit extra is not installed")


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, set[str]]:
    """180 items of three labels, twelve of them wrong, and two of a label of their own."""
    split = make_split(182, classes=3, seed=5)
    names = np.array(["Wide", "Tall", "Square"])
    labels = names[split.labels].astype(object)
    wrong = np.random.default_rng(0).choice(180, 12, replace=False)
    labels[wrong] = names[(split.labels[wrong] + 1) % 3]
    labels[180:] = "Rare"
    labels[0] = f" {labels[0].upper()} "
    for index, image in enumerate(split.images):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    images = [f"{index}.png" for index in range(182)]
    pd.DataFrame({"image": images, "label": labels}).to_csv(tmp_path / "feed.csv", index=False)
    return tmp_path / "feed.csv", {images[index] for index in wrong}


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
    assert len(wrong & set(listed)) >= 10
    assert len(wrong & set(listed[:10])) >= 8
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_one_label_is_refused(hangtag: Run, planted: tuple[Path, set[str]], tmp_path: Path) -> None:
    table = pd.read_csv(planted[0])
    table.assign(label="All").to_csv(planted[0], index=False)
    outcome = hangtag("audit", planted[0], "--out", tmp_path / "out", "--cross-validate")
    assert outcome.code == 2
    assert "at least two labels" in outcome.err
