"""A dataset that nobody has seen, from end to end on the command line."""

import csv
import json
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.tiny import Run
from tests.unseen import BROKEN, CLASSES, KINDS, write_unseen

COUNT = len(CLASSES) * len(KINDS)
NAMES = {unquote(name) for name in CLASSES}

FAST = ("--set", "images.size=96")
"""Small images, so that the published network takes a second rather than ten."""


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def write_feed(path: Path, folders: list[Path]) -> Path:
    """Writes a manifest of class folders, the images going round six suppliers of odd names."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Label", "Supplier", "Image"])
        for folder in folders:
            for number, file in enumerate(sorted(folder.iterdir())):
                writer.writerow([unquote(folder.name), f"=Größe & Co {number % 6}", file])
    return path


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_unseen(tmp_path_factory.mktemp("unseen") / "Größe; 100% 'neu' ☂")


def check_broken(path: Path) -> None:
    rows = read_rows(path)
    assert {Path(row["id"]).name.removeprefix("0 ☂ ") for row in rows} == set(BROKEN)
    assert all(row["reason"] for row in rows)


def train_first(hangtag: Run, folders: list[Path], out: Path) -> Path:
    """Trains on a manifest, without naming a recipe."""
    outcome = hangtag("train", write_feed(out / "feed.csv", folders), *FAST, "--out", out / "run")
    assert outcome.code == 0, outcome.err
    assert "the images are photos, so the recipe is photo-fast" in outcome.err
    return out / "run"


def test_photos_are_trained_as_photos_and_split_by_supplier(
    hangtag: Run, dataset: Path, tmp_path: Path
) -> None:
    run = train_first(hangtag, sorted(dataset.iterdir()), tmp_path)
    card = json.loads((run / "model" / "card.json").read_text("utf-8"))
    assert {item["name"] for item in card["classes"]} == {name.strip() for name in NAMES}
    assert "No supplier of validation is in train" in " ".join(card["data"]["supplier_notes"])
    assert "Suppliers, the worst first" in (run / "report.html").read_text("utf-8")
    check_broken(run / "broken.csv")


@pytest.mark.slow
def test_it_continues_with_a_class_more(hangtag: Run, dataset: Path, tmp_path: Path) -> None:
    folders = sorted(dataset.iterdir())
    run = train_first(hangtag, folders[1:], tmp_path)
    more, better = write_feed(tmp_path / "more.csv", folders), tmp_path / "better"
    outcome = hangtag("train", more, "--from", run, "--out", better, "--json")
    assert outcome.code == 0, outcome.err
    judged = json.loads(outcome.out)["metrics"]["validation"]
    assert all(item["support"] for item in judged["per_class"].values())


@pytest.mark.slow
def test_explore_train_evaluate_predict(hangtag: Run, dataset: Path, tmp_path: Path) -> None:
    outcome = hangtag("explore", dataset, "--out", tmp_path / "explore", "--json")
    assert outcome.code == 0, outcome.err
    explored = json.loads(outcome.out)
    assert explored["splits"]["train"]["counts"] == dict.fromkeys(sorted(NAMES), len(KINDS))
    assert len(explored["image_quality"]["broken"]) == len(BROKEN)
    check_broken(tmp_path / "explore" / "broken.csv")

    run = tmp_path / "run"
    outcome = hangtag("train", dataset, "--recipe", "photo-fast", *FAST, "--out", run)
    assert outcome.code == 0, outcome.err
    check_broken(run / "broken.csv")
    assert "Where it looked" in (run / "report.html").read_text("utf-8") or (
        "It made no mistake" in (run / "report.html").read_text("utf-8")
    )

    outcome = hangtag("evaluate", run, dataset, "--json", "--out", tmp_path / "report")
    assert outcome.code == 0, outcome.err
    figures = json.loads(outcome.out)
    assert (figures["split"], figures["n"]) == ("validation", round(0.15 * COUNT))
    assert figures["accuracy"] > 0.7
    check_broken(tmp_path / "report" / "broken.csv")

    outcome = hangtag("predict", dataset, "--model", run, "--out", tmp_path / "out.csv", "--json")
    assert outcome.code == 0, outcome.err
    rows = read_rows(tmp_path / "out.csv")
    assert {row["category"] for row in rows} == {*NAMES, ""}
    faults = Counter(bool(row["error"]) for row in rows)
    assert faults == {False: COUNT, True: len(BROKEN)}

    outcome = hangtag("explore", dataset, "--model", run, "--out", tmp_path / "with", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["image_quality"]["duplicates"]["model"] == str(run)
