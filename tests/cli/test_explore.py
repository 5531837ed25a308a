"""``hangtag explore`` from folder to page."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from hangtag.cli.explore import explore
from hangtag.errors import DataError, MissingExtraError, RecipeError
from hangtag.tables.csv_cells import read_csv_rows
from tests.datasets.made_photos import cut_samples

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    app = typer.Typer()
    app.command()(explore)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Class folders with two coats and one <b>bag."""
    rng = np.random.default_rng(0)
    data = tmp_path / "data"
    for place in ("coat/1.png", "coat/2.png", "<b>bag/1.png"):
        (data / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(data / place)
    return data


def test_last_line_is_the_page(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--out", tmp_path / "out")
    assert result.exit_code == 0
    page = Path(result.stdout.splitlines()[-1])
    assert page == tmp_path / "out" / "explore.html"
    assert "(3, 28, 28, 1)" in result.stdout
    assert "&lt;b&gt;bag" in page.read_text(encoding="utf-8")
    assert len(list((tmp_path / "out" / "figures").glob("*.png"))) == 4


def test_folders_without_a_name_are_numbered(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert run(folder, "-q").stdout.splitlines()[-1] == f"runs/explore-{number}/explore.html"


def test_json_is_one_object(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--out", tmp_path / "out", "--json", "-q")
    content = json.loads(result.stdout)
    assert content["report"] == str(tmp_path / "out" / "explore.html")
    assert content["splits"]["train"]["counts"] == {"<b>bag": 1, "coat": 2}
    assert result.stderr == ""


def test_augment_draws_copies(run: Run, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", exc_type=ImportError)
    result = run(folder, "--out", tmp_path / "out", "--augment", "seed", "-q")
    assert result.exit_code == 0, result.exception
    assert (tmp_path / "out" / "figures" / "augmentation.png").exists()


def test_augment_without_torch_names_the_extra(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("hangtag.training")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run(folder, "--out", tmp_path / "out", "--augment", "seed")
    assert isinstance(result.exception, MissingExtraError)
    assert "hangtag[train]" in str(result.exception)


def test_unknown_recipe_is_named(run: Run, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "--out", tmp_path / "out", "--augment", "no-such-recipe")
    assert isinstance(result.exception, RecipeError)
    assert "no-such-recipe" in str(result.exception)


def test_missing_data_is_named(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path / "nothing", "--out", tmp_path / "out")
    assert isinstance(result.exception, DataError)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A manifest of six photos: 4 is 0 again in test, 5 is 1 again, smaller; 6 is broken."""
    images = cut_samples(4, side=260)
    images += [images[0], images[1].resize((130, 130))]
    rows = ["id,image,label,supplier,split"]
    for number, image in enumerate(images):
        image.save(tmp_path / f"{number} ü.png")
        split = "test" if number == 4 else "train"
        rows.append(f"=n{number},{number} ü.png,{'hat' if number != 4 else 'coat'},A&B,{split}")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    rows.append("n6,broken.jpg,hat,A&B,train")
    (tmp_path / "feed.csv").write_text("\n".join(rows), "utf-8")
    return tmp_path / "feed.csv"


def read_rows(path: Path) -> list[dict[str, str]]:
    return list(read_csv_rows(path))


def test_photos_are_screened(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(photos, "--out", out)
    assert result.exit_code == 0, result.exception
    assert "(5, 224, 224, 3)" in result.stdout
    assert "by the embeddings of the model clothing-photos" in " ".join(result.stderr.split())
    exact, near = read_rows(out / "duplicates.csv")
    assert (exact["id"], exact["other_id"], exact["across"]) == ("=n4", "=n0", "splits labels")
    assert (exact["split"], exact["other_split"], exact["kind"]) == ("test", "train", "exact")
    assert (near["id"], near["other_id"], near["by"]) == ("=n5", "=n1", "hash")
    assert near["path"] == str(tmp_path / "5 ü.png")
    (small,) = read_rows(out / "quality.csv")
    assert (small["id"], small["issue"], small["value"]) == ("=n5", "small", "130")
    (broken,) = read_rows(out / "broken.csv")
    assert broken["id"] == "n6"
    page = (out / "explore.html").read_text("utf-8")
    assert "Small: 1" in page
    assert page.count("data:image/jpeg") == 1 + 2 * 2


def test_photos_as_json(run: Run, photos: Path, tmp_path: Path) -> None:
    result = run(photos, "--out", tmp_path / "out", "--model", "none", "--json")
    assert result.exit_code == 0, result.exception
    quality = json.loads(result.stdout)["image_quality"]
    assert quality["photos"] == 6
    assert quality["quality"]["small"]["count"] == 1
    assert quality["quality"]["dark"] == {
        "count": 0,
        "at": 110,
        "above": False,
        "meaning": "brightest channel of its brightest hundredth, 0-255",
    }
    assert quality["duplicates"]["exact"] == {
        "items": 1,
        "splits": 1,
        "suppliers": 0,
        "labels": 1,
    }
    assert quality["duplicates"]["near"]["items"] == 1
    assert quality["duplicates"]["model"] is None
    assert [item["id"] for item in quality["broken"]] == ["n6"]


def test_a_model_of_grey_images_cannot_look_at_photos(run: Run, photos: Path) -> None:
    result = run(photos, "--model", "fashion-mnist")
    assert isinstance(result.exception, DataError)
    assert "expected a model of photos in colour" in str(result.exception)


def test_augment_of_another_format_is_refused(run: Run, photos: Path, tmp_path: Path) -> None:
    result = run(photos, "--augment", "seed", "--out", tmp_path / "out")
    assert isinstance(result.exception, DataError)
    assert "--augment seed: its images are of another size" in str(result.exception)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A dark shirt on white."""
    path = tmp_path / "shirt.png"
    image = Image.new("RGB", (100, 120), "white")
    image.paste((40, 40, 40), (20, 30, 60, 90))
    image.save(path)
    return path


def test_photo_draws_its_steps(run: Run, photo: Path, tmp_path: Path) -> None:
    result = run("--photo", photo, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.exception
    assert result.stdout == f"{tmp_path / 'out' / 'photo_steps.png'}\n"
    assert "2 trim: 40x60" in result.stderr
    with Image.open(tmp_path / "out" / "photo_steps.png") as picture:
        assert picture.width > picture.height > 400


def test_photo_json_is_one_object(run: Run, photo: Path, tmp_path: Path) -> None:
    result = run("--photo", photo, "--out", tmp_path / "out", "--json")
    content = json.loads(result.stdout)
    assert [step["name"] for step in content["steps"]][::3] == ["photo", "fit", "negate"]
    assert content["steps"][3] == {"name": "fit", "height": 28, "width": 19, "note": "19x28"}
    assert content["picture"] == str(tmp_path / "out" / "photo_steps.png")
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing to explore; give DATA, or --photo FILE"),
        (("--photo", "a.png", "data"), "--photo takes neither DATA nor --augment nor --model"),
        (
            ("--photo", "a.png", "--augment", "seed"),
            "--photo takes neither DATA nor --augment nor --model",
        ),
    ],
)
def test_data_or_photo_and_not_both(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_photo_that_is_none_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    result = run("--photo", tmp_path / "a.jpg", "--out", tmp_path / "out")
    assert isinstance(result.exception, DataError)
    assert "a.jpg: is text, not an image" in str(result.exception)
    assert not (tmp_path / "out").exists()
