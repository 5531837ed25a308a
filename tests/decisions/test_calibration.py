from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax as scipy_softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from hangtag.decisions.calibration import (
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
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


class _Logits(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose inputs are its logits."""

    def fit(self, x: NDArray[np.float32], y: NDArray[np.int64]) -> "_Logits":
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        best: NDArray[np.int64] = x.argmax(axis=1)
        return best

    def decision_function(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x


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
    left = 0
    for seed in range(20):
        logits, labels = draw_calibrated(300, seed=seed)

        def error(at: float, logits: Any = logits, labels: Any = labels) -> float:
            p = softmax(logits, temperature=at)
            return calibration_error(p.max(axis=1), p.argmax(axis=1) == labels)

        temperature = fit_temperature(logits, labels)
        left += temperature == 1.0
        assert temperature == 1.0 or error(temperature) < error(1.0)
    assert 0 < left < 20, "both happen: the logits are calibrated but for chance"


def test_the_temperature_is_scikit_learns() -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    logits, labels = draw_calibrated(3000, seed=2, temperature=3.0)
    frozen = FrozenEstimator(_Logits().fit(logits, labels))
    reference = CalibratedClassifierCV(frozen, method="temperature", cv=2).fit(logits, labels)
    ours = softmax(logits, temperature=fit_temperature(logits, labels))
    np.testing.assert_allclose(ours, reference.predict_proba(logits), atol=2e-3)


def test_reliability_bins_hold_all_items_in_order() -> None:
    logits, labels = draw_calibrated(1000, seed=4)
    p = softmax(logits)
    bins = reliability(p.max(axis=1), p.argmax(axis=1) == labels)
    assert len(bins) == 15
    assert sum(group.n for group in bins) == 1000
    assert [group.confidence for group in bins] == sorted(group.confidence for group in bins)
    total = sum(group.n * group.correct for group in bins)
    assert total == pytest.approx((p.argmax(axis=1) == labels).sum())
