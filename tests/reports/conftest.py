"""A tiny dataset with everything that is awkward to draw, and an evaluation of it."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hangtag.datasets import Dataset, Split
from hangtag.evaluation.metrics import Evaluation
from tests.tiny import evaluate_probabilities

HOSTILE_CLASSES = (
    "<script>alert('x')</script>",
    "$5 & $6_{",
    "上着 ✂",
    "A class with a name so long that no column of any table was ever made for it",
)

Probabilities = NDArray[np.float64]


@pytest.fixture
def make_split() -> Callable[..., Split]:
    def make(labels: list[int], *, seed: int = 0, suppliers: list[str] | None = None) -> Split:
        images = np.random.default_rng(seed).integers(0, 256, (len(labels), 28, 28), np.uint8)
        return Split(
            images=images,
            labels=np.array(labels, dtype=np.int64),
            ids=np.array([f"<i>{position}</i>" for position in range(len(labels))]),
            suppliers=None if suppliers is None else np.array(suppliers),
        )

    return make


@pytest.fixture
def hostile_dataset(make_split: Callable[..., Split]) -> Dataset:
    """Four classes with awkward names; the last has no images."""
    return Dataset(
        name="shop <b>",
        source="/data/shop",
        classes=HOSTILE_CLASSES,
        splits={
            "train": make_split([0, 1, 2, 1, 1], suppliers=["<u>B</u>", "A", "A", "A", "A"]),
            "test": make_split([2], seed=1),
        },
        notices=("1 image of test is also in <train>.",),
    )


@pytest.fixture
def hostile_evaluation(make_split: Callable[..., Split]) -> tuple[Evaluation, Split, Probabilities]:
    """Six images, of which two of class 1 are taken for class 0 and the rest are right."""
    split = make_split([0, 1, 1, 1, 2, 2])
    predicted = np.array([0, 0, 0, 1, 2, 2])
    confidence = np.array([0.7, 0.8, 0.9, 0.6, 0.7, 0.99995])
    probabilities = np.repeat((1 - confidence[:, None]) / 3, 4, axis=1)
    probabilities[np.arange(6), predicted] = confidence
    thresholds = {"0.95": 0.65, "0.99": None}
    evaluation = evaluate_probabilities(
        probabilities, split.labels, classes=HOSTILE_CLASSES, thresholds=thresholds
    )
    return evaluation, split, probabilities


@pytest.fixture
def pixels_of() -> Callable[[bytes], NDArray[np.uint8]]:
    """Decodes a PNG file to RGB pixels; fails where it is none."""

    def decode(png: bytes) -> NDArray[np.uint8]:
        with Image.open(BytesIO(png)) as image:
            assert image.format == "PNG"
            return np.asarray(image.convert("RGB"))

    return decode


@pytest.fixture
def history() -> list[dict[str, float]]:
    """Three epochs; the second has the lowest validation loss."""
    losses, validation = [0.9, 0.5, 0.3], [0.8, 0.6, 0.7]
    return [
        {
            "epoch": epoch,
            "seconds": 50.0,
            "lr": 0.001 * 0.9**epoch,
            "loss": loss,
            "accuracy": 1 - loss / 2,
            "val_loss": val_loss,
            "val_accuracy": 1 - val_loss / 2,
        }
        for epoch, (loss, val_loss) in enumerate(zip(losses, validation, strict=True), 1)
    ]
