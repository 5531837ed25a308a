"""Measures the speed of ``hangtag predict`` on a folder of JPEG photos, and of its parts.

    python -m benchmarks.photo_folders            a part of ``make bench`` on its own, five rounds
    python -m benchmarks.photo_folders --quick    three rounds of few photos

Alternates: decoding alone with as many processes as ``predict`` starts, the model alone on decoded
pixels, the whole command, and PyTorch eager on the same network fed by the same decoder processes.
The last lines are the speed of the command relative to the slower of its two parts (goal: 0.60) and
to PyTorch. The model is ``clothing-photos``. Full runs write
``benchmarks/results/photo_folders.json``.
"""

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import hangtag
from benchmarks.measuring import Measure, hangtag_command, run_in_turns, timed, write_results
from benchmarks.prediction import Pixels, open_eager
from benchmarks.printing import print_table
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage
from hangtag.images.spec import ImageSpec
from hangtag.readers import open_source
from hangtag.training.recipes import load_recipe

MODEL = "clothing-photos"
RESULTS = Path(__file__).parent / "results" / "photo_folders.json"

SIDES = (320, 1600)
"""Longest sides of the photos, pixels: those of the clothing data set, and those of a shop."""

SAMPLES = ("astronaut", "coffee", "chelsea", "rocket")
QUALITY = 90
BATCH = 64
GOAL = 0.6
EXTENT = {"quick": (3, 128), "full": (5, 1280)}
"""Rounds, and photos in a folder."""


def measure_photos(work: Path, *, rounds: int, count: int) -> dict[str, float]:
    """Images a second, by ``WHAT, SIDE px``, for photos of each of `SIDES`.

    Args:
        work: Where photos and model go.
        rounds: Times that each is measured.
        count: Photos in a folder.
    """
    eager = open_eager("photo")
    speeds: dict[str, float] = {}
    for side in SIDES:
        folder = write_photos(work / f"photos-{side}", side=side, count=count)
        works: dict[str, Callable[[], object]] = {
            "decoding alone": partial(decode, folder),
            "model alone": model_alone(folder),
            "hangtag predict": command(folder, work / "out.csv"),
            "PyTorch eager, decoding": partial(run_eager, eager, folder),
        }
        measures: dict[str, Measure] = {
            f"{name}, {side} px": timed(work, items=count) for name, work in works.items()
        }
        speeds |= run_in_turns(measures, rounds=rounds)
    return speeds


def ratios_of_photos(speeds: dict[str, float]) -> dict[str, float]:
    """Returns the speed of the command over that of its slower part, and over PyTorch's."""
    ratios = {}
    for side in SIDES:
        parts = (speeds[f"{name} alone, {side} px"] for name in ("decoding", "model"))
        whole = speeds[f"hangtag predict, {side} px"]
        ratios[f"over the slower part, {side} px (goal {GOAL})"] = whole / min(parts)
        ratios[f"over PyTorch eager, {side} px"] = (
            whole / speeds[f"PyTorch eager, decoding, {side} px"]
        )
    return ratios


def write_photos(folder: Path, *, side: int, count: int) -> Path:
    """Writes JPEG photos, four to three, cut from the sample photos of scikit-image."""
    from skimage import data

    folder.mkdir(parents=True)
    samples = [Image.fromarray(getattr(data, name)()).convert("RGB") for name in SAMPLES]
    random = np.random.default_rng(0)
    for number in range(count):
        sample = samples[number % len(samples)]
        width = int(random.integers(sample.width // 2, sample.width))
        height = min(sample.height, width * 4 // 3)
        left, top = (int(random.integers(0, free + 1)) for free in (sample.width - width, 0))
        part = sample.crop((left, top, left + width, top + height))
        part.resize((side * 3 // 4, side)).save(folder / f"{number:05d}.jpg", quality=QUALITY)
    return folder


def stream(folder: Path) -> Iterator[Pixels]:
    """Decodes the photos of a folder as `predict` does, to (224, 224, 3)."""
    side = load_recipe("photo").images.size
    source = open_source(folder)
    with DecoderPool() as pool:
        pool.start(source.files)
        paths = (str(record.image) for record in source)
        for image in pool.decode(paths, ImageSpec(side, side, 3)):
            if isinstance(image, DecodedImage):
                yield image.pixels


def decode(folder: Path) -> list[Pixels]:
    """Decodes all photos of a folder."""
    return list(stream(folder))


def model_alone(folder: Path) -> Callable[[], object]:
    """Returns what predicts the photos of a folder, decoded beforehand."""
    pixels, classifier = np.stack(decode(folder)), hangtag.load(MODEL)
    return lambda: classifier.predict(pixels)


def command(folder: Path, out: Path) -> Callable[[], object]:
    """Returns what runs ``hangtag predict`` on a folder."""
    line = hangtag_command("predict", folder, "--model", MODEL, "-q", "--out", out)
    return lambda: subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def run_eager(predict: Callable[[Pixels], torch.Tensor], folder: Path) -> None:
    """Predicts a folder a batch at a time while processes decode the next ones."""
    photos = stream(folder)
    while batch := list(itertools.islice(photos, BATCH)):
        predict(np.stack(batch))


def main() -> None:
    """Measures and prints."""
    quick = "--quick" in sys.argv
    rounds, count = EXTENT["quick" if quick else "full"]
    with tempfile.TemporaryDirectory() as name:
        speeds = measure_photos(Path(name), rounds=rounds, count=count)
    ratios = ratios_of_photos(speeds)
    for title, figures in (("Photos, images a second", speeds), ("hangtag predict", ratios)):
        print_table(title, ["what", "figure"], [[n, f"{v:,.3g}"] for n, v in figures.items()])
    if not quick:
        counts = {"photos": count, "rounds": rounds}
        write_results(RESULTS, {**counts, "speeds": speeds, "ratios": ratios})


if __name__ == "__main__":
    main()
