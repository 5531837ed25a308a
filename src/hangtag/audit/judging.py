"""Whether an image contradicts its label: the label says what the brand's word covers.

An item is right under its word, with the word's shares of the categories it covers, or wrong, and
then it may be anything else. The score is the probability that it is wrong.

Letters: N items, K classes, G groups.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.dictionary import Posterior, explain_items, find_likelihoods
from hangtag.audit.proposals import Proposal

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
        suggested: Index of the likeliest category outside the word's cover, (N,).
        confidence: Its probability, (N,).
        within: Index of the likeliest category of the cover, (N,).
        certainty: Its probability, (N,).
    """

    score: NDArray[np.float64]
    suggested: NDArray[np.int64]
    confidence: NDArray[np.float64]
    within: NDArray[np.int64]
    certainty: NDArray[np.float64]


def describe_words(posteriors: list[Posterior], proposals: list[Proposal]) -> Words:
    """Brings the dictionary into arrays; a word that covers nothing covers its likeliest."""
    shares = np.stack([one.share for one in posteriors])
    cover = np.zeros(shares.shape, dtype=np.bool_)
    for row, proposal in enumerate(proposals):
        cover[row, list(proposal.cover) or [int(shares[row].argmax())]] = True
    return Words(cover, mix_errors(np.where(cover, shares, 0.0), cover))


def mix_errors(shares: NDArray[np.float64], cover: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns shares (G, K + 1) of covered categories with those of errors mixed in."""
    wrong = np.where(cover, 0.0, 1.0)
    wrong[:, -1] *= NONE_WEIGHT
    right = shares / shares.sum(axis=1, keepdims=True)
    errors = wrong / wrong.sum(axis=1, keepdims=True)
    mixed: NDArray[np.float64] = (1 - ERROR_RATE) * right + ERROR_RATE * errors
    return mixed


def judge_items(
    probabilities: NDArray[np.float64],
    strange: NDArray[np.bool_],
    *,
    cover: NDArray[np.bool_],
    shares: NDArray[np.float64],
) -> Verdicts:
    """Judges items against what their words cover.

    Args:
        probabilities: Calibrated, (N, K).
        strange: Whether the items are strange, (N,).
        cover: What the word of each item covers, (N, K + 1).
        shares: Its prior, (N, K + 1).
    """
    found = explain_items(find_likelihoods(probabilities, strange), shares)
    others, own = np.where(cover, -1.0, found), np.where(cover, found, -1.0)
    rows, suggested, within = np.arange(len(found)), others.argmax(axis=1), own.argmax(axis=1)
    return Verdicts(
        score=np.clip(np.where(cover, 0.0, found).sum(axis=1), 0.0, 1.0),
        suggested=suggested,
        confidence=np.maximum(others[rows, suggested], 0.0),
        within=within,
        certainty=own[rows, within],
    )
