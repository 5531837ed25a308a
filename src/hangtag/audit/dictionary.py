"""What a word of a brand means: a posterior over categories, from its text and its images.

The images of a group are draws from an unknown mixture of categories. The model's calibrated
probabilities, divided by the prior they were trained with, are likelihoods up to a factor, so the
mixture has a likelihood of its own, and confusions of the model do not look like categories
(Saerens, Latinne and Decaestecker 2002). A Dirichlet prior says what the text of the word says, for
a few items. The mode is found by expectation maximisation. Each share has a credible interval from
a Beta distribution whose number of items is that of the complete data less what not knowing the
category of each item costs (Louis 1982).

Letters: M cells, K classes; vectors over categories have K + 1 entries, the last for what is none
of the classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.evidence import Evidence
from hangtag.decisions.ood import KEPT_FRACTION

TEXT_ITEMS = 4.0
"""How many items the text of a word is worth."""

FLAT_ITEMS = 0.5
"""How many items it is worth that any word may mean anything."""

STRANGE_OUTSIDE = 0.8
"""Share of things of no class that the model calls strange: 74 to 100 % of digits, text, noise and
photos, docs/decisions/0006-unknown.md."""

LEVEL = 0.95
"""Probability that a share lies in its interval."""

_STEPS = 500
_CLOSE = 1e-7


@dataclass(frozen=True, slots=True)
class Posterior:
    """The mixture of categories under a word; each vector is (K + 1,).

    Attributes:
        share: Of each category, sums to 1.
        low: Lower end of its 95 % interval.
        high: Upper end.
        n: Items it rests on.
    """

    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: int


def find_likelihoods(
    probabilities: NDArray[np.float64], strange: NDArray[np.bool_], taken: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns how likely items are under each category, (M, K + 1), up to a factor an item.

    Args:
        probabilities: Calibrated, (M, K).
        strange: Whether the items are strange, (M,).
        taken: How often the model takes each class for granted, (K,), summing to 1.
    """
    as_class = np.where(strange, 1 - KEPT_FRACTION, KEPT_FRACTION)[:, None] * probabilities / taken
    as_none = np.where(strange, STRANGE_OUTSIDE, 1 - STRANGE_OUTSIDE)[:, None]
    return np.hstack([as_class, as_none])


def find_prior(text: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the prior items (K + 1,) for what the text says, (K + 1,) summing to at most 1."""
    flat = np.full(len(text), FLAT_ITEMS / len(text))
    return flat + TEXT_ITEMS * text


def find_posterior(evidence: Evidence, prior: NDArray[np.float64]) -> Posterior:
    """Finds what a word means.

    Args:
        evidence: What the model saw of its items.
        prior: Items that each category has before any is seen, (K + 1,).
    """
    likelihoods = find_likelihoods(evidence.probabilities, evidence.strange, evidence.taken)
    share = prior / prior.sum()
    for _ in range(_STEPS):
        before = share
        share = prior + evidence.counts @ explain_items(likelihoods, share)
        share /= share.sum()
        if np.abs(share - before).max() < _CLOSE:
            break
    spreads = [
        find_spread(evidence, share, [index], float(prior.sum())) for index in range(len(share))
    ]
    return Posterior(
        share=share,
        low=np.array([one.low for one in spreads]),
        high=np.array([one.high for one in spreads]),
        n=evidence.n,
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """How sure a share is.

    Attributes:
        share: Its likeliest value, 0-1.
        items: How many items of known category would tell as much.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    share: float
    items: float
    low: float
    high: float


def find_spread(
    evidence: Evidence, shares: NDArray[np.float64], chosen: Sequence[int], prior_items: float
) -> Spread:
    """Finds how sure the joint share of some categories is.

    The information about a share p from n items of known category is n / (p (1 - p)); where items
    belong to it with probability r, the part sum(r (1 - r)) / (n p (1 - p)) of it is missing.

    Args:
        evidence: The items.
        shares: The mode of the mixture, (K + 1,).
        chosen: Indices of the categories.
        prior_items: Items that the prior is worth.
    """
    likelihoods = find_likelihoods(evidence.probabilities, evidence.strange, evidence.taken)
    belongs = explain_items(likelihoods, shares)[:, list(chosen)].sum(axis=1)
    share = float(np.clip(shares[list(chosen)].sum(), 0.0, 1.0))
    n, spread = evidence.counts.sum(), max(share * (1 - share), 1e-12)
    missing = evidence.counts @ (belongs * (1 - belongs)) / (n * spread) if n else 1.0
    return make_spread(share, prior_items + n * float(np.clip(1 - missing, 0.0, 1.0)))


def make_spread(share: float, items: float) -> Spread:
    """Returns the interval of a Beta distribution with mean `share`, worth so many items."""
    from scipy.special import betaincinv

    a, b = max(share * items, 1e-6), max((1 - share) * items, 1e-6)
    tail = (1 - LEVEL) / 2
    low, high = betaincinv(a, b, [tail, 1 - tail])
    return Spread(share, items, min(float(low), share), max(float(high), share))


def fit_spread(share: float, variance: float) -> Spread:
    """Returns the interval of the Beta distribution that has a mean and a variance.

    Where the variance is larger than any such has, that of one item.
    """
    return make_spread(share, max(share * (1 - share) / max(variance, 1e-12) - 1, 1.0))


def explain_items(
    likelihoods: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the probability of each category for items, (N, K + 1).

    Args:
        likelihoods: As `find_likelihoods` gives them, (N, K + 1).
        shares: Of each category before an item is seen: (K + 1,), or of each item its own,
            (N, K + 1).
    """
    joint = likelihoods * shares
    found: NDArray[np.float64] = joint / joint.sum(axis=1, keepdims=True)
    return found
