"""Calibration and thresholds keep what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax as scipy_softmax

from hangtag.decisions import (
    calibration_error,
    choose_threshold,
    choose_thresholds,
    decide,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)


def draw_calibrated(
    count: int, *, seed: int, temperature: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draws logits (N, 5) and labels that follow softmax(logits / temperature)."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (count, 5)).astype(np.float32)
    chances = scipy_softmax(logits / temperature, axis=1)
    labels = (random.random((count, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return logits, np.minimum(labels, 4).astype(np.int64)


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_softmax_is_scipys(seed: int, temperature: float) -> None:
    logits = np.random.default_rng(seed).normal(0, 50, (7, 4)).astype(np.float32)
    expected = scipy_softmax(logits.astype(np.float64) / temperature, axis=1)
    np.testing.assert_allclose(softmax(logits, temperature=temperature), expected, atol=1e-12)


def test_likelihood_is_scikit_learns() -> None:
    from sklearn.metrics import log_loss

    logits, labels = draw_calibrated(500, seed=0)
    probabilities = softmax(logits)
    expected = log_loss(labels, probabilities, labels=range(5))
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(expected)


def test_calibration_error_by_hand() -> None:
    # 30 items: 15 bins of two. Each bin is right once in two at a confidence of 0.8: gap 0.3.
    confidence = np.full(30, 0.8)
    correct = np.tile([True, False], 15)
    assert calibration_error(confidence, correct) == pytest.approx(0.3)
    assert calibration_error(np.ones(3), np.ones(3, dtype=bool)) == 0.0


@pytest.mark.parametrize("truth", [0.5, 2.0, 4.0])
def test_the_temperature_is_found(truth: float) -> None:
    logits, labels = draw_calibrated(20_000, seed=1, temperature=truth)
    assert fit_temperature(logits, labels) == pytest.approx(truth, rel=0.05)


def test_a_temperature_that_does_not_help_is_one() -> None:
    logits, labels = draw_calibrated(300, seed=3)
    temperature = fit_temperature(logits, labels)

    def error(at: float) -> float:
        p = softmax(logits, temperature=at)
        return calibration_error(p.max(axis=1), p.argmax(axis=1) == labels)

    assert temperature == 1.0 or error(temperature) < error(1.0)


def test_a_promise_is_broken_in_at_most_five_percent_of_draws() -> None:
    random = np.random.default_rng(0)
    broken = kept = 0
    for _ in range(400):
        confidence = random.uniform(0.5, 1, 6000)
        correct = random.random(6000) < confidence
        threshold = choose_threshold(confidence, correct, precision=0.95)
        if threshold is None:
            continue
        kept += 1
        # Among items above t, uniform on (t, 1), the true precision is their mean confidence.
        broken += (1 + threshold) / 2 < 0.95
    assert kept > 100
    assert broken / 400 <= 0.05


def test_too_few_items_support_no_promise() -> None:
    # 597 items without an error are the fewest that prove 99 %: log(0.05 / 20) / log(0.99).
    perfect = np.linspace(0.9, 1, 597)
    right = np.ones(597, dtype=bool)
    assert choose_threshold(perfect, right, precision=0.99) == 0.9
    assert choose_threshold(perfect[1:], right[1:], precision=0.99) is None


def test_one_wrong_label_at_the_top_does_not_spoil_the_promise() -> None:
    confidence = np.linspace(0.5, 1, 4000)
    right = np.ones(4000, dtype=bool)
    right[-1] = False
    assert choose_threshold(confidence, right, precision=0.99) == 0.5


def test_items_of_equal_confidence_are_accepted_together() -> None:
    confidence = np.full(1000, 0.9)
    right = np.arange(1000) < 900
    assert choose_threshold(confidence, right, precision=0.95) is None
    assert choose_threshold(confidence, right, precision=0.85) == 0.9


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.8, 0.9, 0.95]))
def test_a_higher_promise_never_accepts_more(seed: int, precision: float) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.2, 0.2, 0.2], 400)
    labels = (random.random((400, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=2)
    found = choose_thresholds(
        probabilities, labels.astype(np.int64), precisions=(precision, precision + 0.04)
    )
    low, high = found[f"{precision:g}"], found[f"{precision + 0.04:g}"]
    if high is not None:
        assert low is not None
        assert low <= high


def test_decide() -> None:
    confidence = np.array([0.2, 0.5, 0.9])
    assert decide(confidence, 0.5).tolist() == ["review", "accept", "accept"]
    assert decide(confidence, None).tolist() == ["review"] * 3
