"""Training on the categories of a tree of the user's own."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from hangtag.datasets import Dataset, ExportFormat, export_dataset
from hangtag.training.recipes import to_yaml
from tests.tiny import Run, make_split, tiny_recipe

TREE = """id,name,parent
9,Home,
1,Clothing,
12,Tops,1
121,Wide tops,12
122,Tall tops,12
13,Square dresses,1
2,Shoes,
21,Flat,2
29,Flat,9
"""

LABELS = {"wide": "121", "tall": "TALL TOP", "square": "13", "flat": "Shoes > Flat"}


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest labelled with ids, names and paths, beside the tree."""
    folder = tmp_path_factory.mktemp("feed") / "data"
    splits = {
        "train": make_split(160, classes=4, seed=1),
        "test": make_split(40, classes=4, seed=2),
    }
    export_dataset(Dataset("feed", "made", tuple(LABELS), splits), folder, format=ExportFormat.png)
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label": LABELS[row["label"]]} for row in rows)
    (folder / "tree.csv").write_text(TREE, "utf-8")
    return folder


@pytest.fixture(scope="module")
def recipe(feed: Path) -> Path:
    path = feed.parent / "small.yaml"
    path.write_text(to_yaml(tiny_recipe("epochs=6")), "utf-8")
    return path


def test_the_classes_are_the_categories_that_occur(
    hangtag: Run, feed: Path, recipe: Path, tmp_path: Path
) -> None:
    run, tree = tmp_path / "run", feed / "tree.csv"
    given = (feed / "manifest.csv", "--taxonomy", tree)
    outcome = hangtag("train", *given, "--recipe", recipe, "--out", run)
    assert outcome.code == 0, outcome.err
    card = json.loads((run / "model" / "card.json").read_text("utf-8"))
    assert [(item["name"], item["category"]) for item in card["classes"]] == [
        ("Wide tops", "121"),
        ("Tall tops", "122"),
        ("Square dresses", "13"),
        ("Shoes > Flat", "21"),
    ]
    levels = [
        (item["name"], item["categories"], item["members"]) for item in card["policy"]["levels"]
    ]
    assert levels[1:] == [
        ("level 2", ["Tops"], [0, 0, None, None]),
        ("level 1", ["Clothing"], [0, 0, 0, None]),
    ]
    assert card["data"]["taxonomy"]["source"] == "tree.csv"
    assert "the category in tree.csv" in (run / "model" / "README.md").read_text("utf-8")

    outcome = hangtag("evaluate", run, *given, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["accuracy"] > 0.6
    assert "does not know" in hangtag("evaluate", run, feed / "manifest.csv").err

    for other in ((feed / "manifest.csv",), (*given[:2], _change(tree, tmp_path))):
        outcome = hangtag("train", *other, "--out", run, "--resume")
        assert outcome.code == 2
        assert "was started with another --taxonomy" in outcome.err
    assert hangtag("train", *given, "--out", run, "--resume").code == 0


def _change(tree: Path, folder: Path) -> Path:
    changed = folder / "tree.csv"
    changed.write_text(tree.read_text("utf-8").replace("Tops", "Upper parts"), "utf-8")
    return changed


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("13,Square dresses,1\n", "", "the label '13' is neither an id nor a name"),
        ("2,Shoes,\n21,Flat,2", "2,Boots,\n21,Flat,2", "the label 'Shoes > Flat' is neither"),
        ("12,Tops,1", "12,Tops,7", "the parent 7 of 12 is not in the file"),
    ],
)
def test_a_label_without_a_category_is_one_line(
    hangtag: Run, feed: Path, tmp_path: Path, before: str, after: str, message: str
) -> None:
    tree = tmp_path / "tree.csv"
    tree.write_text(TREE.replace(before, after), "utf-8")
    out = tmp_path / "run"
    outcome = hangtag("train", feed / "manifest.csv", "--taxonomy", tree, "--out", out)
    assert outcome.code == 2
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not out.exists()


def test_a_category_above_others_backs_them_off() -> None:
    """A class with classes below it is part of its own group."""
    from hangtag.decisions.policy import build_levels
    from hangtag.taxonomy import Category, Tree, levels_above, parents_of

    rows = [("s", "Shoes", None), ("b", "Boots", "s"), ("f", "Flats", "s"), ("h", "Hats", None)]
    tree = Tree([Category(*row) for row in rows], source="t.csv")
    classes = ("Shoes", "Boots", "Flats", "Hats")
    parents = [parents_of(name, tree) for name in classes]
    (_, level) = build_levels(classes, parents, names=levels_above(tree))
    assert (level.name, level.categories, level.members) == ("level 1", ("Shoes",), (0, 0, 0, None))
    assert level.category_of(np.array([0, 3])).tolist() == [0, -1]
