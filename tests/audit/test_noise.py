"""Label noise of brands, drift and savings."""

from pathlib import Path

import numpy as np
import pytest

from hangtag.audit.categories import Categories
from hangtag.audit.dictionary import DictionaryEntry, build_dictionary
from hangtag.audit.noise import (
    BrandNoise,
    EarlierAudit,
    compare_fractions,
    correct_holm,
    find_drift,
    measure_noise,
    read_earlier_audit,
)
from hangtag.audit.posterior import EvidenceTable, beta_estimate, beta_from_variance
from hangtag.audit.savings import Assumptions, count_savings
from hangtag.audit.scan import LabelGroups
from hangtag.errors import DataError
from hangtag.taxonomy import shipped_tree
from tests.audit.made_items import CLASSES, EQUAL, say

NAMES = Categories(
    ("a", "b", "c", "d", "no apparel"), ("1", "2", "3", "4", "outside"), shipped_tree()
)


def audit(
    rates: dict[str, float], *, items: int = 400
) -> tuple[list[DictionaryEntry], EvidenceTable]:
    """Builds the dictionary of brands with a label a class and a rate of wrong labels each."""
    groups, table = LabelGroups(), EvidenceTable(EQUAL)
    for seed, (supplier, rate) in enumerate(rates.items()):
        random = np.random.default_rng(seed)
        truth = random.integers(0, CLASSES, items)
        wrong = random.random(items) < rate
        labels = np.where(wrong, (truth + random.integers(1, CLASSES, items)) % CLASSES, truth)
        numbers = np.array([groups.count(supplier, f"word {label}") for label in labels])
        table.add(numbers, say(truth, seed=seed), np.zeros(items, dtype=np.bool_))
    return build_dictionary(groups, table, NAMES), table


def test_error_rates_are_found_and_ranked() -> None:
    rates = {"good": 0.01, "fair": 0.04, "alike": 0.04, "bad": 0.15}
    entries, table = audit(rates, items=1200)
    found = measure_noise(entries, table.by_group())
    assert found[0].supplier == "bad"
    assert {brand.supplier: brand.comparison for brand in found}["bad"] == "more"
    for brand in found:
        assert brand.error_rate.fraction == pytest.approx(rates[brand.supplier], abs=0.025)
        assert brand.error_rate.low <= brand.error_rate.fraction <= brand.error_rate.high
        for row in brand.rows:
            assert row.truth.fractions.sum() == pytest.approx(1)


def test_equal_brands_are_alike() -> None:
    entries, table = audit(dict.fromkeys("ABCDE", 0.05))
    assert {item.comparison for item in measure_noise(entries, table.by_group())} == {"alike"}


def test_one_brand_has_no_others() -> None:
    entries, table = audit({"A": 0.05})
    (brand,) = measure_noise(entries, table.by_group())
    assert (brand.comparison, brand.p_value) == ("alike", 1.0)


def test_holm_by_hand() -> None:
    assert correct_holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert correct_holm([]) == []


def test_an_estimate_has_the_variance_asked_for() -> None:
    assert beta_from_variance(0.3, 0.3 * 0.7 / 101).items == pytest.approx(100)
    assert beta_from_variance(0.3, 9.0).items == 1


def test_comparing_fractions_by_hand() -> None:
    assert compare_fractions(beta_estimate(0.5, 99), beta_estimate(0.5, 99)) == pytest.approx(1)
    # Each has the deviation 0.05, the difference 0.0707: 0.2 apart is 2.83 deviations.
    far = compare_fractions(beta_estimate(0.5, 99), beta_estimate(0.7, 83))
    assert far == pytest.approx(0.0047, abs=5e-4)


def test_a_label_that_means_something_else_now_is_drift() -> None:
    entries, table = audit({"A": 0.0})
    before = {
        ("A", "word 0"): dict.fromkeys(NAMES.names, beta_estimate(0.2, 100)),
        ("A", "old"): {"a": beta_estimate(1.0, 50)},
    }
    earlier = EarlierAudit("before", before, {"A": beta_estimate(0.4, 300)})
    drift = find_drift(entries, measure_noise(entries, table.by_group()), NAMES, earlier)
    assert (drift.changes[0].label, drift.changes[0].category) == ("word 0", "a")
    assert any(item.label == "" and item.category == "error rate" for item in drift.changes)
    assert ("A", "old") in drift.missing
    assert ("A", "word 1") in drift.new


def test_nothing_drifts_from_itself() -> None:
    entries, _ = audit({"A": 0.05, "B": 0.05})
    same = {
        (entry.supplier, entry.label): {
            name: beta_estimate(float(entry.posterior.fractions[index]), 100)
            for index, name in enumerate(NAMES.names)
        }
        for entry in entries
    }
    drift = find_drift(entries, [], NAMES, EarlierAudit("same", same, {}))
    assert (drift.changes, drift.new, drift.missing) == ((), (), ())


@pytest.mark.parametrize("before", [0.0495, 0.0505, 0.2, 0.001])
def test_an_error_rate_must_change_by_a_point_to_be_told(before: float) -> None:
    error = beta_estimate(0.05, 1e6)
    brand = BrandNoise("A", 1_000_000, (), error, 1.0, "alike")
    drift = find_drift([], [brand], NAMES, EarlierAudit("x", {}, {"A": beta_estimate(before, 1e6)}))
    assert len(drift.changes) == (abs(before - 0.05) > 0.01)


def test_what_is_no_audit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no audit: distributions\.csv is missing"):
        read_earlier_audit(tmp_path)
    (tmp_path / "brands.csv").write_text("")
    (tmp_path / "distributions.csv").write_text("supplier,label\nA,b\n")
    with pytest.raises(DataError, match="holds no audit"):
        read_earlier_audit(tmp_path)


def test_savings_by_hand() -> None:
    """1,000 items by hand cost 1000 x 36 s x 10 / 3600 = 100; half of them are automated."""
    assumed = Assumptions(seconds=36, seconds_a_rule=60, wage=10, compute=0.001, error=0.5)
    found = count_savings(
        items=1000, automated=500, expected_errors=10, rules=6, assumptions=assumed
    )
    assert (found.automated, found.precision, found.queue) == (0.5, 0.98, 500)
    assert found.assumptions == assumed
    assert found.minutes == pytest.approx(500 * 36 / 60 - 6)
    after = 1000 * (0.5 * 36 * 10 / 3600 + 0.001 + 0.5 * 0.02 * 0.5) + 6 * 60 * 10 / 3600
    assert found.money == pytest.approx(100 - after)


def test_another_model_of_the_earlier_audit_is_found() -> None:
    earlier = EarlierAudit("before", {}, {}, "small")
    assert find_drift([], [], NAMES, earlier, model="large").other_model == "small"
    assert find_drift([], [], NAMES, earlier, model="small").other_model == ""
