import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from hangtag.decisions.unknown import choose_limit, fit_familiarity, strangeness
from hangtag.training.strangeness import Strangeness


def draw(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws embeddings (N, 6) about three centres, in a lopsided cloud."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    centres = np.array([[4, 0, 0, 0, 0, 0], [0, 4, 0, 0, 0, 0], [0, 0, 4, 0, 0, 0]])
    spread = random.normal(size=(count, 6)) * [1, 2, 1, 0.5, 3, 1]
    return (centres[labels] + spread).astype(np.float32), labels


def test_strangeness_is_the_difference_of_scikit_learns_distances() -> None:
    embeddings, labels = draw(500, seed=0)
    values = embeddings.astype(np.float64)
    centres = np.stack([values[labels == k].mean(axis=0) for k in range(3)])
    within = LedoitWolf(assume_centered=True).fit(values - centres[labels])
    overall = LedoitWolf().fit(values)
    expected = np.min([within.mahalanobis(values - c) for c in centres], axis=0)
    expected -= overall.mahalanobis(values)
    received = strangeness(embeddings, fit_familiarity(embeddings, labels))
    np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-6)


def test_what_lies_elsewhere_is_stranger_and_the_limit_keeps_98_percent() -> None:
    train, labels = draw(3000, seed=0)
    known = fit_familiarity(train, labels)
    held_out, _ = draw(3000, seed=1)
    limit = choose_limit(strangeness(held_out, known))
    kept = strangeness(draw(3000, seed=2)[0], known) <= limit
    assert kept.mean() == pytest.approx(0.98, abs=0.01)
    assert (strangeness(held_out, known) <= limit).mean() == pytest.approx(0.98, abs=1e-3)
    elsewhere = held_out + np.array([9, 9, 9, 0, 0, 0], dtype=np.float32)
    assert (strangeness(elsewhere, known) > limit).mean() > 0.95


def test_the_graph_computes_the_same() -> None:
    embeddings, labels = draw(400, seed=3)
    known = fit_familiarity(embeddings, labels)
    received = Strangeness(known)(torch.from_numpy(embeddings))
    np.testing.assert_allclose(received, strangeness(embeddings, known), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("count", [2, 5])
def test_few_and_equal_items_give_finite_numbers(count: int) -> None:
    embeddings, labels = np.ones((count, 4), np.float32), np.zeros(count, np.int64)
    known = fit_familiarity(embeddings, labels)
    assert np.isfinite(strangeness(embeddings, known)).all()
