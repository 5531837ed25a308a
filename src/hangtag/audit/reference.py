"""Which labels are wrong for sure enough to be corrected without a person.

A model's own confidence cannot say that: where it contradicts a label it is wrong far more often
than elsewhere, because most labels are right. So the scores of the feed are compared with those of
a reference: held-out images whose labels are right. The share of the reference that scores as high
is a p-value (a conformal one), and the procedure of Benjamini and Hochberg on these keeps the
expected share of right labels among the corrected ones below a level (Bates, Candes, Lei, Romano
and Sesia 2023, "Testing for outliers with conformal p-values", theorem 1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.judging import judge_items, mix_errors
from hangtag.catalogue import Split, open_catalogue, split_catalogue
from hangtag.catalogue.items import hash_split
from hangtag.catalogue.opening import DATA_NAMES
from hangtag.categoriser import Categoriser
from hangtag.errors import DataError, FetchError
from hangtag.evaluation import align_split
from hangtag.progress import Tick

_PAIR_DOUBT = 0.5
"""How much of what the model confused on the reference is mixed into what it says of an item."""

_UNSEEN = 0.02
"""How many errors a pair of classes is taken to have beyond those that were seen."""


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
    categoriser: Categoriser, data: str | None, *, on_progress: Tick | None = None
) -> Reference | None:
    """Loads the reference and runs the model on it.

    Args:
        categoriser: The model.
        data: Labelled data that the model has not learned; its validation split counts, else its
            test split, else the only one. By default the validation split that the model was
            calibrated on, where that can be had without the network.
        on_progress: Called as images are done.

    Returns:
        The reference, None where there is none by default.

    Raises:
        DataError: `data` cannot be read or has labels that the model does not know.
    """
    found = _find_own(categoriser) if data is None else _open(categoriser, data)
    if found is None:
        return None
    split, source = found
    answers = categoriser.answer(split.images, on_progress=on_progress)
    strange = answers.strangeness > categoriser.card.rules.limit
    return Reference(categoriser.probabilities(answers), strange, split.labels, source)


class SureJudge:
    """Says how surely a label is wrong; scores of the feed and the reference can be compared.

    The score is that of `judging`, with as much doubt for each pair of classes as the model
    confused them on the reference. Of each half of the reference the other half tells that, so that
    its scores are like those of images that were never seen.

    Args:
        reference: Held-out images with right labels.
    """

    def __init__(self, reference: Reference) -> None:
        half = np.arange(len(reference.labels)) % 2 == 0
        errors = [_count_errors(reference, ~part) for part in (half, ~half)]
        self._errors = (errors[0] + errors[1]) / 2
        self._scores = np.zeros(len(half))
        classes = reference.probabilities.shape[1]
        cover = np.zeros((len(half), classes + 1), dtype=np.bool_)
        cover[np.arange(len(half)), reference.labels] = True
        shares = mix_errors(cover.astype(np.float64), cover)
        for part, others in zip((half, ~half), errors, strict=True):
            self._scores[part] = judge_items(
                _mix_pairs(reference.probabilities[part], others),
                reference.strange[part],
                cover=cover[part],
                shares=shares[part],
            ).score
        self._scores.sort()

    @property
    def scores(self) -> NDArray[np.float64]:
        """Scores of the reference, (M,), in rising order."""
        return self._scores

    def score(
        self,
        probabilities: NDArray[np.float64],
        strange: NDArray[np.bool_],
        *,
        cover: NDArray[np.bool_],
        shares: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Returns the scores of items, (N,); arguments as those of `judge_items`."""
        mixed = _mix_pairs(probabilities, self._errors)
        return judge_items(mixed, strange, cover=cover, shares=shares).score


def _count_errors(reference: Reference, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns how often the model, naming a class (row), has another before it, (K, K).

    An error counts by the fourth power of its confidence: those of sure answers matter here.
    """
    probabilities, labels = reference.probabilities[chosen], reference.labels[chosen]
    predicted = probabilities.argmax(axis=1)
    errors = np.zeros((probabilities.shape[1],) * 2)
    np.add.at(errors, (predicted, labels), probabilities.max(axis=1) ** 4)
    errors += _UNSEEN
    np.fill_diagonal(errors, 0.0)
    named = np.maximum(np.bincount(predicted, minlength=len(errors)), 1)
    rates: NDArray[np.float64] = errors / named[:, None]
    return rates


def _mix_pairs(
    probabilities: NDArray[np.float64], errors: NDArray[np.float64]
) -> NDArray[np.float64]:
    mixed = probabilities + _PAIR_DOUBT * errors[probabilities.argmax(axis=1)]
    normalised: NDArray[np.float64] = mixed / mixed.sum(axis=1, keepdims=True)
    return normalised


class SureScores:
    """Finds the score from which labels are wrong surely enough, in memory that does not grow.

    Args:
        reference: Scores of right labels, (M,), in rising order.
    """

    def __init__(self, reference: NDArray[np.float64]) -> None:
        self._reference = reference
        self._counts = np.zeros(len(reference) + 1, dtype=np.int64)

    def add(self, scores: NDArray[np.float64]) -> None:
        """Takes the scores of items, (N,)."""
        above = len(self._reference) - np.searchsorted(self._reference, scores, side="left")
        self._counts += np.bincount(above, minlength=len(self._counts))

    def find_threshold(self, level: float) -> float | None:
        """Returns the lowest score of a sure item, None where no item is sure.

        Args:
            level: Expected share of right labels among the sure items, 0-1.
        """
        items = int(self._counts.sum())
        p_values = (np.arange(len(self._counts)) + 1) / (len(self._reference) + 1)
        passed = np.flatnonzero(p_values * items <= level * np.cumsum(self._counts))
        if not len(passed):
            return None
        # Items above all but the `passed` highest scores of the reference.
        position = len(self._reference) - int(passed[-1]) - 1
        if position < 0:
            return 0.0
        return float(np.nextafter(self._reference[position], 2.0))


def _find_own(categoriser: Categoriser) -> tuple[Split, str] | None:
    """Returns the validation split a model was calibrated on, where it is at hand."""
    card = categoriser.card
    wanted = card.data.get("splits", {}).get("validation", {}).get("sha256")
    share = card.recipe.get("validation_share")
    if card.data.get("name") not in DATA_NAMES or share is None:
        return None
    try:
        catalogue = open_catalogue(card.data["name"], offline=True)
        split = split_catalogue(catalogue, share=share, seed=card.seed).splits["validation"]
    except (FetchError, DataError):
        return None
    name = f"the {len(split):,} validation images of {card.data['name']}"
    return (split, name) if hash_split(split) == wanted else None


def _open(categoriser: Categoriser, data: str) -> tuple[Split, str]:
    catalogue = open_catalogue(data)
    names = [name for name in ("validation", "test") if name in catalogue.splits]
    name = (names or list(catalogue.splits))[0]
    split = align_split(
        catalogue.splits[name], classes=catalogue.classes, model_classes=categoriser.classes
    )
    return split, f"{len(split):,} images of {data} ({name})"
