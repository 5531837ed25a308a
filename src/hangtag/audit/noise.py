"""How wrong the labels of each brand are: a noise matrix, an error rate, and how it compares.

A row of a brand's matrix is what its words say (the categories they cover); the entries are what
the items truly are, as the posterior of all items under those words has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np

from hangtag.audit.dictionary import (
    FLAT_ITEMS,
    Posterior,
    Spread,
    find_posterior,
    find_spread,
    fit_spread,
)
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.evidence import Evidence
from hangtag.audit.proposals import Action

SIGNIFICANCE = 0.05
"""Probability that any brand is called different that is not."""


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """What the items are that a brand gives one meaning.

    Attributes:
        cover: Indices of the categories that the words mean.
        items: Items under those words.
        truth: What they are.
        error: Share of them that is of no category of the cover.
    """

    cover: tuple[int, ...]
    items: int
    truth: Posterior
    error: Spread


@dataclass(frozen=True, slots=True)
class BrandNoise:
    """How wrong the labels of a brand are.

    Attributes:
        supplier: The brand.
        items: Items whose word has a meaning.
        rows: Its noise matrix.
        error: Share of wrong labels.
        p_value: How likely a difference as large from the other brands is by chance, 0-1, after
            Holm's correction for the number of brands.
        verdict: ``more`` or ``fewer`` errors than the other brands, or ``alike``.
    """

    supplier: str
    items: int
    rows: tuple[NoiseRow, ...]
    error: Spread
    p_value: float
    verdict: str


def measure_noise(entries: Sequence[Entry], seen: Mapping[int, Evidence]) -> list[BrandNoise]:
    """Measures the noise of each brand: first those that surely make the most errors.

    Words that are for a person (`ask`) have no agreed meaning and do not count.

    Args:
        entries: The dictionary, by group.
        seen: What the model saw, by group.
    """
    rows_of: dict[str, tuple[NoiseRow, ...]] = {}
    for supplier, groups in _group_meanings(entries, seen).items():
        rows = [_measure_row(cover, parts) for cover, parts in groups.items()]
        rows_of[supplier] = tuple(sorted(rows, key=lambda row: -row.items))
    errors = {supplier: _pool(rows) for supplier, rows in rows_of.items()}
    p_values = correct_holm(
        [
            _compare(errors[one], [errors[other] for other in errors if other != one])
            for one in errors
        ]
    )
    found = []
    for (supplier, error), p_value in zip(errors.items(), p_values, strict=True):
        rest = _mean_error([errors[other] for other in errors if other != supplier])
        differs = p_value < SIGNIFICANCE
        verdict = "alike" if not differs else "more" if error.share > rest else "fewer"
        rows_here = rows_of[supplier]
        items = sum(row.items for row in rows_here)
        found.append(BrandNoise(supplier, items, rows_here, error, p_value, verdict))
    return sorted(found, key=lambda one: -one.error.low)


def compare_shares(first: Spread, second: Spread) -> float:
    """Returns how likely a difference as large between two equal shares is by chance, 0-1.

    Two-sided, by the normal approximation to the difference of two Beta distributions.
    """
    deviation = sqrt(_variance(first) + _variance(second))
    return erfc(abs(first.share - second.share) / max(deviation, 1e-12) / sqrt(2))


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number (Holm 1979), in their order."""
    order = np.argsort(p_values, kind="stable")
    corrected, largest = [0.0] * len(order), 0.0
    for rank, index in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def _group_meanings(
    entries: Sequence[Entry], seen: Mapping[int, Evidence]
) -> dict[str, dict[tuple[int, ...], list[Evidence]]]:
    """Groups the evidence of words by their brand and their meaning."""
    found: dict[str, dict[tuple[int, ...], list[Evidence]]] = {}
    for number, entry in enumerate(entries):
        if entry.meaning.cover and entry.meaning.action is not Action.ASK and number in seen:
            cover = tuple(sorted(entry.meaning.cover))
            found.setdefault(entry.supplier, {}).setdefault(cover, []).append(seen[number])
    return found


def _measure_row(cover: tuple[int, ...], parts: Sequence[Evidence]) -> NoiseRow:
    together = Evidence(
        np.concatenate([one.counts for one in parts]),
        np.concatenate([one.strange for one in parts]),
        np.concatenate([one.probabilities for one in parts]),
        parts[0].taken,
    )
    categories = together.probabilities.shape[1] + 1
    truth = find_posterior(together, np.full(categories, FLAT_ITEMS / categories))
    others = [index for index in range(categories) if index not in cover]
    error = find_spread(together, truth.share, others, FLAT_ITEMS)
    return NoiseRow(cover, together.n, truth, error)


def _pool(rows: Sequence[NoiseRow]) -> Spread:
    """Returns the error rate over rows, each by its items."""
    weights = np.array([row.items for row in rows], dtype=np.float64)
    weights /= weights.sum()
    mean = float(weights @ [row.error.share for row in rows])
    variance = float(weights**2 @ [_variance(row.error) for row in rows])
    return fit_spread(mean, variance)


def _compare(one: Spread, others: Sequence[Spread]) -> float:
    if not others:
        return 1.0
    variance = sum(map(_variance, others)) / len(others) ** 2
    return compare_shares(one, fit_spread(_mean_error(others), variance))


def _mean_error(errors: Sequence[Spread]) -> float:
    return sum(one.share for one in errors) / max(len(errors), 1)


def _variance(spread: Spread) -> float:
    return spread.share * (1 - spread.share) / (spread.items + 1)
