"""Own datasets of photos: train, evaluate, predict, whatever the files are called."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.environment import EXTRAS
from hangtag.training.recipes import to_yaml
from tests.photos import (
    SAMPLES,
    copy_photos,
    photo_recipe,
    write_broken_photos,
    write_photo_manifest,
    write_photos,
)
from tests.tiny import Run


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "my photos ☂")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    changes = ("linear_probing=null", "ema=null", "mixup=0", "augment=[]")
    small = photo_recipe(*changes, "epochs=16", "optimiser.learning_rate=0.01")
    path.write_text(to_yaml(small), "utf-8")
    return path


def test_folders_train_evaluate_predict(
    hangtag: Run, photos: Path, recipe: Path, tmp_path: Path
) -> None:
    data = copy_photos(photos, tmp_path / "data")
    write_broken_photos(data)
    run = tmp_path / "run"
    outcome = hangtag("train", data, "--recipe", recipe, "--out", run)
    assert outcome.code == 0, outcome.err
    assert "3 of the 51 images cannot be read and are left out" in outcome.err
    for label in SAMPLES:
        assert f"{label} " in outcome.err
    rows = list(csv.DictReader((run / "broken.csv").read_text("utf-8").splitlines()))
    assert [Path(row["id"]).name for row in rows] == ["cut off.jpg", "empty.webp", "text.png"]
    assert "is damaged" in rows[0]["reason"]

    card = json.loads((run / "model" / "card.json").read_text("utf-8"))
    assert card["input"] == {"height": 32, "width": 32, "channels": 3}
    assert [entry["name"] for entry in card["classes"]] == sorted(SAMPLES)

    outcome = hangtag("evaluate", run, data, "--json", "--out", tmp_path / "report")
    assert outcome.code == 0, outcome.err
    figures = json.loads(outcome.out)
    assert (figures["split"], figures["n"]) == ("validation", 7)  # held out in the training
    assert figures["accuracy"] > 0.4
    recalls = [item["recall"] for item in figures["per_class"].values()]
    assert figures["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert (tmp_path / "report" / "broken.csv").exists()

    outcome = hangtag("predict", data, "--model", run, "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert (result["n"], result["errors"]) == (51, 3)
    right = [row["category"] == Path(row["input"]).parent.name for row in result["rows"]]
    assert sum(right) / 48 > 0.6

    np.save(tmp_path / "grey.npy", np.zeros((2, 32, 32), np.uint8))
    Image.new("L", (50, 20), 99).save(tmp_path / "grey.png")
    grey = (tmp_path / "grey.npy", tmp_path / "grey.png")
    outcome = hangtag("predict", *grey, "--model", run, "--json")
    assert outcome.code == 0, outcome.err
    assert (json.loads(outcome.out)["n"], json.loads(outcome.out)["errors"]) == (3, 0)


def test_suppliers_are_held_out_and_told_apart(
    hangtag: Run, photos: Path, recipe: Path, tmp_path: Path
) -> None:
    manifest = write_photo_manifest(photos.parent / "feed.csv", photos)
    whole = write_photo_manifest(photos.parent / "all.csv", photos, split="test")
    run = tmp_path / "run"
    outcome = hangtag("train", manifest, "--recipe", recipe, "--epochs", 3, "--out", run)
    assert outcome.code == 0, outcome.err
    assert "No supplier of validation is in train" in outcome.err
    rows = list(csv.DictReader((run / "suppliers.csv").read_text("utf-8").splitlines()))
    assert len(rows) == 1
    assert rows[0]["name"].startswith("Größe & Co")
    assert "No supplier of validation is in train" in (run / "model" / "README.md").read_text()

    judged = json.loads((run / "metrics.json").read_text("utf-8"))["validation"]
    assert judged["intervals"]["suppliers"] is None  # one tells nothing of others
    outcome = hangtag("evaluate", run, manifest, "--json", "--out", tmp_path / "report")
    assert outcome.code == 0, outcome.err
    again = json.loads(outcome.out)
    assert again["split"] == "validation"  # what was held out when it was trained
    assert "images these" in outcome.err
    assert "held out when" in outcome.err
    assert again["confusion_matrix"] == judged["confusion_matrix"]
    assert (tmp_path / "report" / "suppliers.csv").exists()

    outcome = hangtag("evaluate", run, whole, "--by", "supplier", "--json")
    assert outcome.code == 0, outcome.err
    groups = json.loads(outcome.out)["by"]["supplier"]
    assert sorted(item["name"] for item in groups) == [f"Größe & Co {n}" for n in range(3)]
    assert [item["high"] for item in groups] == sorted(item["high"] for item in groups)
    assert all(item["low"] <= item["accuracy"] <= item["high"] for item in groups)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            "few",
            "evaluate on, received fewer in 50 % fusée (4);",
        ),
        (
            "none",
            "received fewer in Coats (0)",
        ),
        ("single", "at least two classes"),
        ("broken", "15 of the 63 images cannot be read, more than 20%"),
    ],
)
def test_what_cannot_be_learned_is_one_line(
    hangtag: Run, photos: Path, recipe: Path, tmp_path: Path, spoil: str, message: str
) -> None:
    data = copy_photos(photos, tmp_path / "data")
    classes = sorted(data.iterdir())
    if spoil == "few":
        for path in sorted(classes[0].iterdir())[4:]:
            path.unlink()
    elif spoil == "single":
        for folder in classes[1:]:
            shutil.rmtree(folder)
    elif spoil == "none":
        for name in ("New folder", "Coats"):
            (data / name).mkdir()
        for number in range(8):
            (data / "Coats" / f"{number}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    else:
        for number in range(15):
            (classes[0] / f"broken {number}.jpg").write_bytes(b"\xff\xd8\xff")
    outcome = hangtag("train", data, "--recipe", recipe, "--out", tmp_path / "run")
    assert outcome.code == 2
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not (tmp_path / "run").exists()


def test_arrays_of_grey_pixels_are_refused_for_a_recipe_of_photos(
    hangtag: Run, recipe: Path, tmp_path: Path
) -> None:
    header = "label," + ",".join(f"pixel{number}" for number in range(1, 785))
    rows = [f"{label}," + ",".join(["7"] * 784) for label in (0, 1) for _ in range(6)]
    (tmp_path / "tiny_train.csv").write_text("\n".join([header, *rows]))
    outcome = hangtag("train", tmp_path / "tiny_train.csv", "--recipe", recipe)
    assert outcome.code == 2
    assert "expected colour images of 32x32 pixels, received grey images of 28x28" in outcome.err


def test_evaluate_by_something_else_is_refused(hangtag: Run, trained: Path, photos: Path) -> None:
    assert hangtag("evaluate", trained, photos, "--by", "brand").code == 2


def test_without_the_weights_it_says_so_before_any_work(
    hangtag: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "photo", ("no_such_package_of_weights",))
    outcome = hangtag("train", tmp_path / "gone", "--recipe", "photo", "--out", tmp_path / "run")
    assert outcome.code == 2
    assert "the recipe photo needs the extra 'photo'" in outcome.err
    assert not (tmp_path / "run").exists()
