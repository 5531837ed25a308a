"""An exported model runs in an environment without Hangtag."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import ModelError, OutputError
from hangtag.models.classifier import Classifier
from hangtag.models.standalone import export_standalone
from tests.tiny import Run

REFUSE_HANGTAG = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "hangtag":
            raise ImportError("hangtag is refused")
sys.meta_path.insert(0, Refuse())
script = sys.argv[1]
sys.argv = sys.argv[1:]
runpy.run_path(script, run_name="__main__")
"""


def run_script(folder: Path, image: Path) -> list[str]:
    command = [sys.executable, "-I", "-c", REFUSE_HANGTAG, str(folder / "predict.py"), str(image)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("model", ["fashion-mnist-tiny", "clothing-photos"])
def test_the_script_predicts_what_the_model_predicts(model: str, tmp_path: Path) -> None:
    classifier, spec = Classifier.load(model), Classifier.load(model).card.input
    folder = export_standalone(model, tmp_path / "exported")
    random = np.random.default_rng(0)
    for number in range(2):
        pixels = random.integers(0, 80, spec.shape, dtype=np.uint8)
        pixels[spec.height // 4 : spec.height // 2 + 9 * number, 9:-9] = 220
        image = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(image)
        expected = classifier.predict(pixels)[0]
        *category, confidence = [word for word in run_script(folder, image) if word != "unknown"]
        assert " ".join(category) == expected.category
        assert float(confidence) == pytest.approx(expected.confidence, abs=1e-3)


def test_a_grey_model_says_what_images_it_takes(tmp_path: Path) -> None:
    folder = export_standalone("fashion-mnist-tiny", tmp_path / "exported")
    text = " ".join((folder / "README.md").read_text().split())
    assert "grey images of 28x28 pixels: a bright garment on black" in text
    assert "do not use the model for photos" in text


def test_the_command_exports_and_refuses_a_folder_that_is_there(
    hangtag: Run, tmp_path: Path
) -> None:
    outcome = hangtag("export", "fashion-mnist-tiny", "--to", tmp_path / "a", "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["files"] == [
        "README.md",
        "labels.json",
        "model.onnx",
        "predict.py",
    ]
    assert hangtag("export", "fashion-mnist-tiny", "--to", tmp_path / "a").code == 2
    with pytest.raises(OutputError):
        export_standalone("fashion-mnist-tiny", tmp_path / "a")
    with pytest.raises(ModelError, match="no model"):
        export_standalone("nonsense", tmp_path / "b")
