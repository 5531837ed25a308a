"""The Python API mirrors the commands."""

from pathlib import Path

import hangtag
from hangtag.catalogue import Catalogue, Format, export_catalogue


def test_open_train_load_predict(shapes: Catalogue, tmp_path: Path) -> None:
    export_catalogue(shapes, tmp_path / "data", format=Format.folders)
    catalogue = hangtag.open_catalogue(tmp_path / "data")
    changes = ["epochs=6", "batch_size=16", "network.widths=[8, 16, 16]"]
    result = hangtag.train(catalogue, recipe="express", changes=changes, out=tmp_path / "run")
    assert result is not None
    assert result.evaluations["test"].n == 60
    model = hangtag.load(tmp_path / "run")
    predictions = model.predict(catalogue.splits["test"].images[:3])
    assert [len(p.category) > 0 for p in predictions] == [True] * 3
    assert result.report.exists()
