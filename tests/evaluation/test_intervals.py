"""Intervals of the headline figures: by hand, and how often they hold the truth."""

import numpy as np
import pytest

from hangtag.evaluation.intervals import find_intervals, macro_f1, wilson


def test_wilson_by_hand() -> None:
    z, n, p = 1.959964, 6, 4 / 6
    centre, spread = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    low, high = wilson(4, n)
    assert low == pytest.approx((centre - spread) / (1 + z**2 / n), abs=1e-6)
    assert high == pytest.approx((centre + spread) / (1 + z**2 / n), abs=1e-6)


def test_macro_f1_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    generator = np.random.default_rng(3)
    labels, predicted = generator.integers(0, 5, (2, 300))
    expected = f1_score(labels, predicted, average="macro")
    assert macro_f1(labels, predicted, np.ones(300, np.int64)) == pytest.approx(expected)


def test_few_suppliers_tell_less_than_many_items() -> None:
    """Each supplier is right throughout or wrong throughout."""
    labels = np.zeros(400, np.int64)
    predicted = np.repeat([0, 1, 0, 0], 100)
    of_items = find_intervals(labels, predicted)
    of_suppliers = find_intervals(labels, predicted, np.repeat(["a", "b", "c", "d"], 100))
    assert of_items.suppliers is None
    assert of_suppliers.suppliers == 4
    assert of_items.accuracy[0] > 0.7
    assert of_suppliers.accuracy[0] < 0.5
    assert of_suppliers.macro_f1[0] < of_items.macro_f1[0]


def test_a_model_without_a_mistake_is_not_sure_to_make_none() -> None:
    labels = np.arange(20) % 2
    low, high = find_intervals(labels, labels, np.repeat(["a", "b"], 10)).accuracy
    assert low == pytest.approx(wilson(20, 20)[0])
    assert high == 1


def test_no_interval_is_of_width_zero() -> None:
    labels = np.arange(36) % 3
    mistaken = np.where(np.arange(36) < 6, 0, labels)
    single = find_intervals(labels, mistaken, np.repeat(["a"], 36))
    assert single == find_intervals(labels, mistaken)
    for predicted in (labels, mistaken):
        for low, high in (one := find_intervals(labels, predicted)).accuracy, one.macro_f1:
            assert high - low > 0.05


def test_intervals_over_suppliers_hold_the_truth_where_those_over_items_do_not() -> None:
    """Sixty suppliers of thirty items, each with an accuracy of its own around 0.8."""
    generator = np.random.default_rng(0)
    held = {"items": 0, "suppliers": 0}
    for _ in range(60):
        rates = generator.beta(4, 1, 60)
        predicted = (generator.random((60, 30)) > rates[:, None]).astype(np.int64).ravel()
        labels = np.zeros(1800, np.int64)
        names = np.repeat(np.arange(60).astype(str), 30)
        for name, suppliers in (("items", None), ("suppliers", names)):
            low, high = find_intervals(labels, predicted, suppliers).accuracy
            held[name] += low <= 0.8 <= high
    assert held["suppliers"] >= 51  # 57 expected
    assert held["items"] <= 45
