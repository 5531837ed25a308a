"""The Python API mirrors the commands."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hangtag
from hangtag import errors as errors_module
from hangtag.datasets import Dataset, ExportFormat, export_dataset

PUBLIC = [
    "AuditOptions",
    "AuditResult",
    "Card",
    "Classifier",
    "DataError",
    "Dataset",
    "Decision",
    "ErrorKind",
    "Evaluation",
    "FetchError",
    "HangtagError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "ModelEvaluation",
    "OutputError",
    "Prediction",
    "Predictions",
    "Recipe",
    "RecipeError",
    "Split",
    "TrainingError",
    "TrainingResult",
    "__version__",
    "audit",
    "evaluate",
    "load",
    "load_dataset",
    "predict",
    "train",
]


def test_open_train_load_predict(shapes: Dataset, tmp_path: Path) -> None:
    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    dataset = hangtag.load_dataset(tmp_path / "data")
    result = hangtag.train(
        tmp_path / "data",
        recipe="express",
        out=tmp_path / "run",
        epochs=6,
        batch_size=16,
        network={"widths": [8, 16, 16]},
    )
    assert result is not None
    assert result.evaluations["test"].n == 60
    model = hangtag.load(tmp_path / "run")
    predictions = model.predict(dataset.splits["test"].images[:3])
    assert [len(p.category) > 0 for p in predictions] == [True] * 3
    assert result.report.exists()
    found = hangtag.evaluate(tmp_path / "run", dataset, split="test")
    assert found.accuracy == found.metrics.accuracy == result.evaluations["test"].accuracy
    assert found.confusion_matrix.shape == (3, 3)
    assert found.classes == ("square", "tall", "wide")
    assert repr(found).startswith("ModelEvaluation('data-express' on the test split of ")
    assert len(repr(dataset)) < 200
    assert "test=60" in repr(dataset)
    assert [row["class"] for row in found.to_dicts()] == ["square", "tall", "wide"]


def test_predict_takes_a_folder_and_keeps_what_cannot_be_read(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "b.jpg").write_bytes(b"broken")
    Image.fromarray(pixels[:28, :28, 0]).save(tmp_path / "c.png")
    found = hangtag.predict(tmp_path)
    assert [prediction.model for prediction in found] == ["clothing-photos", "", "fashion-mnist"]
    assert [Path(prediction.input).name for prediction in found] == ["a.png", "b.jpg", "c.png"]
    assert found[1].decision == hangtag.Decision.ERROR
    (single,) = hangtag.predict(pixels, model="clothing-photos")
    assert single.category == found[0].category


def test_every_public_name_is_exported() -> None:
    assert sorted(hangtag.__all__) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(hangtag, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = hangtag.nonsense
    errors = {name for name, value in vars(errors_module).items() if isinstance(value, type)}
    assert {name for name in errors if name.endswith("Error")} <= set(PUBLIC)


def test_the_import_is_light() -> None:
    code = (
        "import hangtag, sys; heavy = ('numpy', 'onnxruntime', 'PIL', 'pydantic', 'torch'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_audit_can_be_called_before_and_after_its_package_is_imported(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(hangtag.DataError, match=r"missing\.csv"):
            hangtag.audit(tmp_path / "missing.csv")


def test_a_path_alone_may_be_a_pattern_a_table_or_wrong(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Image.new("RGB", (32, 32), "white").save(tmp_path / f"{name}.png")
    (tmp_path / "feed.csv").write_text("image,sku\na.png,1\nb.png,2\n")
    assert len(hangtag.predict(tmp_path / "*.png")) == 2
    assert len(hangtag.predict(tmp_path / "feed.csv")) == 2
    with pytest.raises(hangtag.DataError, match=r"there is no file or folder .*c\.png"):
        hangtag.predict(tmp_path / "c.png")


def test_open_files_bytes_of_any_kind_and_loaded_models_are_taken(tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "white").save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    model = hangtag.load("clothing-photos")
    with (tmp_path / "a.png").open("rb") as file:
        (expected,) = hangtag.predict(file, model=model)
    assert expected.model == "clothing-photos"
    for image in (bytearray(content), memoryview(content)):
        assert hangtag.predict(image)[0].confidence == pytest.approx(expected.confidence, abs=1e-6)


@pytest.mark.parametrize("images", [None, 3, [3]])
def test_what_is_no_image_is_one_clear_error(images: Any) -> None:
    with pytest.raises(hangtag.DataError, match="expected a path, bytes, a binary file, an array"):
        hangtag.predict(images)


@pytest.mark.parametrize("precision", [0, -1, 1, 95])
def test_a_precision_is_a_fraction(precision: float) -> None:
    with pytest.raises(hangtag.DataError, match=r"above 0 and below 1, such as 0\.95"):
        hangtag.predict("docs/example-photos", precision=precision)
