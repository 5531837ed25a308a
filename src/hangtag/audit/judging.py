"""Whether an image contradicts its label: the label says what the brand's word covers.

An item is right under its word, with the word's shares of the categories it covers, or wrong, and
then it may be anything else. The score is the probability that it is wrong.

Letters: N items, K classes, G groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.dictionary import explain_items, find_likelihoods
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.proposals import COVER_SHARE, EXPLAINED, TEXT_SURE, Action

ERROR_RATE = 0.05
"""Share of wrong labels that is taken for granted before an image is looked at."""

NONE_WEIGHT = 0.1
"""How often a wrong item is of no class, beside how often it is of any one class."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the dictionary says of each group.

    Attributes:
        cover: Whether a category is covered, (G, K + 1).
        shares: Prior of an item, (G, K + 1), rows summing to 1.
    """

    cover: NDArray[np.bool_]
    shares: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What is said of N items.

    Attributes:
        score: Probability that the label is wrong, (N,).
        suggested: Index of the likeliest category outside the word's cover, (N,); 0 where that is
            all there is.
        confidence: Its probability, (N,).
        within: Index of the likeliest category of the cover, (N,).
        certainty: Its probability, (N,).
    """

    score: NDArray[np.float64]
    suggested: NDArray[np.int64]
    confidence: NDArray[np.float64]
    within: NDArray[np.int64]
    certainty: NDArray[np.float64]


def describe_words(entries: Sequence[Entry]) -> Words:
    """Brings the dictionary into arrays; a word without a meaning covers all that it may mean."""
    shares = np.stack([one.posterior.share for one in entries])
    cover = np.zeros(shares.shape, dtype=np.bool_)
    for row, entry in enumerate(entries):
        cover[row, list(entry.meaning.cover)] = True
        if not _has_meaning(entry):
            cover[row] |= entry.text.vague | (entry.posterior.share >= COVER_SHARE)
    return Words(cover, mix_errors(np.where(cover, shares, 0.0), cover))


def _has_meaning(entry: Entry) -> bool:
    """Returns whether most items of a word agree, or some do with what its text says."""
    cover = list(entry.meaning.cover)
    if not cover or entry.meaning.action is not Action.ASK:
        return bool(cover)
    agreed = entry.posterior.share[cover].sum() >= EXPLAINED
    return bool(agreed or entry.text.vector[cover].sum() >= TEXT_SURE)


def mix_errors(shares: NDArray[np.float64], cover: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns shares (G, K + 1) of covered categories with those of errors mixed in."""
    wrong = np.where(cover, 0.0, 1.0)
    wrong[:, -1] *= NONE_WEIGHT
    right = shares / shares.sum(axis=1, keepdims=True)
    errors = wrong / np.maximum(wrong.sum(axis=1, keepdims=True), NONE_WEIGHT)
    mixed: NDArray[np.float64] = (1 - ERROR_RATE) * right + ERROR_RATE * errors
    return mixed


def judge_items(
    probabilities: NDArray[np.float64],
    strange: NDArray[np.bool_],
    *,
    taken: NDArray[np.float64],
    cover: NDArray[np.bool_],
    shares: NDArray[np.float64],
) -> Verdicts:
    """Judges items against what their words cover.

    Args:
        probabilities: Calibrated, (N, K).
        strange: Whether the items are strange, (N,).
        taken: How often the model takes each class for granted, (K,), summing to 1.
        cover: What the word of each item covers, (N, K + 1).
        shares: Its prior, (N, K + 1).
    """
    found = explain_items(find_likelihoods(probabilities, strange, taken), shares)
    others, own = np.where(cover, -1.0, found), np.where(cover, found, -1.0)
    rows, suggested, within = np.arange(len(found)), others.argmax(axis=1), own.argmax(axis=1)
    return Verdicts(
        score=np.clip(np.where(cover, 0.0, found).sum(axis=1), 0.0, 1.0),
        suggested=suggested,
        confidence=np.maximum(others[rows, suggested], 0.0),
        within=within,
        certainty=own[rows, within],
    )
