"""The Python API mirrors the commands."""

from pathlib import Path

import hangtag
from hangtag.datasets import Dataset, ExportFormat, export_dataset


def test_open_train_load_predict(shapes: Dataset, tmp_path: Path) -> None:
    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    dataset = hangtag.load_dataset(tmp_path / "data")
    result = hangtag.train(
        dataset,
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
