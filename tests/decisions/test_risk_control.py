import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapie.risk_control.fwer_control import FWERFixedSequenceTesting
from numpy.typing import NDArray
from scipy.stats import binomtest

from hangtag.decisions.risk_control import (
    ENOUGH,
    STARTS,
    STEPS,
    choose_threshold,
    choose_thresholds,
    estimate_items_needed,
    fewest_items,
    lower_bounds,
)

DRAWS = 500
POPULATION = 30_000


def draw(
    count: int, *, seed: int, classes: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Draws confidences near 1, whether they are right as often as they say, and classes."""
    random = np.random.default_rng(seed)
    confidence = 1 - 0.5 * random.beta(0.4, 3, count)
    return confidence, random.random(count) < confidence, random.integers(0, classes, count)


@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.05, 0.01]))
def test_the_bound_is_scipys(accepted: int, share: float, error: float) -> None:
    right = round(share * accepted)
    test = binomtest(right, accepted, alternative="greater")
    expected = test.proportion_ci(1 - error, method="exact").low
    bound = lower_bounds(np.array([right]), np.array([accepted]), alpha=error)
    assert bound[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("precision", [0.95, 0.98])
def test_the_threshold_is_mapies(seed: int, precision: float) -> None:
    """Each start is a fixed sequence of MAPIE's with its part of the error."""
    confidence, correct, _ = draw(2000, seed=seed)
    order = np.argsort(-confidence)
    accepted = np.arange(1, STEPS + 1) * len(order) // STEPS
    right = np.cumsum(correct[order])[accepted - 1]
    p_values = np.array(
        [
            binomtest(int(r), int(n), precision, alternative="greater").pvalue
            for r, n in zip(right, accepted, strict=True)
        ]
    )
    proven = {
        first + index
        for first in (round(start * STEPS) - 1 for start in STARTS)
        for index in FWERFixedSequenceTesting(n_starts=1).run(p_values[first:], 0.05 / len(STARTS))
    }
    expected = confidence[order][accepted[max(proven)] - 1] if proven else None
    assert choose_threshold(confidence, correct, target_precision=precision) == expected


def count_broken(*, precision: float, classes: int, held_out_items: int) -> tuple[int, int]:
    """Splits one population at random into held-out items and those the promise is about.

    Returns in how many of the splits a promise is given, and in how many it is broken.
    """
    confidence, correct, predicted = draw(POPULATION, seed=0, classes=classes)
    random = np.random.default_rng(1)
    broken = given = 0
    for _ in range(DRAWS):
        held_out = np.zeros(POPULATION, dtype=bool)
        held_out[random.choice(POPULATION, held_out_items, replace=False)] = True
        thresholds = choose_thresholds(
            confidence[held_out],
            correct[held_out],
            predicted[held_out],
            classes=classes,
            target_precision=precision,
        )
        lowest = np.array([np.inf if value is None else value for value in thresholds])
        accepted = ~held_out & (confidence >= lowest[predicted])
        given += bool(accepted.any())
        broken += bool(accepted.any()) and correct[accepted].mean() < precision
    return given, broken


@pytest.mark.parametrize(
    ("precision", "classes", "held_out_items"),
    [(0.95, 1, 3000), (0.98, 1, 3000), (0.99, 1, 9000), (0.9, 6, 3000), (0.95, 6, 3000)],
)
def test_a_promise_is_broken_in_at_most_five_percent_of_splits(
    precision: float, classes: int, held_out_items: int
) -> None:
    given, broken = count_broken(
        precision=precision, classes=classes, held_out_items=held_out_items
    )
    assert given > DRAWS * 0.9
    assert broken / DRAWS <= 0.05


@pytest.mark.parametrize("classes", [1, 6])
def test_without_the_bound_the_promise_would_be_broken(
    monkeypatch: pytest.MonkeyPatch, classes: int
) -> None:
    def take_what_is_seen(
        right: NDArray[np.int64], accepted: NDArray[np.int64], *, alpha: float
    ) -> NDArray[np.float64]:
        return right / np.maximum(accepted, 1)

    monkeypatch.setattr("hangtag.decisions.risk_control.lower_bounds", take_what_is_seen)
    _, broken = count_broken(precision=0.95, classes=classes, held_out_items=3000)
    assert broken / DRAWS > 0.2


def test_too_few_items_support_no_promise_and_it_is_said_how_many_would() -> None:
    # log(0.05 / 5) / log(0.99) = 458.2
    assert fewest_items(0.99) == 459
    perfect, right = np.linspace(0.9, 1, 459), np.ones(459, dtype=bool)
    assert choose_threshold(perfect, right, target_precision=0.99) == 0.9
    assert choose_threshold(perfect[1:], right[1:], target_precision=0.99) is None
    assert estimate_items_needed(perfect[1:], right[1:], target_precision=0.99) == 459


def test_what_is_needed_suffices() -> None:
    confidence, correct, _ = draw(300, seed=5)
    assert choose_threshold(confidence, correct, target_precision=0.98) is None
    needed = estimate_items_needed(confidence, correct, target_precision=0.98)
    assert needed is not None
    times = -(-needed // 300)
    more = np.repeat(confidence, times), np.repeat(correct, times)
    assert choose_threshold(*more, target_precision=0.98) is not None


def test_where_the_model_is_too_weak_no_number_of_items_would_do() -> None:
    confidence, right = np.linspace(0.5, 1, 1000), np.arange(1000) % 2 == 0
    assert choose_threshold(confidence, right, target_precision=0.9) is None
    assert estimate_items_needed(confidence, right, target_precision=0.9) is None


def test_one_wrong_label_at_the_top_does_not_spoil_the_promise() -> None:
    confidence = np.linspace(0.5, 1, 4000)
    right = np.ones(4000, dtype=bool)
    right[-1] = False
    assert choose_threshold(confidence, right, target_precision=0.99) == 0.5


def test_items_of_equal_confidence_are_accepted_together() -> None:
    confidence = np.full(1000, 0.9)
    right = np.arange(1000) < 900
    assert choose_threshold(confidence, right, target_precision=0.95) is None
    assert choose_threshold(confidence, right, target_precision=0.85) == 0.9


def test_a_class_has_a_threshold_of_its_own_where_that_accepts_more() -> None:
    """One class is right whatever its confidence, the other as often as its confidence says."""
    enough = ENOUGH * fewest_items(0.9, alpha=0.05 / 4)
    predicted = np.repeat([0, 1], [enough, 3000])
    random = np.random.default_rng(7)
    confidence = random.uniform(0.5, 1, len(predicted))
    correct = (predicted == 0) | (random.random(len(predicted)) < confidence)
    own, other = choose_thresholds(confidence, correct, predicted, classes=2, target_precision=0.9)
    assert own == confidence[predicted == 0].min()
    assert other is not None
    assert other > 0.7


def test_classes_with_few_items_share_a_threshold() -> None:
    confidence, correct, predicted = draw(600, seed=1, classes=4)
    correct |= predicted == 0
    found = choose_thresholds(confidence, correct, predicted, classes=4, target_precision=0.9)
    assert len(set(found)) == 1
    assert found[0] is not None


def test_where_one_threshold_for_all_accepts_more_it_is_taken() -> None:
    confidence, correct, predicted = draw(20_000, seed=3, classes=4)
    assert (
        len(set(choose_thresholds(confidence, correct, predicted, classes=4, target_precision=0.9)))
        == 1
    )


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.sampled_from([0.8, 0.9, 0.95]))
def test_a_higher_promise_never_accepts_more(seed: int, precision: float) -> None:
    confidence, correct, _ = draw(600, seed=seed)
    low, high = (
        choose_threshold(confidence, correct, target_precision=value)
        for value in (precision, precision + 0.04)
    )
    if high is not None:
        assert low is not None
        assert low <= high
