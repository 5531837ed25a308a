"""Automatic corrections: which label issues are certain enough to be corrected without a person.

A correction gives an item the model's class, so it is wrong only where that class is wrong. Each
item is a hypothesis, *the class is wrong*; its conformal p-value is the fraction of held-out images
with right labels that the model gets wrong at least as confidently. The procedure of Benjamini and
Hochberg on these p-values keeps the expected fraction of wrong corrections below a level (Jin and
Candes 2023, "Selection by prediction with conformal p-values"; Bates, Candes, Lei, Romano and Sesia
2023). Labels only decide which items are candidates; all other items have a p-value of one, so the
bound holds however labels come to be wrong.

Letters: N items, M reference images, W of them wrong, K classes.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import DATA_NAMES, Split, load_dataset, split_dataset
from hangtag.datasets.dataset import hash_split
from hangtag.datasets.held_out import restore_validation, unpack_fingerprints
from hangtag.errors import DataError, FetchError
from hangtag.evaluation.metrics import align_split
from hangtag.models.classifier import Classifier
from hangtag.pipeline.rows import DIGITS
from hangtag.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Reference:
    """Held-out images with right labels, and what the model says about them.

    Attributes:
        probabilities: Calibrated, (M, K).
        is_ood: Whether they are OOD, (M,).
        labels: Their classes, (M,).
        source: Where they come from, for people.
    """

    probabilities: NDArray[np.float64]
    is_ood: NDArray[np.bool_]
    labels: NDArray[np.int64]
    source: str


@dataclass(frozen=True, slots=True)
class CorrectionThreshold:
    """From which confidence labels are corrected, and if none are, why.

    Attributes:
        threshold: Lowest confidence of a correction, None where none is allowed.
        above_errors: Candidates more confident than every error on the reference.
        needed: How many of those a first correction would take.
        reference_needed: About how many reference images would allow corrections, None where some
            are allowed or where a better model is needed instead.
    """

    threshold: float | None
    above_errors: int
    needed: int
    reference_needed: int | None


def correction_confidence(
    probabilities: NDArray[np.float64], is_ood: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Returns the confidence by which corrections are ranked, (N,): zero for OOD items.

    Args:
        probabilities: Calibrated, (N, K).
        is_ood: Whether the items are OOD, (N,).
    """
    return np.where(is_ood, 0.0, probabilities.max(axis=1))


class CorrectionTest:
    """Finds the lowest confidence that keeps the bound, in memory that does not grow with items.

    Args:
        reference: Held-out images with right labels.
    """

    def __init__(self, reference: Reference) -> None:
        wrong = reference.probabilities.argmax(axis=1) != reference.labels
        confidence = correction_confidence(reference.probabilities, reference.is_ood)
        self._size = len(wrong)
        self._errors = np.sort(confidence[wrong])  # (W,), rising
        self._counts = np.zeros(len(self._errors) + 1, dtype=np.int64)
        self._items = 0

    def add(self, confidence: NDArray[np.float64], candidates: NDArray[np.bool_]) -> None:
        """Adds items (N,): the confidence of each, and whether it might be corrected."""
        above = len(self._errors) - np.searchsorted(
            self._errors, confidence[candidates], side="left"
        )
        self._counts += np.bincount(above, minlength=len(self._counts))
        self._items += len(confidence)

    def find(self, level: float) -> CorrectionThreshold:
        """Finds the threshold.

        Args:
            level: Largest expected fraction of wrong corrections, 0-1.
        """
        selected = np.cumsum(self._counts)  # candidates with at most so many errors above them
        errors = np.arange(len(selected))
        p_values = (errors + 1) / (self._size + 1)
        needed = math.ceil(round(self._items / (self._size + 1) / level, DIGITS))
        passed = np.flatnonzero((p_values * self._items <= level * selected) & (selected > 0))
        if not len(passed):
            more = self._reference_needed(level, selected, errors)
            return CorrectionThreshold(None, int(selected[0]), needed, more)
        position = len(self._errors) - int(passed[-1]) - 1
        threshold = 0.0 if position < 0 else float(np.nextafter(self._errors[position], 2.0))
        return CorrectionThreshold(threshold, int(selected[0]), needed, None)

    def _reference_needed(
        self, level: float, selected: NDArray[np.int64], errors: NDArray[np.int64]
    ) -> int | None:
        """Returns how many reference images like these would allow corrections."""
        room = level * selected - errors * self._items / self._size
        if room.max() <= 0:
            return None
        return max(math.ceil(self._items / float(room.max())), self._size + 1)


def describe_threshold(found: CorrectionThreshold | None, *, source: str, precision: float) -> str:
    """Says in a sentence what is corrected automatically, or why nothing is."""
    if found is None:
        return (
            "nothing is corrected automatically: the model's validation images are not available; "
            "pass held-out images with right labels with --reference"
        )
    if found.threshold is not None:
        return (
            f"automatic corrections are expected to be right in at least {100 * precision:g}%, "
            f"tested on {source}: from a confidence of {found.threshold:.4f}"
        )
    advice = (
        f"about {found.reference_needed:,} reference images would allow some"
        if found.reference_needed
        else "a better model is needed, not more reference images"
    )
    noun = "label issue" if found.needed == 1 else "label issues"
    return (
        f"nothing is corrected automatically: a precision of {100 * precision:g}% needs "
        f"{found.needed:,} {noun} ranked above every error on {source}; only "
        f"{found.above_errors:,} found; "
        f"{advice}, or lower --precision"
    )


def load_reference(
    classifier: Classifier, data: str | None, *, on_progress: OnProgress | None = None
) -> Reference | None:
    """Loads the reference images and runs the model on them.

    Args:
        classifier: The model.
        data: Labelled data that the model was not trained on: the images in it that the model was
            evaluated on or its validation split, else its test split, else its only split. By
            default the validation split that the model was calibrated on, where it is available
            offline.
        on_progress: Called with the images done and all images.

    Returns:
        The reference, None where there is none by default.

    Raises:
        DataError: `data` cannot be read or has labels that the model does not know.
    """
    found = _find_validation(classifier) if data is None else _open_reference(classifier, data)
    if found is None:
        return None
    split, source = found
    probabilities, is_ood = classifier.classify(split.images, on_progress=on_progress)
    return Reference(probabilities, is_ood, split.labels, source)


def _find_validation(classifier: Classifier) -> tuple[Split, str] | None:
    """Returns the validation split that a model was calibrated on, where it is available."""
    card = classifier.card
    data = card.data
    if data.name not in DATA_NAMES:
        return None
    try:
        dataset = load_dataset(data.name, offline=True)
        divided = split_dataset(dataset, fraction=data.validation_fraction, seed=card.lineage.seed)
    except (FetchError, DataError):
        return None
    split = divided.splits["validation"]
    source = f"the {len(split):,} validation images of {data.name}"
    return (split, source) if hash_split(split) == data.splits["validation"].sha256 else None


def _open_reference(classifier: Classifier, data: str) -> tuple[Split, str]:
    card = classifier.card
    dataset = load_dataset(data, spec=card.input)
    held_out = unpack_fingerprints(card.data.held_out)
    dataset = restore_validation(dataset, held_out)
    names = [name for name in ("validation", "test") if name in dataset.splits]
    name = (names or list(dataset.splits))[0]
    split = align_split(
        dataset.splits[name], classes=dataset.classes, model_classes=classifier.classes
    )
    return split, f"{len(split):,} images of {data} ({name})"
