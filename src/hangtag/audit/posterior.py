"""Estimates the mixture of categories under a label, from its text and its images.

The images of a label are draws from an unknown mixture of categories. The model's calibrated
probabilities, divided by the class prior it was trained with, are likelihoods up to a factor, so
the mixture itself has a likelihood, and classes that the model confuses do not look like a mixture
(Saerens, Latinne and Decaestecker 2002). A Dirichlet prior holds what the text of the label says,
worth a few items. Expectation maximisation finds the mode. Each fraction has a credible interval
from a Beta distribution; its number of items is that of the complete data, less the information
lost because the category of each item is unknown (Louis 1982).

The evidence of a label is kept in memory that does not grow with its items: they are sorted into
cells by what the model said (first and second class, confidence, OOD or not), and a cell holds
their number and the sum of their probabilities.

Letters: N items, K classes, M cells; vectors over categories have K + 1 entries, the last for "no
apparel".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.ood import KEPT_FRACTION

TEXT_ITEMS = 4.0
"""Number of items that the text of a label is worth."""

FLAT_ITEMS = 0.5
"""Number of items that the uniform part of the prior is worth."""

OOD_OUTSIDE = 0.8
"""Fraction of images of no apparel that the model calls OOD: 74 to 100 % of digits, text, noise
and photos, docs/decisions/0006-unknown.md."""

LEVEL = 0.95
"""Probability that a fraction lies in its interval."""

_MAX_STEPS = 500
_TOLERANCE = 1e-7

_CONFIDENCE_EDGES = np.array(
    [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9999]
)
"""Upper ends of cells, by the probability of the first class."""

_KINDS = 2 * (len(_CONFIDENCE_EDGES) + 1)
_FIRST_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the model said about the items of one label.

    Attributes:
        counts: Items by cell, (M,).
        is_ood: Whether the items of the cell are OOD, (M,).
        probabilities: Their mean calibrated probabilities, (M, K).
        class_prior: Class frequencies that the model assumes, (K,), summing to 1.
    """

    counts: NDArray[np.float64]
    is_ood: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    class_prior: NDArray[np.float64]

    @property
    def n(self) -> int:
        """Number of items."""
        return int(self.counts.sum())


class EvidenceTable:
    """Collects the evidence of all labels.

    Args:
        class_prior: Class frequencies that the model assumes, (K,), summing to 1.
    """

    def __init__(self, class_prior: NDArray[np.float64]) -> None:
        self._class_prior = class_prior
        self._classes = classes = len(class_prior)
        self._rows: dict[int, int] = {}
        self._counts = np.zeros(_FIRST_ROWS)
        self._sums = np.zeros((_FIRST_ROWS, classes))

    def add(
        self,
        groups: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        is_ood: NDArray[np.bool_],
    ) -> None:
        """Adds items of label groups (N,) with calibrated probabilities (N, K)."""
        keys, cell_of = np.unique(
            self._find_cells(groups, probabilities, is_ood), return_inverse=True
        )
        rows = np.array([self._find_row(int(key)) for key in keys], dtype=np.intp)[cell_of]
        np.add.at(self._counts, rows, 1)
        np.add.at(self._sums, rows, probabilities)

    def by_group(self) -> dict[int, Evidence]:
        """Returns the evidence of each label group that has items."""
        keys = np.array(sorted(self._rows), dtype=np.int64)
        rows = np.array([self._rows[int(key)] for key in keys], dtype=np.intp)
        groups, is_ood = keys // (self._classes**2 * _KINDS), keys % 2 == 1
        found = {}
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        for cells in np.split(np.arange(len(keys)), starts[1:]):
            if len(cells):
                counts = self._counts[rows[cells]]
                means = self._sums[rows[cells]] / counts[:, None]
                evidence = Evidence(counts, is_ood[cells], means, self._class_prior)
                found[int(groups[cells[0]])] = evidence
        return found

    def _find_cells(
        self,
        groups: NDArray[np.int64],
        probabilities: NDArray[np.float64],
        is_ood: NDArray[np.bool_],
    ) -> NDArray[np.int64]:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        first = order[:, 0]
        second = order[:, min(1, self._classes - 1)]
        best = probabilities[np.arange(len(first)), first]
        kinds = 2 * np.searchsorted(_CONFIDENCE_EDGES, best, side="right") + is_ood
        cells: NDArray[np.int64] = (
            (groups * self._classes + first) * self._classes + second
        ) * _KINDS + kinds
        return cells

    def _find_row(self, key: int) -> int:
        row = self._rows.setdefault(key, len(self._rows))
        if row == len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
        return row


@dataclass(frozen=True, slots=True)
class Posterior:
    """The mixture of categories under a label; each vector is (K + 1,).

    Attributes:
        fractions: Fraction of each category, summing to 1.
        low: Lower ends of the 95 % intervals.
        high: Upper ends.
        n: Number of items behind it.
    """

    fractions: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: int


def compute_likelihoods(
    probabilities: NDArray[np.float64],
    is_ood: NDArray[np.bool_],
    class_prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Returns the likelihood of each category, (M, K + 1), up to a factor an item.

    Args:
        probabilities: Calibrated, (M, K).
        is_ood: Whether the items are OOD, (M,).
        class_prior: Class frequencies that the model assumes, (K,), summing to 1.
    """
    of_classes = (
        np.where(is_ood, 1 - KEPT_FRACTION, KEPT_FRACTION)[:, None] * probabilities / class_prior
    )
    of_outside = np.where(is_ood, OOD_OUTSIDE, 1 - OOD_OUTSIDE)[:, None]
    return np.hstack([of_classes, of_outside])


def compute_prior(text: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the prior items (K + 1,) for text probabilities (K + 1,) that sum to at most 1."""
    flat = np.full(len(text), FLAT_ITEMS / len(text))
    return flat + TEXT_ITEMS * text


def compute_responsibilities(
    likelihoods: NDArray[np.float64], fractions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns the posterior probability of each category for each item, (N, K + 1).

    Args:
        likelihoods: As `compute_likelihoods` returns them, (N, K + 1).
        fractions: Prior of the categories: (K + 1,), or one row an item, (N, K + 1).
    """
    joint = likelihoods * fractions
    normalised: NDArray[np.float64] = joint / joint.sum(axis=1, keepdims=True)
    return normalised


def estimate_posterior(evidence: Evidence, prior: NDArray[np.float64]) -> Posterior:
    """Estimates the mixture of categories under a label.

    Args:
        evidence: What the model said about the items.
        prior: Items of each category assumed before any is seen, (K + 1,).
    """
    likelihoods = compute_likelihoods(evidence.probabilities, evidence.is_ood, evidence.class_prior)
    fractions = prior / prior.sum()
    for _ in range(_MAX_STEPS):
        previous = fractions
        fractions = prior + evidence.counts @ compute_responsibilities(likelihoods, fractions)
        fractions /= fractions.sum()
        if np.abs(fractions - previous).max() < _TOLERANCE:
            break
    estimates = [
        estimate_fraction(evidence, fractions, [index], float(prior.sum()))
        for index in range(len(fractions))
    ]
    return Posterior(
        fractions=fractions,
        low=np.array([estimate.low for estimate in estimates]),
        high=np.array([estimate.high for estimate in estimates]),
        n=evidence.n,
    )


@dataclass(frozen=True, slots=True)
class FractionEstimate:
    """An estimated fraction with its interval.

    Attributes:
        fraction: The most probable value, 0-1.
        items: Number of items of known category that would be as informative.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    fraction: float
    items: float
    low: float
    high: float

    @property
    def variance(self) -> float:
        """Variance of its Beta distribution."""
        return self.fraction * (1 - self.fraction) / (self.items + 1)


def estimate_fraction(
    evidence: Evidence,
    fractions: NDArray[np.float64],
    chosen: Sequence[int],
    prior_items: float,
) -> FractionEstimate:
    """Estimates the joint fraction of some categories.

    The information about a fraction p from n items of known category is n / (p (1 - p)). Where an
    item belongs to it with probability r, the part sum(r (1 - r)) / (n p (1 - p)) is missing.

    Args:
        evidence: The items.
        fractions: The mode of the mixture, (K + 1,).
        chosen: Indices of the categories.
        prior_items: Number of items that the prior is worth.
    """
    likelihoods = compute_likelihoods(evidence.probabilities, evidence.is_ood, evidence.class_prior)
    belongs = compute_responsibilities(likelihoods, fractions)[:, list(chosen)].sum(axis=1)
    fraction = float(np.clip(fractions[list(chosen)].sum(), 0.0, 1.0))
    n, variance = evidence.counts.sum(), max(fraction * (1 - fraction), 1e-12)
    missing = evidence.counts @ (belongs * (1 - belongs)) / (n * variance) if n else 1.0
    return beta_estimate(fraction, prior_items + n * float(np.clip(1 - missing, 0.0, 1.0)))


def beta_estimate(fraction: float, items: float) -> FractionEstimate:
    """Returns the interval of a Beta distribution with a mean, worth a number of items."""
    from scipy.special import betaincinv

    a, b = max(fraction * items, 1e-6), max((1 - fraction) * items, 1e-6)
    tail = (1 - LEVEL) / 2
    low, high = betaincinv(a, b, [tail, 1 - tail])
    return FractionEstimate(fraction, items, min(float(low), fraction), max(float(high), fraction))


def beta_from_variance(fraction: float, variance: float) -> FractionEstimate:
    """Returns the interval of the Beta distribution with a mean and a variance.

    A variance larger than any such distribution has counts as that of one item.
    """
    return beta_estimate(fraction, max(fraction * (1 - fraction) / max(variance, 1e-12) - 1, 1.0))
