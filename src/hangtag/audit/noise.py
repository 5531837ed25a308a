"""Label noise by brand: a noise matrix, an error rate, how brands compare, and drift since before.

A row of a brand's noise matrix is what its labels say (the categories that they include); the
entries are what the items truly are, by the posterior of all items with those labels. Drift
compares with the tables of an earlier audit. Two fractions are compared by the normal approximation
to the difference of their posteriors, with Holm's correction for all comparisons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt
from pathlib import Path

import numpy as np

from hangtag.audit.categories import Categories
from hangtag.audit.dictionary import DictionaryEntry
from hangtag.audit.posterior import (
    FLAT_ITEMS,
    Evidence,
    FractionEstimate,
    Posterior,
    beta_from_variance,
    estimate_fraction,
    estimate_posterior,
)
from hangtag.audit.rules import Action
from hangtag.errors import DataError
from hangtag.tables.csv_cells import read_csv_rows
from hangtag.taxonomy.spelling import fold_label

SIGNIFICANCE = 0.05
"""Probability that any brand is called different that is not."""

MIN_CHANGE, MIN_ERROR_RATE_CHANGE = 0.05, 0.01
"""Smallest change of a label's fraction, and of a brand's error rate, that is reported."""

DISTRIBUTIONS, BRANDS = "distributions.csv", "brands.csv"
"""Tables of an earlier audit that are compared."""

_Z = 1.959964


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """A row of a noise matrix: the true categories of items whose labels have one meaning.

    Attributes:
        categories: Indices of the categories that the labels include.
        items: Items with those labels.
        truth: The mixture of their true categories.
        error_rate: Fraction of them that the labels do not include.
    """

    categories: tuple[int, ...]
    items: int
    truth: Posterior
    error_rate: FractionEstimate


@dataclass(frozen=True, slots=True)
class BrandNoise:
    """Label noise of a brand.

    Attributes:
        supplier: The brand.
        items: Items whose label has a clear meaning.
        rows: Its noise matrix.
        error_rate: Fraction of wrong labels.
        p_value: Of its difference from the other brands, after Holm's correction, 0-1.
        comparison: ``more`` or ``fewer`` errors than the other brands, or ``alike``.
    """

    supplier: str
    items: int
    rows: tuple[NoiseRow, ...]
    error_rate: FractionEstimate
    p_value: float
    comparison: str


def measure_noise(
    entries: Sequence[DictionaryEntry], evidence: Mapping[int, Evidence]
) -> list[BrandNoise]:
    """Measures the label noise of each brand, sorted by the lower end of the error rate.

    Labels that a person must decide on (`ask`) have no agreed meaning and do not count.

    Args:
        entries: The dictionary, by label group.
        evidence: What the model said, by label group.
    """
    rows_of: dict[str, tuple[NoiseRow, ...]] = {}
    for supplier, parts_of in _group_by_meaning(entries, evidence).items():
        rows = [_measure_row(included, parts) for included, parts in parts_of.items()]
        rows_of[supplier] = tuple(sorted(rows, key=lambda row: -row.items))
    rates = {supplier: _pool_rows(rows) for supplier, rows in rows_of.items()}
    others_of = {
        supplier: [rates[other] for other in rates if other != supplier] for supplier in rates
    }
    p_values = correct_holm(
        [_compare_with_others(rate, others_of[supplier]) for supplier, rate in rates.items()]
    )
    brands = []
    for (supplier, rate), p_value in zip(rates.items(), p_values, strict=True):
        is_higher = rate.fraction > _mean_fraction(others_of[supplier])
        differs = p_value < SIGNIFICANCE
        comparison = "alike" if not differs else "more" if is_higher else "fewer"
        items = sum(row.items for row in rows_of[supplier])
        brand = BrandNoise(supplier, items, rows_of[supplier], rate, p_value, comparison)
        brands.append(brand)
    return sorted(brands, key=lambda brand: -brand.error_rate.low)


def compare_fractions(first: FractionEstimate, second: FractionEstimate) -> float:
    """Returns the two-sided p-value of the difference of two fractions, 0-1."""
    deviation = sqrt(first.variance + second.variance)
    return erfc(abs(first.fraction - second.fraction) / max(deviation, 1e-12) / sqrt(2))


def correct_holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for their number (Holm 1979), in their order."""
    order = np.argsort(p_values, kind="stable")
    corrected, largest = [0.0] * len(order), 0.0
    for rank, index in enumerate(order.tolist()):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def _group_by_meaning(
    entries: Sequence[DictionaryEntry], evidence: Mapping[int, Evidence]
) -> dict[str, dict[tuple[int, ...], list[Evidence]]]:
    """Returns supplier -> included categories -> the evidence of its labels."""
    found: dict[str, dict[tuple[int, ...], list[Evidence]]] = {}
    for number, entry in enumerate(entries):
        meaning = entry.meaning
        if meaning.categories and meaning.action is not Action.ASK and number in evidence:
            included = tuple(sorted(meaning.categories))
            of_supplier = found.setdefault(entry.supplier, {})
            of_supplier.setdefault(included, []).append(evidence[number])
    return found


def _measure_row(included: tuple[int, ...], parts: Sequence[Evidence]) -> NoiseRow:
    together = Evidence(
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.is_ood for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        parts[0].class_prior,
    )
    categories = together.probabilities.shape[1] + 1
    truth = estimate_posterior(together, np.full(categories, FLAT_ITEMS / categories))
    others = [index for index in range(categories) if index not in included]
    error_rate = estimate_fraction(together, truth.fractions, others, FLAT_ITEMS)
    return NoiseRow(included, together.n, truth, error_rate)


def _pool_rows(rows: Sequence[NoiseRow]) -> FractionEstimate:
    """Returns the error rate over all rows, weighted by their items."""
    weights = np.array([row.items for row in rows], dtype=np.float64)
    weights /= weights.sum()
    mean = float(weights @ [row.error_rate.fraction for row in rows])
    variance = float(weights**2 @ [row.error_rate.variance for row in rows])
    return beta_from_variance(mean, variance)


def _compare_with_others(rate: FractionEstimate, others: Sequence[FractionEstimate]) -> float:
    if not others:
        return 1.0
    variance = sum(other.variance for other in others) / len(others) ** 2
    return compare_fractions(rate, beta_from_variance(_mean_fraction(others), variance))


def _mean_fraction(rates: Sequence[FractionEstimate]) -> float:
    return sum(rate.fraction for rate in rates) / max(len(rates), 1)


@dataclass(frozen=True, slots=True)
class EarlierAudit:
    """What an earlier audit found.

    Attributes:
        folder: Its folder.
        fractions: (supplier, folded label) -> category -> fraction.
        error_rates: Supplier -> error rate.
        model: Name of its model; empty where the tables do not say.
    """

    folder: str
    fractions: Mapping[tuple[str, str], Mapping[str, FractionEstimate]]
    error_rates: Mapping[str, FractionEstimate]
    model: str = ""


@dataclass(frozen=True, slots=True)
class FractionChange:
    """A fraction that differs from the earlier audit.

    Attributes:
        supplier: The brand.
        label: The label; empty for the error rate of the brand.
        category: Whose fraction it is.
        before: The earlier fraction, 0-1.
        now: The fraction now, 0-1.
        p_value: Of the difference, after Holm's correction.
    """

    supplier: str
    label: str
    category: str
    before: float
    now: float
    p_value: float

    @property
    def is_large(self) -> bool:
        """Whether the change is large enough to matter."""
        smallest = MIN_CHANGE if self.label else MIN_ERROR_RATE_CHANGE
        return abs(self.now - self.before) >= smallest


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed since an earlier audit.

    Attributes:
        folder: The earlier audit.
        changes: Changed fractions, the largest change first.
        new: Labels that were not there before, as (supplier, label).
        missing: Labels that are no longer there, as (supplier, folded label).
        missing_brands: Brands of the earlier audit that this feed does not have.
        other_model: Model of the earlier audit where it is another; empty elsewhere.
    """

    folder: str
    changes: tuple[FractionChange, ...]
    new: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, str], ...]
    missing_brands: tuple[str, ...] = ()
    other_model: str = ""


def read_earlier_audit(folder: Path) -> EarlierAudit:
    """Reads the tables of an earlier audit.

    Raises:
        DataError: They are missing or damaged.
    """
    missing = [name for name in (DISTRIBUTIONS, BRANDS) if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} holds no audit: {missing[0]} is missing; pass the --out folder of an "
            "earlier hangtag audit"
        )
    fractions: dict[tuple[str, str], dict[str, FractionEstimate]] = {}
    try:
        for row in read_csv_rows(folder / DISTRIBUTIONS):
            key = row["supplier"], fold_label(row["label"])
            fractions.setdefault(key, {})[row["category"]] = _read_estimate(row, "fraction")
        brands = list(read_csv_rows(folder / BRANDS))
        error_rates = {row["supplier"]: _read_estimate(row, "error_rate") for row in brands}
    except (KeyError, ValueError) as error:
        raise DataError(f"{folder} holds no audit: a table is damaged ({error})") from error
    model = brands[0].get("model", "") if brands else ""
    return EarlierAudit(str(folder), fractions, error_rates, model)


def find_drift(
    entries: Sequence[DictionaryEntry],
    noise: Sequence[BrandNoise],
    categories: Categories,
    earlier: EarlierAudit,
    *,
    model: str = "",
) -> Drift:
    """Compares an audit by `model` with an earlier one."""
    compared = [*_compare_labels(entries, categories, earlier), *_compare_brands(noise, earlier)]
    p_values = correct_holm([change.p_value for change in compared])
    changes = [
        replace(change, p_value=p_value)
        for change, p_value in zip(compared, p_values, strict=True)
        if p_value < SIGNIFICANCE and change.is_large
    ]
    keys = {(entry.supplier, fold_label(entry.label)) for entry in entries}
    suppliers = {entry.supplier for entry in entries}
    before = earlier.fractions
    return Drift(
        folder=earlier.folder,
        changes=tuple(sorted(changes, key=lambda change: -abs(change.now - change.before))),
        new=tuple(
            (entry.supplier, entry.label)
            for entry in entries
            if (entry.supplier, fold_label(entry.label)) not in before
        ),
        missing=tuple(key for key in before if key not in keys and key[0] in suppliers),
        missing_brands=tuple(
            dict.fromkeys(supplier for supplier, _ in before if supplier not in suppliers)
        ),
        other_model="" if earlier.model == model else earlier.model,
    )


def _compare_labels(
    entries: Sequence[DictionaryEntry], categories: Categories, earlier: EarlierAudit
) -> list[FractionChange]:
    changes = []
    for entry in entries:
        before_of = earlier.fractions.get((entry.supplier, fold_label(entry.label)), {})
        for index, name in enumerate(categories.names):
            if name in before_of:
                before, now = before_of[name], _estimate_at(entry.posterior, index)
                change = FractionChange(
                    entry.supplier,
                    entry.label,
                    name,
                    before.fraction,
                    now.fraction,
                    compare_fractions(before, now),
                )
                changes.append(change)
    return changes


def _compare_brands(noise: Sequence[BrandNoise], earlier: EarlierAudit) -> list[FractionChange]:
    changes = []
    for brand in noise:
        before, now = earlier.error_rates.get(brand.supplier), brand.error_rate
        if before is not None:
            p_value = compare_fractions(before, now)
            change = FractionChange(
                brand.supplier, "", "error rate", before.fraction, now.fraction, p_value
            )
            changes.append(change)
    return changes


def _estimate_at(posterior: Posterior, index: int) -> FractionEstimate:
    low, high = float(posterior.low[index]), float(posterior.high[index])
    return _from_interval(float(posterior.fractions[index]), low, high)


def _read_estimate(row: Mapping[str, str], column: str) -> FractionEstimate:
    return _from_interval(float(row[column]), float(row["low"]), float(row["high"]))


def _from_interval(fraction: float, low: float, high: float) -> FractionEstimate:
    """Returns the estimate that has an interval as wide."""
    return beta_from_variance(fraction, max((high - low) / (2 * _Z), 1e-4) ** 2)
