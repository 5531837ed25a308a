"""Simulates automatic corrections over many feeds drawn from validation images.

    python -m benchmarks.corrections [--feeds 300] [--noise 0.05] [--precision 0.99]

The population is the shipped model's validation images. For each feed, a reference of 6,000 and a
feed of 10,400 are drawn from it with replacement, and labels are made wrong: half of them by a
category that looks alike. Every word means one category.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

import hangtag
from benchmarks.printing import print_table
from hangtag.audit.corrections import (
    CorrectionTest,
    Reference,
    correction_confidence,
    load_reference,
)
from hangtag.audit.demo.brands import LOOK_ALIKES, category_id

REFERENCE, ITEMS = 6_000, 10_400


def main() -> None:
    """Draws the feeds and prints what was corrected."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--feeds", type=int, default=300)
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--precision", type=float, default=0.99)
    options = parser.parse_args()
    classifier = hangtag.load("fashion-mnist")
    images = load_reference(classifier, None)
    if images is None:
        raise SystemExit("run hangtag data fetch fashion-mnist first")
    alike = find_alike(classifier.classes)
    random = np.random.default_rng(0)
    counts = np.array(
        [
            correct_feed(images, alike, options.noise, 1 - options.precision, random)
            for _ in range(options.feeds)
        ]
    )
    print_figures(counts, 1 - options.precision)


def find_alike(classes: tuple[str, ...]) -> NDArray[np.bool_]:
    """Returns which classes look alike, (K, K)."""
    kinds = [category_id(name) for name in classes]
    return np.array([[other in LOOK_ALIKES.get(kind, ()) for other in kinds] for kind in kinds])


def correct_feed(
    images: Reference,
    alike: NDArray[np.bool_],
    noise: float,
    level: float,
    random: np.random.Generator,
) -> tuple[int, int]:
    """Draws a reference and a feed; returns how many were corrected, and how many wrongly."""
    held, fed = (random.integers(0, len(images.labels), count) for count in (REFERENCE, ITEMS))
    truth = images.labels[fed]
    labels = make_wrong(truth, alike, noise, random)
    answers = images.probabilities[fed].argmax(axis=1)
    confidence = correction_confidence(images.probabilities[fed], images.is_ood[fed])
    candidates = (answers != labels) & ~images.is_ood[fed]
    scores = CorrectionTest(
        Reference(images.probabilities[held], images.is_ood[held], images.labels[held], "drawn")
    )
    scores.add(confidence, candidates)
    threshold = scores.find(level).threshold
    corrected = candidates & (confidence >= (np.inf if threshold is None else threshold))
    return int(corrected.sum()), int((answers != truth)[corrected].sum())


def make_wrong(
    truth: NDArray[np.int64], alike: NDArray[np.bool_], noise: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """Returns labels of which a fraction is wrong."""
    labels = truth.copy()
    for number, index in enumerate(np.flatnonzero(random.random(len(truth)) < noise).tolist()):
        near = alike[truth[index]]
        chosen = near if number % 2 and near.any() else ~near
        others = np.flatnonzero(chosen & (np.arange(len(near)) != truth[index]))
        labels[index] = random.choice(others)
    return labels


def print_figures(counts: NDArray[np.int64], level: float) -> None:
    """Prints the means over the feeds (F, 2)."""
    corrected, wrong = counts[:, 0], counts[:, 1]
    fractions = wrong / np.maximum(corrected, 1)
    error = fractions.std() / np.sqrt(len(fractions))
    rows = [
        ["feeds", f"{len(counts):,}"],
        ["feeds with corrections", f"{(corrected > 0).mean():.1%}"],
        ["corrections a feed", f"{corrected.mean():.0f}"],
        ["wrong among them, mean fraction", f"{fractions.mean():.2%} (standard error {error:.2%})"],
        ["allowed at most", f"{level:.2%}"],
        ["feeds in which more are wrong", f"{(fractions > level).mean():.1%}"],
    ]
    print_table("", ["", ""], rows)


if __name__ == "__main__":
    main()
