"""Held-out images with right labels, on which automatic corrections are tested."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import DATA_NAMES, Split, load_dataset, split_dataset
from hangtag.datasets.dataset import hash_split
from hangtag.datasets.held_out import restore_validation, unpack_fingerprints
from hangtag.errors import DataError, FetchError
from hangtag.evaluation.metrics import align_split
from hangtag.models.classifier import Classifier
from hangtag.progress import OnProgress


@dataclass(frozen=True, slots=True)
class Reference:
    """Held-out images with right labels, as the model sees them.

    Attributes:
        probabilities: Calibrated, (M, K).
        strange: Whether they are strange, (M,).
        labels: Their classes, (M,).
        source: What they are, for people.
    """

    probabilities: NDArray[np.float64]
    strange: NDArray[np.bool_]
    labels: NDArray[np.int64]
    source: str


def load_reference(
    classifier: Classifier, data: str | None, *, on_progress: OnProgress | None = None
) -> Reference | None:
    """Loads the reference and runs the model on it.

    Args:
        classifier: The model.
        data: Labelled data that the model has not learned; its validation split counts, or the
            images in it that the model was judged by, else its test split, else the only one. By
            default the validation split that the model was calibrated on, where that can be had
            without the network.
        on_progress: Called as images are done.

    Returns:
        The reference, None where there is none by default.

    Raises:
        DataError: `data` cannot be read or has labels that the model does not know.
    """
    found = _find_own(classifier) if data is None else _open(classifier, data)
    if found is None:
        return None
    split, source = found
    probabilities, strange = classifier.classify(split.images, on_progress=on_progress)
    return Reference(probabilities, strange, split.labels, source)


def _find_own(classifier: Classifier) -> tuple[Split, str] | None:
    """Returns the validation split a model was calibrated on, where it is at hand."""
    card = classifier.card
    data = card.data
    if data.name not in DATA_NAMES:
        return None
    try:
        dataset = load_dataset(data.name, offline=True)
        divided = split_dataset(dataset, share=data.validation_fraction, seed=card.lineage.seed)
    except (FetchError, DataError):
        return None
    split = divided.splits["validation"]
    name = f"the {len(split):,} validation images of {data.name}"
    return (split, name) if hash_split(split) == data.splits["validation"].sha256 else None


def _open(classifier: Classifier, data: str) -> tuple[Split, str]:
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
