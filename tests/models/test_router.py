"""Which model looks at an image: measured on each, in order, the second loaded only when needed."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets import Dataset, Split
from hangtag.models.card import Card
from hangtag.models.classifier import Classifier
from hangtag.models.router import Router
from hangtag.tables.csv_cells import read_csv_rows
from hangtag.training.train import train
from tests.photos import photo_recipe
from tests.tiny import Run, make_split

GREY, PHOTOS = "shapes-express", "colours-photo"


@pytest.fixture(scope="module")
def photo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of colour images of 32x32 that tells red from green."""
    folder = tmp_path_factory.mktemp("photos") / "run"
    splits = {name: _make_colours(24, seed=seed) for seed, name in enumerate(("train", "test"))}
    recipe = photo_recipe("linear_probing=null", "ema=null", "mixup=0", "augment=[]", "epochs=6")
    train(Dataset("colours", "made", ("green", "red"), splits), recipe=recipe, out=folder)
    return folder / "model"


def _make_colours(count: int, *, seed: int) -> Split:
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = random.integers(0, 90, (count, 32, 32, 3), dtype=np.uint8)
    images[np.arange(count), :, :, 1 - labels] += 150
    return Split(images, labels.astype(np.int64), np.array([f"{seed}/{n}" for n in range(count)]))


@pytest.fixture
def both(trained: Path, photo_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ships a model of grey images and one of photos."""
    shipped = {"clothing-photos": photo_model, "fashion-mnist": trained / "model"}
    monkeypatch.setattr("hangtag.models.router.shipped_models", lambda: shipped)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of every kind, named by the model that they are for."""
    root = tmp_path / "in"
    root.mkdir()
    grey = Image.fromarray(make_split(1, classes=3, seed=3).images[0])
    red = Image.new("RGB", (28, 28), "red")
    transparent = Image.merge("LA", (grey, Image.new("L", grey.size, 200)))
    grey.save(root / "00-grey.png")
    grey.convert("RGB").save(root / "01-grey.png")
    red.save(root / "02-photo.png")
    grey.convert("RGB").save(root / "03-grey.jpg")
    grey.resize((28, 29)).save(root / "04-photo.png")
    red.resize((300, 200)).save(root / "05-photo.jpg")
    grey.resize((224, 224)).save(root / "06-photo.jpg")
    transparent.save(root / "07-grey.png")
    grey.convert("P").save(root / "08-grey.png")
    (root / "09-broken.png").write_bytes(b"broken")
    np.save(root / "10-grey.npy", np.zeros((3, 28, 28), np.uint8))
    np.save(root / "11-photo.npy", np.zeros((2, 32, 32), np.uint8))
    np.save(root / "12-photo.npy", np.zeros((2, 30, 30, 4), np.uint8))
    np.save(root / "13-broken.npy", np.zeros((2, 30, 30)))
    return root


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("workers", [0, 2])
def test_each_image_goes_to_its_model_in_order(
    hangtag: Run, folder: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "out.csv"
    outcome = hangtag("predict", folder, "--out", out, "--workers", workers, "--json")
    assert outcome.code == 0, outcome.err
    rows = list(read_csv_rows(out))
    names = [Path(row["input"]).name for row in rows]
    assert names == sorted(names)
    assert len(rows) == 9 + 1 + 3 + 2 + 2 + 1
    expected = {"grey": GREY, "photo": PHOTOS, "broken": ""}
    for row, name in zip(rows, names, strict=True):
        assert row["model"] == expected[name[3:].partition(".")[0]], name
    assert {row["category"] for row in rows if row["model"] == PHOTOS} <= {"green", "red"}
    assert "received (2, 30, 30) of type float64" in rows[-1]["error"]
    result = json.loads(outcome.out)
    assert (result["model"], result["n"], result["errors"]) == ("auto", 18, 2)
    assert result["models"] == {GREY: 8, PHOTOS: 8}
    assert sum(result["decisions"].values()) == 16


@pytest.mark.usefixtures("both")
def test_auto_says_what_each_model_says_alone(
    hangtag: Run, folder: Path, trained: Path, photo_model: Path
) -> None:
    together = json.loads(hangtag("predict", folder, "--json").out)["rows"]
    for model, name in ((trained, GREY), (photo_model, PHOTOS)):
        alone = json.loads(hangtag("predict", folder, "--model", model, "--json").out)["rows"]
        said = {row["input"]: row for row in alone}
        of_model = [row for row in together if row["model"] == name]
        assert of_model
        for row in of_model:
            assert row["category"] == said[row["input"]]["category"]
            assert row["confidence"] == pytest.approx(said[row["input"]]["confidence"], abs=1e-5)


@pytest.mark.usefixtures("both")
def test_an_interrupted_run_resumes_with_both_models(
    hangtag: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = (tmp_path / run / "out.jsonl" for run in ("whole", "interrupted"))
    assert hangtag("predict", folder, "--out", whole, "--explain").code == 0
    monkeypatch.setattr("hangtag.pipeline.predictor.ROWS_A_BATCH", 5)
    predict, calls = Router.predict, []

    def stop(
        router: Router, images: np.ndarray, resized: np.ndarray, *, precision: float
    ) -> object:
        calls.append(len(images))
        if len(calls) > 3:
            raise KeyboardInterrupt
        return predict(router, images, resized, precision=precision)

    monkeypatch.setattr(Router, "predict", stop)
    assert hangtag("predict", folder, "--out", out, "--explain").code == 130
    monkeypatch.setattr(Router, "predict", predict)
    outcome = hangtag("predict", folder, "--out", out, "--explain", "--resume")
    assert outcome.code == 0, outcome.err
    assert out.read_bytes() == whole.read_bytes()
    pictures = [sorted(p.name for p in Path(f"{o}.saliency").iterdir()) for o in (whole, out)]
    assert len(pictures[0]) == 16
    assert pictures[0] == pictures[1]


@pytest.mark.usefixtures("both")
def test_a_model_is_loaded_when_its_first_image_comes(
    hangtag: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, loaded = Classifier.open, []

    def count(folder: Path, card: Card) -> Classifier:
        loaded.append(folder)
        return opened(folder, card)

    monkeypatch.setattr(Classifier, "open", count)
    assert hangtag("predict", folder / "00-grey.png", "--json").code == 0
    assert len(loaded) == 1
    assert hangtag("predict", folder / "10-grey.npy", folder / "05-photo.jpg", "--json").code == 0
    assert len(loaded) == 3


def test_without_a_model_of_photos_none_is_accepted_and_it_is_said_once(
    hangtag: Run, folder: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = {"fashion-mnist": trained / "model"}
    monkeypatch.setattr("hangtag.models.router.shipped_models", lambda: shipped)
    outcome = hangtag("predict", folder, "--json")
    assert outcome.code == 0, outcome.err
    said = f"are not 28x28 pixels; {GREY} learned from no resized"
    assert outcome.err.count(said) == 1
    assert json.loads(outcome.out)["models"] == {GREY: 16}
    outcome = hangtag("predict", folder / "00-grey.png", "--json")
    assert said not in outcome.err
