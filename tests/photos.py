"""Small datasets of photos, made of the sample pictures that scikit-image brings."""

import csv
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from hangtag.training.recipes import Recipe, load_recipe, parse_settings

SAMPLES = {"Katze 猫": "chelsea.png", "café au lait": "coffee.png", "50 % fusée": "rocket.jpg"}
"""Class names that file systems and tables find hard, and the picture that each is cut from."""

SUFFIXES = (".jpg", ".png", ".webp", ".JPEG")


def read_sample(name: str) -> Image.Image:
    file = resources.files("skimage.data").joinpath(name)
    with resources.as_file(file) as path, Image.open(path) as image:
        return image.convert("RGB")


def write_photos(folder: Path, *, each: int = 16, seed: int = 0) -> Path:
    """Writes class folders of parts of the samples, in all formats and modes, of many sizes."""
    random = np.random.default_rng(seed)
    for label, name in SAMPLES.items():
        sample = read_sample(name)
        (folder / label).mkdir(parents=True)
        for number in range(each):
            width, height = random.integers(100, 250, 2).tolist()
            left = int(random.integers(0, sample.width - width))
            top = int(random.integers(0, sample.height - height))
            part = sample.crop((left, top, left + width, top + height))
            suffix = SUFFIXES[number % len(SUFFIXES)]
            if suffix == ".png" and number % 8 == 1:
                part.putalpha(200)
            path = folder / label / f"{number} · photo #{number}{suffix}"
            part.save(path, format=None if suffix != ".JPEG" else "JPEG")
    return folder


def write_broken_photos(folder: Path) -> None:
    """Adds three files that are no images to the first class."""
    first = folder / next(iter(SAMPLES))
    whole = next(first.glob("*.jpg")).read_bytes()
    (first / "cut off.jpg").write_bytes(whole[: len(whole) // 2])
    (first / "text.png").write_text("not an image")
    (first / "empty.webp").touch()


def write_photo_manifest(path: Path, photos: Path, *, split: str = "train") -> Path:
    """Writes a manifest of class folders, the items going round three suppliers."""
    files = sorted(item for item in photos.rglob("*") if item.is_file())
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Image", "label", " Supplier ", "SPLIT", "price"])
        for position, file in enumerate(files):
            label = file.parent.name
            supplier = f"Größe & Co {position % 3}"
            writer.writerow([file.relative_to(path.parent), label, supplier, split, "9.90"])
    return path


def photo_recipe(*changes: str) -> Recipe:
    """The recipe photo with a small network of fresh weights, on small images, for a test."""
    small = (
        "network.pretrained=false",
        "network.width=0.25",
        "network.depth=0.3",
        "images.size=32",
        "batch_size=8",
        "epochs=4",
        "linear_probing.epochs=2",
        "linear_probing.backbone_factor=1.0",
        "optimiser.learning_rate=0.003",
        "precision=float32",
    )
    return load_recipe("photo", settings=parse_settings([*small, *changes]))


def copy_photos(source: Path, target: Path) -> Path:
    """Copies class folders, so that a test may change them."""
    shutil.copytree(source, target)
    return target
