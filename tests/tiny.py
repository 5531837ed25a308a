"""What many tests share: made images, a tiny recipe, the outcome of a command."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import Split
from hangtag.decisions.policy import DecisionPolicy, build_levels
from hangtag.evaluation.metrics import Evaluation, evaluate
from hangtag.training.recipes import Recipe, load_recipe, parse_settings


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


SHAPES = ((3, 20), (20, 3), (9, 9), (3, 7), (7, 3))
"""Height and width of the bright rectangle of each class."""


def make_split(count: int, *, classes: int, seed: int) -> Split:
    """Makes images that tell their class by the shape of a bright rectangle on noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = random.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        height, width = SHAPES[label]
        top, left = random.integers(0, 28 - height), random.integers(0, 28 - width)
        image[top : top + height, left : left + width] = 200 + random.integers(0, 50)
    ids = np.array([f"{seed}/{index}" for index in range(count)])
    return Split(images, labels.astype(np.int64), ids)


def tiny_recipe(*changes: str) -> Recipe:
    """The express recipe, small enough for a test."""
    small = (
        "epochs=8",
        "batch_size=16",
        "network.widths=[8, 16, 16]",
        "precision=float32",
    )
    return load_recipe("express", settings=parse_settings([*small, *changes]))


def evaluate_probabilities(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    classes: tuple[str, ...],
    thresholds: Mapping[str, float | None],
) -> Evaluation:
    """Evaluates probabilities (N, K) by one threshold for all classes, nothing being unknown."""
    count = len(classes)
    policy = DecisionPolicy(
        levels=build_levels(classes, [()] * count, names=()),
        thresholds={name: ((threshold,) * count,) for name, threshold in thresholds.items()},
        items_needed={},
        ood_threshold=0.0,
    )
    logits = np.log(np.maximum(probabilities, 1e-30)).astype(np.float32)
    ood_scores = np.zeros(len(labels), dtype=np.float32)
    return evaluate(logits, ood_scores, labels, temperature=1.0, policy=policy)
