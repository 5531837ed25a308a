"""Measures prediction on a folder of images, compared with the model's own speed on arrays."""

import subprocess
from pathlib import Path

from PIL import Image

import hangtag
from benchmarks.measuring import hangtag_command, run_in_turns, timed
from hangtag.datasets import Split


def measure_folder(test: Split, folder: Path, *, rounds: int) -> dict[str, float]:
    """Images a second: the default model on arrays, and the whole command on PNG files."""
    images = folder / "images"
    images.mkdir()
    for name, pixels in zip(test.ids, test.images, strict=True):
        Image.fromarray(pixels).save(images / f"{Path(name).name}.png")
    command = hangtag_command("predict", images, "--precision", 0.99, "-q")
    command += ["--out", str(folder / "out.csv")]
    model = hangtag.load("fashion-mnist")
    measures = {
        "arrays": timed(lambda: model.predict(test.images), items=len(test)),
        "folder of PNG files": timed(
            lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
            items=len(test),
        ),
    }
    return run_in_turns(measures, rounds=rounds)
