"""Label quality: the probability that a label is wrong, given the image and what the label means.

An item has either a right label, and then its category is one that the label includes, in the
label's mixture of them; or a wrong label, and then it may be of any other category.

    quality = score_labels(probabilities, is_ood, class_prior=..., included=..., prior=...)
    quality.p_wrong     # (N,)

Letters: N items, K classes, G label groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.dictionary import (
    EXPLAINED,
    MIN_FRACTION,
    TEXT_CONFIDENT,
    DictionaryEntry,
)
from hangtag.audit.posterior import compute_likelihoods, compute_responsibilities
from hangtag.audit.rules import Action

PRIOR_ERROR_RATE = 0.05
"""Fraction of wrong labels that is assumed before an image is seen."""

OUTSIDE_WEIGHT = 0.1
"""How often a wrongly labelled item is no apparel, relative to any one class."""


@dataclass(frozen=True, slots=True)
class LabelPriors:
    """What the dictionary says about the items of each label.

    Attributes:
        included: Whether the label includes a category, (G, K + 1).
        prior: Probability of each category for an item, rows summing to 1, (G, K + 1).
    """

    included: NDArray[np.bool_]
    prior: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelQuality:
    """Label quality of N items.

    Attributes:
        p_wrong: Probability that the label is wrong, (N,).
        suggested: Index of the most probable category that the label does not include, (N,); 0
            where it includes all of them.
        suggested_probability: Its probability, (N,).
        given: Index of the most probable category that the label includes, (N,).
        given_probability: Its probability, (N,).
    """

    p_wrong: NDArray[np.float64]
    suggested: NDArray[np.int64]
    suggested_probability: NDArray[np.float64]
    given: NDArray[np.int64]
    given_probability: NDArray[np.float64]


def build_label_priors(entries: Sequence[DictionaryEntry]) -> LabelPriors:
    """Converts the dictionary to arrays; an unclear label includes all that it may mean."""
    fractions = np.stack([entry.posterior.fractions for entry in entries])
    included = np.zeros(fractions.shape, dtype=np.bool_)
    for row, entry in enumerate(entries):
        included[row, list(entry.meaning.categories)] = True
        if not _is_clear(entry):
            included[row] |= entry.text.vague | (entry.posterior.fractions >= MIN_FRACTION)
    return LabelPriors(included, add_label_errors(np.where(included, fractions, 0.0), included))


def _is_clear(entry: DictionaryEntry) -> bool:
    """Returns whether most items of a label agree, or some agree with its text."""
    included = list(entry.meaning.categories)
    if not included or entry.meaning.action is not Action.ASK:
        return bool(included)
    agreed = entry.posterior.fractions[included].sum() >= EXPLAINED
    return bool(agreed or entry.text.probabilities[included].sum() >= TEXT_CONFIDENT)


def add_label_errors(
    fractions: NDArray[np.float64], included: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Returns the prior of an item (G, K + 1): mostly an included category, sometimes another.

    A label that includes nothing, such as one whose images cannot be read, says nothing.
    """
    wrong = np.where(included, 0.0, 1.0)
    wrong[:, -1] *= OUTSIDE_WEIGHT
    errors = wrong / np.maximum(wrong.sum(axis=1, keepdims=True), OUTSIDE_WEIGHT)
    sums = fractions.sum(axis=1, keepdims=True)
    right = np.divide(fractions, sums, out=errors.copy(), where=sums > 0)
    mixed: NDArray[np.float64] = (1 - PRIOR_ERROR_RATE) * right + PRIOR_ERROR_RATE * errors
    return mixed


def score_labels(
    probabilities: NDArray[np.float64],
    is_ood: NDArray[np.bool_],
    *,
    class_prior: NDArray[np.float64],
    included: NDArray[np.bool_],
    prior: NDArray[np.float64],
) -> LabelQuality:
    """Scores the labels of items.

    Args:
        probabilities: Calibrated, (N, K).
        is_ood: Whether the items are OOD, (N,).
        class_prior: Class frequencies that the model assumes, (K,), summing to 1.
        included: Whether the label of each item includes a category, (N, K + 1).
        prior: Probability of each category given the label, (N, K + 1).
    """
    likelihoods = compute_likelihoods(probabilities, is_ood, class_prior)
    posterior = compute_responsibilities(likelihoods, prior)
    others, own = np.where(included, -1.0, posterior), np.where(included, posterior, -1.0)
    rows, suggested, best = np.arange(len(posterior)), others.argmax(axis=1), own.argmax(axis=1)
    return LabelQuality(
        p_wrong=np.clip(np.where(included, 0.0, posterior).sum(axis=1), 0.0, 1.0),
        suggested=suggested,
        suggested_probability=np.maximum(others[rows, suggested], 0.0),
        given=best,
        given_probability=own[rows, best],
    )
